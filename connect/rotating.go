package connect

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/penstock/penstock/internal/mask"
	"github.com/penstock/penstock/store"
)

// errRotated reports that a server refused a credential that is no longer the one in its store.
var errRotated = errors.New("the credential was replaced in its store")

// rotated reads the references of a connection again, because a server has refused their values, and reports whether one of them has
// another value now. Its stores are asked at most every 10 s, whatever servers answer.
func (r *Resolver) rotated(ctx context.Context, c *store.Connection) bool {
	stores := r.config.Store.SecretStores()
	stores.Refresh(ctx, c.From)
	values, _, err := stores.Values(ctx, c.From)
	if err != nil {
		return false
	}
	for name, value := range values {
		if value != c.Settings[name] {
			return true
		}
	}
	return false
}

// rotation returns what tells tokens that their credential was replaced; nil: it is in no other store.
func (r *Resolver) rotation(c *store.Connection) func(context.Context) bool {
	if len(c.From) == 0 {
		return nil
	}
	return func(ctx context.Context) bool { return r.rotated(ctx, c) }
}

// rotating sends a request again when the server answers 401 and the credential was replaced in its store: a server that answers 401
// has done nothing. The connection is that of the first try, with the values of its references.
type rotating struct {
	base     http.RoundTripper
	resolver *Resolver
	conn     *store.Connection
	wrap     func(http.RoundTripper) http.RoundTripper // of that connection
}

// RoundTrip implements http.RoundTripper.
func (r rotating) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := repeatable(req)
	if err != nil {
		return nil, err
	}
	resp, err := send(r.wrap(r.base), req, body)
	refused := err == nil && resp.StatusCode == http.StatusUnauthorized || errors.Is(err, errRotated)
	if !refused || !r.resolver.rotated(req.Context(), r.conn) {
		return resp, err
	}
	next, failed := r.next(req)
	if next == nil || failed != nil {
		return resp, err
	}
	if resp != nil {
		_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // so that the connection can be reused
		resp.Body.Close()
	}
	return send(next, req, body)
}

// send sends a copy of a request with its body.
func send(transport http.RoundTripper, req *http.Request, body []byte) (*http.Response, error) {
	sent := req.Clone(req.Context())
	if req.Body != nil {
		sent.Body = io.NopCloser(bytes.NewReader(body))
	}
	resp, err := transport.RoundTrip(sent)
	if err == nil {
		resp.Request = req // the caller must not see the credential in the request
	}
	return resp, err
}

// next returns the transport with what the store has now; nil: the connection does not fit the request any more.
func (r rotating) next(req *http.Request) (http.RoundTripper, error) {
	c, err := r.resolver.connections.Connection(req.Context(), r.conn.Name)
	if err != nil {
		return nil, err
	}
	made, err := r.resolver.openWithReferences(req.Context(), c)
	if err != nil {
		return nil, err
	}
	p, ok := made.conn.(*pinned)
	if !ok || p.once == nil || !p.Allows(req.URL) {
		return nil, nil
	}
	mask.Add(req.Context(), made.secrets...)
	return p.once(r.base), nil
}

// rotate makes an HTTP connection with references try again after a rotation.
func (r *Resolver) rotate(p *pinned, c *store.Connection) {
	if len(c.From) == 0 {
		return
	}
	p.once = p.wrap
	p.wrap = func(base http.RoundTripper) http.RoundTripper { return rotating{base, r, c, p.once} }
}
