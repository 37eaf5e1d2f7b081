package connect

import (
	"bytes"
	"io"
	"net/http"

	"github.com/penstock/penstock/internal/mask"
	"github.com/penstock/penstock/store"
)

// bearer adds the token of a grant to each request. After a 401 it repeats the request with another token, at most
// with one that was requested just for it: a server that answers 401 has done nothing.
type bearer struct {
	base   http.RoundTripper
	tokens *tokens
	set    func(req *http.Request, g *store.Grant)
}

// setBearer is the usual way to send a token (RFC 6750, section 2.1).
func setBearer(req *http.Request, g *store.Grant) {
	req.Header.Set("Authorization", "Bearer "+g.AccessToken)
}

// maxSends is the maximum number of times a request is sent: with the token of the process, with that of the fleet,
// and with a new one.
const maxSends = 3

// RoundTrip implements http.RoundTripper.
func (b bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := repeatable(req)
	if err != nil {
		return nil, err
	}
	g, fresh, err := b.tokens.token(req.Context(), "")
	if err != nil {
		return nil, err
	}
	for sent := 1; ; sent++ {
		resp, err := b.send(req, body, g)
		if err != nil || resp.StatusCode != http.StatusUnauthorized || fresh || sent == maxSends {
			return resp, err
		}
		_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // so that the connection can be reused
		resp.Body.Close()
		if g, fresh, err = b.tokens.token(req.Context(), g.AccessToken); err != nil {
			return nil, err
		}
	}
}

func (b bearer) send(req *http.Request, body []byte, g *store.Grant) (*http.Response, error) {
	sent := req.Clone(req.Context())
	if req.Body != nil {
		sent.Body = io.NopCloser(bytes.NewReader(body))
	}
	b.set(sent, g)
	mask.Add(req.Context(), g.AccessToken, g.RefreshToken)
	resp, err := b.base.RoundTrip(sent)
	if err == nil {
		resp.Request = req
	}
	return resp, err
}

// repeatable reads the body, which the step holds in memory in any case.
func repeatable(req *http.Request) ([]byte, error) {
	if req.Body == nil {
		return nil, nil
	}
	defer req.Body.Close()
	return io.ReadAll(req.Body)
}
