// Package httprecorder records responses to requests that a process makes of itself.
package httprecorder

import (
	"net/http"

	"github.com/penstock/penstock/internal/firstbytes"
)

// Recorder is an http.ResponseWriter that records a response: the beginning of its body, and the size of all of it. Only one goroutine
// may use it at a time.
type Recorder struct {
	Status int // 0: nothing was written
	Body   *firstbytes.Buffer

	header http.Header
}

// New returns a Recorder of at most most bytes of the body.
func New(most int) *Recorder { return &Recorder{Body: firstbytes.New(most), header: http.Header{}} }

// Complete reports whether the body is recorded as a whole.
func (r *Recorder) Complete() bool { return r.Body.Complete() }

// Header implements http.ResponseWriter.
func (r *Recorder) Header() http.Header { return r.header }

// WriteHeader records the first status.
func (r *Recorder) WriteHeader(status int) {
	if r.Status == 0 {
		r.Status = status
	}
}

// Write records as much as there is room for. It never fails.
func (r *Recorder) Write(part []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.Body.Write(part)
}

// Flush implements http.Flusher.
func (r *Recorder) Flush() { r.WriteHeader(http.StatusOK) }
