package connect

import (
	"bytes"
	"io"
	"net/http"
)

// bearer adds the token of a grant to each request. An answer that the token
// is not good any more is asked again once, with a new one: a server that
// says 401 has done nothing.
type bearer struct {
	base   http.RoundTripper
	tokens *tokens
}

// RoundTrip implements http.RoundTripper.
func (b bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := repeatable(req)
	if err != nil {
		return nil, err
	}
	token, err := b.tokens.token(req.Context(), "")
	if err != nil {
		return nil, err
	}
	resp, err := b.send(req, body, token)
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		return resp, err
	}
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // so that the connection can be used again
	resp.Body.Close()
	if token, err = b.tokens.token(req.Context(), token); err != nil {
		return nil, err
	}
	return b.send(req, body, token)
}

func (b bearer) send(req *http.Request, body []byte, token string) (*http.Response, error) {
	sent := req.Clone(req.Context())
	if req.Body != nil {
		sent.Body = io.NopCloser(bytes.NewReader(body))
	}
	sent.Header.Set("Authorization", "Bearer "+token)
	resp, err := b.base.RoundTrip(sent)
	if err == nil {
		resp.Request = req
	}
	return resp, err
}

// repeatable reads the body, which the step holds in memory anyway.
func repeatable(req *http.Request) ([]byte, error) {
	if req.Body == nil {
		return nil, nil
	}
	defer req.Body.Close()
	return io.ReadAll(req.Body)
}
