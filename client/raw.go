package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// Raw sends in as JSON and returns the body of the response, requested as JSON. A nil in sends no body. Errors of
// the server are *Error.
func (c *Client) Raw(ctx context.Context, method, path string, in any) ([]byte, error) {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
	}
	a, err := c.send(ctx, method, path, body, http.Header{"Accept": {"application/json"}})
	if err != nil {
		return nil, err
	}
	return a.body, nil
}

// Stream sends a GET and returns the body of the response, which only ctx limits in time and the caller closes. Errors of the
// server are *Error.
func (c *Client) Stream(ctx context.Context, path, accept string) (*http.Response, error) {
	r, err := c.request(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", accept)
	return c.open(r)
}

// open sends a request whose response is a stream.
func (c *Client) open(r *http.Request) (*http.Response, error) {
	c.authorize(r, nil)
	streaming := *c.config.HTTP
	streaming.Timeout = 0 // a stream is limited by its context only
	w, err := streaming.Do(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, withoutQuery(err))
	}
	if w.StatusCode < http.StatusBadRequest {
		return w, nil
	}
	defer w.Body.Close()
	a, err := readAnswer(w)
	if err != nil {
		return nil, err
	}
	return nil, newError(a)
}
