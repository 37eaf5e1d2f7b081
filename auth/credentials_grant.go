package auth

import "context"

// credentialsGrant is the client credentials grant: the client sends only its secret (RFC 6749 section 4.4).
type credentialsGrant struct{ *Authority }

// Type implements Grant.
func (credentialsGrant) Type() string { return "client_credentials" }

// Check implements Grant.
func (g credentialsGrant) Check(ctx context.Context, r *TokenRequest) (*TokenGrant, error) {
	c, err := g.client(ctx, r)
	if err != nil {
		return nil, err
	}
	return g.clientGrant(ctx, c)
}
