package connect

import (
	"bytes"
	"io"
	"net/http"
)

// bearer adds the token of a grant to each request. An answer that the token
// is not good any more is asked again, up to a token that was got just for
// it: a server that says 401 has done nothing.
type bearer struct {
	base   http.RoundTripper
	tokens *tokens
}

// mostSent bounds the requests for one: with the token that the process
// knows, with the one that the fleet knows, and with a new one.
const mostSent = 3

// RoundTrip implements http.RoundTripper.
func (b bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := repeatable(req)
	if err != nil {
		return nil, err
	}
	token, fresh, err := b.tokens.token(req.Context(), "")
	if err != nil {
		return nil, err
	}
	for sent := 1; ; sent++ {
		resp, err := b.send(req, body, token)
		if err != nil || resp.StatusCode != http.StatusUnauthorized || fresh || sent == mostSent {
			return resp, err
		}
		_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // so that the connection can be used again
		resp.Body.Close()
		if token, fresh, err = b.tokens.token(req.Context(), token); err != nil {
			return nil, err
		}
	}
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
