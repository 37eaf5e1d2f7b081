package hooks

import (
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
)

// token compares a secret that the sender sends: in a header, as a bearer token, or in the query string if the
// sender cannot set headers.
type token struct{ v *flows.Verify }

// Verify implements Verifier.
func (t token) Verify(d *Delivery, secrets []string) error {
	given := t.read(d)
	if given == "" {
		return ErrUnsigned
	}
	return wrongUnless(match([][]byte{hashOf(given)}, perSecret(secrets, func(secret []byte) []byte { return hashOf(string(secret)) })))
}

func (t token) read(d *Delivery) string {
	switch {
	case t.v.Param != "":
		return d.Query.Get(t.v.Param)
	case t.v.Header != "":
		return d.Header.Get(t.v.Header)
	}
	given, uses := auth.Credentials(d.Header.Get("Authorization"), "bearer")
	if !uses {
		return ""
	}
	return given
}

// ID implements Verifier.
func (t token) ID(d *Delivery) string { return headerID(d, t.v) }
