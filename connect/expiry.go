package connect

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/penstock/penstock/store"
)

// Expiries returns the ends of all clients and connections that have one. The expired ones are among them.
func Expiries(ctx context.Context, s *store.Store) (all []store.Expiry, err error) {
	clients, err := s.Clients().List(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range clients {
		all = append(all, c.Expiry())
	}
	connections, err := s.Connections().List(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range connections {
		all = append(all, expiries(c)...)
	}
	return slices.DeleteFunc(all, func(e store.Expiry) bool { return e.Ends.IsZero() }), nil
}

// expiries returns the ends of the settings of a connection, zero for those that have none: a certificate with its chain ends
// with the first of them, authorities with the last one, and a ready-made assertion and a token that is a JWT with their exp
// (RFC 7519, section 4.1.4).
func expiries(c *store.Connection) []store.Expiry {
	return []store.Expiry{
		{Kind: "certificate", Name: c.Name, Ends: certificatesEnd(c.Settings["certificate"], time.Time.Before)},
		{Kind: "ca", Name: c.Name, Ends: certificatesEnd(c.Settings["ca"], time.Time.After)},
		{Kind: "assertion", Name: c.Name, Ends: jwtEnd(c.Settings["assertion"])},
		{Kind: "token", Name: c.Name, Ends: jwtEnd(c.Settings["token"])},
	}
}

// certificatesEnd returns the end of PEM certificates that is before all others in the given order; zero: there is none.
func certificatesEnd(text string, before func(a, b time.Time) bool) (end time.Time) {
	for block, rest := pem.Decode([]byte(text)); block != nil; block, rest = pem.Decode(rest) {
		if c, err := x509.ParseCertificate(block.Bytes); err == nil && (end.IsZero() || before(c.NotAfter, end)) {
			end = c.NotAfter
		}
	}
	return end
}

// jwtEnd returns exp of a JWT, whose signature is for its receiver to verify; zero: it has none.
func jwtEnd(text string) time.Time {
	token, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
		jose.HS256, jose.HS384, jose.HS512,
	})
	var claims jwt.Claims
	if err != nil || token.UnsafeClaimsWithoutVerification(&claims) != nil || claims.Expiry == nil {
		return time.Time{}
	}
	return claims.Expiry.Time().UTC()
}
