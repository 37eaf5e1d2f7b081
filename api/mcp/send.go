package mcp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"

	"github.com/penstock/penstock/api/httpx"
)

// maxResponse is the largest response of the API that becomes the result of a tool, in bytes.
const maxResponse = 8 << 20

// response is a response of the HTTP API.
type response struct {
	status int
	header http.Header
	body   []byte
}

var errLarge = errors.New("the response is larger than 8 MiB")

// send sends a request to the HTTP API for the caller of the tool.
func (a *api) send(ctx context.Context, method, path string, header http.Header, body []byte) (*response, error) {
	w := &recorder{header: http.Header{}}
	if err := a.serveTo(ctx, w, method, path, header, body); err != nil {
		return nil, err
	}
	if w.large {
		return nil, errLarge
	}
	return &response{w.status, w.header, w.body.Bytes()}, nil
}

func (a *api) serveTo(ctx context.Context, w http.ResponseWriter, method, path string, header http.Header, body []byte) error {
	from := requestOf(ctx)
	r, err := http.NewRequestWithContext(ctx, method, a.config.URL+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.RequestURI, r.RemoteAddr = path, net.JoinHostPort(from.address, "0")
	r.Header.Set(httpx.HeaderRequestID, from.id)
	for name, values := range header {
		r.Header[name] = values
	}
	a.config.Serve(w, r, from.principal)
	return nil
}

// recorder records a response.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
	large  bool // some of the body was dropped
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

func (r *recorder) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	if r.large = r.large || r.body.Len()+len(p) > maxResponse; r.large {
		return 0, io.ErrShortWrite
	}
	return r.body.Write(p)
}

// Flush does nothing: the whole response is read at its end.
func (r *recorder) Flush() {}
