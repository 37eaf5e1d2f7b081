package sender

import (
	"bytes"
	"context"
	"crypto/hmac"
	"slices"
	"strings"
)

// maxExplained is the maximum length of a body for which other signatures are tried.
const maxExplained = 64 << 10

// Explain says what is probably wrong with an HMAC that no secret proves: which change of the request or of the secret
// makes it right. It has neither the secret nor the right signature; empty: nothing was found. It is for the log and for
// administrators, never for the sender.
func (s *Scheme) Explain(_ context.Context, d *Delivery, secrets []string) string {
	h, ok := s.proof.(*hmacProof)
	if !ok || len(d.Body) > maxExplained || len(secrets) > maxProofs {
		return ""
	}
	texts, _ := h.place.texts(d)
	if len(texts) == 0 {
		return ""
	}
	keep := guess{proof: *h, body: func(b []byte) []byte { return b }, secret: func(s string) string { return s }}
	for _, secret := range secrets {
		if keep.proves(d, texts, secret) {
			return "" // the signature is right: what is wrong is its time, or what is expected besides
		}
	}
	for _, guess := range h.guesses(d) {
		for _, secret := range secrets {
			if guess.proves(d, texts, secret) {
				return guess.what
			}
		}
	}
	return ""
}

// guess is one change after which a signature may be right.
type guess struct {
	what   string
	proof  hmacProof
	body   func([]byte) []byte
	secret func(string) string
}

func (h *hmacProof) guesses(d *Delivery) []guess {
	same, keep := func(b []byte) []byte { return b }, func(s string) string { return s }
	all := []guess{
		{"the stored secret has blanks or a line end around it", *h, same, strings.TrimSpace},
		{"the stored secret lacks a line end", *h, same, func(s string) string { return s + "\n" }},
		{"a line end was added to the body, or the sender signed it without", *h, func(b []byte) []byte { return bytes.TrimRight(b, "\r\n") }, keep},
		{"a line end was removed from the body", *h, func(b []byte) []byte { return append(slices.Clone(b), '\n') }, keep},
		{"the body was changed from CR LF to LF on its way", *h, func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")) }, keep},
		{"the sender signed an empty body", *h, func([]byte) []byte { return nil }, keep},
	}
	for _, name := range []string{"sha1", "sha256", "sha384", "sha512", "md5"} {
		if name != h.algorithm {
			other := *h
			other.algorithm, other.algorithmFrom = name, nil
			all = append(all, guess{"the sender signs with " + name, other, same, keep})
		}
	}
	for _, encoding := range []string{"text", "base64", "hex"} {
		if encoding != h.secretEncoding && (encoding != "text" || h.secretEncoding != "") {
			other := *h
			other.secretEncoding = encoding
			all = append(all, guess{"the key is the secret read as " + encoding, other, same, keep})
		}
	}
	if h.template.source != "{body}" {
		other := *h
		other.template = &template{source: "{body}", parts: []part{{name: "body"}}}
		all = append(all, guess{"the sender signs the body alone", other, same, keep})
	}
	return all
}

// proves reports whether one of the texts, in any encoding, is the signature after the change.
func (g *guess) proves(d *Delivery, texts []string, secret string) bool {
	changed := *d
	changed.Body, changed.document = g.body(d.Body), document{}
	_, ts := g.proof.place.read(d)
	if g.proof.timestamp != nil {
		ts = g.proof.timestamp.text(d)
	}
	for _, target := range g.proof.urls(d) {
		right, err := g.proof.sum(&values{Delivery: &changed, timestamp: ts, url: target, hashParam: g.proof.bodyHashParam}, g.secret(secret))
		if err != nil {
			return false
		}
		for _, text := range texts {
			for _, encoding := range []string{"hex", "base64", "base64url"} {
				if hmac.Equal(decode(encoding, text), right) {
					return true
				}
			}
		}
	}
	return false
}
