package auth

import "context"

// credentialsGrant is the plain way of a client: its secret is all (RFC 6749
// section 4.4).
type credentialsGrant struct{ *Authority }

// Type implements Grant.
func (credentialsGrant) Type() string { return "client_credentials" }

// Check implements Grant.
func (g credentialsGrant) Check(ctx context.Context, r *TokenRequest) (*TokenGrant, error) {
	c, err := g.client(ctx, r)
	if err != nil {
		return nil, err
	}
	return g.clientGrant(c)
}
