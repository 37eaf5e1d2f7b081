package blob

import (
	"io"
	"net/http"
	"time"
)

// servePause is the time in which a caller must take each piece of a blob.
const servePause = 40 * time.Second

// ServeHTTP implements http.Handler: it answers GET and HEAD with the blob, or with the ranges of it that the request asks for
// (RFC 9110, section 14). The bytes of an id never change, so that the id is the entity tag. Without a Content-Type it is
// application/octet-stream. The deadlines of the connection are moved with each piece.
func (r *Reader) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	h := w.Header()
	if h["Content-Type"] == nil {
		h["Content-Type"] = []string{"application/octet-stream"}
	}
	h["Etag"] = []string{`"` + r.id + `"`}
	http.ServeContent(w, req, "", time.Time{}, &pacedReader{r, http.NewResponseController(w)})
}

// pacedReader moves the deadlines of a connection with each piece that is read.
type pacedReader struct {
	io.ReadSeeker
	connection *http.ResponseController
}

// Read implements io.Reader.
func (p *pacedReader) Read(b []byte) (int, error) {
	until := time.Now().Add(servePause)
	_ = p.connection.SetReadDeadline(until)  // an error means that there is no deadline
	_ = p.connection.SetWriteDeadline(until) // likewise
	return p.ReadSeeker.Read(b)
}
