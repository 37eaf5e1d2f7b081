// Package httpsnoop stands for httpsnoop, of which otelhttp needs Wrap: see
// ../README.md.
package httpsnoop

import (
	"bufio"
	"net"
	"net/http"
)

// These are methods of a writer.
type (
	HeaderFunc      func() http.Header
	WriteHeaderFunc func(code int)
	WriteFunc       func(b []byte) (int, error)
	FlushFunc       func()
)

// Hooks return what is called in the place of a writer's methods. Each gets the
// method; a nil one leaves it.
type Hooks struct {
	Header      func(HeaderFunc) HeaderFunc
	WriteHeader func(WriteHeaderFunc) WriteHeaderFunc
	Write       func(WriteFunc) WriteFunc
	Flush       func(FlushFunc) FlushFunc
}

// writer has the optional interfaces that the writers of net/http have. Where
// the one beneath lacks one, Flush does nothing and Hijack returns an error that
// is http.ErrNotSupported, as Push does.
type writer struct {
	beneath     http.ResponseWriter
	header      HeaderFunc
	writeHeader WriteHeaderFunc
	write       WriteFunc
	flush       FlushFunc
}

// Wrap returns w with the hooks.
func Wrap(w http.ResponseWriter, hooks Hooks) http.ResponseWriter {
	control := http.NewResponseController(w)
	wrapped := &writer{w, w.Header, w.WriteHeader, w.Write, func() { _ = control.Flush() }}
	if hooks.Header != nil {
		wrapped.header = hooks.Header(wrapped.header)
	}
	if hooks.WriteHeader != nil {
		wrapped.writeHeader = hooks.WriteHeader(wrapped.writeHeader)
	}
	if hooks.Write != nil {
		wrapped.write = hooks.Write(wrapped.write)
	}
	if hooks.Flush != nil {
		wrapped.flush = hooks.Flush(wrapped.flush)
	}
	return wrapped
}

func (w *writer) Header() http.Header         { return w.header() }
func (w *writer) WriteHeader(code int)        { w.writeHeader(code) }
func (w *writer) Write(b []byte) (int, error) { return w.write(b) }

// Flush implements http.Flusher.
func (w *writer) Flush() { w.flush() }

// Unwrap is for http.ResponseController.
func (w *writer) Unwrap() http.ResponseWriter { return w.beneath }

// Hijack implements http.Hijacker.
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(w.beneath).Hijack()
}

// Push implements http.Pusher.
func (w *writer) Push(target string, opts *http.PushOptions) error {
	if p, ok := w.beneath.(http.Pusher); ok {
		return p.Push(target, opts)
	}
	return http.ErrNotSupported
}
