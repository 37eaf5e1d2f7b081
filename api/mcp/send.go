package mcp

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/internal/httprecorder"
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
	w := httprecorder.New(maxResponse)
	if err := a.serveTo(ctx, w, method, path, header, body); err != nil {
		return nil, err
	}
	if !w.Complete() {
		return nil, errLarge
	}
	return &response{w.Status, w.Header(), w.Body.Bytes()}, nil
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
