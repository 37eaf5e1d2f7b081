package hooks

import (
	"crypto/sha1" // some senders support nothing else
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"strings"

	"github.com/penstock/penstock/flows"
)

// generic verifies an HMAC of the body, or of a timestamp and the body, in a header.
type generic struct{ v *flows.Verify }

// algorithms are the hash functions that a flow may configure. Read only.
var algorithms = map[string]func() hash.Hash{"sha1": sha1.New, "sha256": sha256.New, "sha512": sha512.New}

// Verify implements Verifier.
func (g generic) Verify(d *Delivery, secrets []string) error {
	text, ok := strings.CutPrefix(d.Header.Get(g.v.Header), g.v.Prefix)
	given := decode(g.v.Encoding, text)
	algorithm := algorithms[g.v.Algorithm]
	if !ok || given == nil || algorithm == nil {
		return ErrUnsigned
	}
	ts, before := "", ""
	if g.v.TimestampHeader != "" {
		ts = d.Header.Get(g.v.TimestampHeader)
		before = ts + "."
	}
	right := perSecret(secrets, func(secret []byte) []byte { return sum(algorithm, secret, before, string(d.Body)) })
	if err := wrongUnless(match([][]byte{given}, right)); err != nil {
		return err
	}
	if g.v.TimestampHeader == "" {
		return nil
	}
	return checkTimestamp(ts, d.Now, g.v.Tolerance)
}

// ID implements Verifier: the configured header, or else the signature if the scheme signs a timestamp, so that a
// delivery cannot be replayed.
func (g generic) ID(d *Delivery) string {
	switch {
	case g.v.IDHeader != "":
		return d.Header.Get(g.v.IDHeader)
	case g.v.TimestampHeader != "":
		return d.Header.Get(g.v.Header)
	}
	return ""
}
