package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"strings"
)

// explainSignature is for the header Penstock-Signature.
func (a *Authority) explainSignature(ctx context.Context, p *Puzzle, header string) (*Explanation, error) {
	e := &Explanation{Scheme: "signature", Findings: []string{}}
	for name, value := range p.Headers {
		if strings.EqualFold(name, HeaderKey) {
			e.Key = value
		}
	}
	ts, given, ok := parseSignature(header)
	if !ok {
		e.find(`%s must read "t=<seconds since 1970>,v1=<64 hexadecimal digits>"`, HeaderSignature)
		return e, nil
	}
	key, err := a.explainKey(ctx, e)
	if err != nil || key == nil {
		return e, err
	}
	e.Signed = ts + "." + p.Body
	current, previous := key.Secrets(a.config.Now())
	e.Fits = verifySignature(ts, []byte(p.Body), given, Secrets{current, previous})
	if !e.Fits {
		e.find("%s", misSigned(ts, p.Body, given, key.Secret, key.Previous))
	}
	e.clock(ts, a.config.Now(), Window(key))
	e.state(key)
	return e, nil
}

// misSigned finds the mistake that leads to one of the given digests.
func misSigned(ts, body string, given [][sha256.Size]byte, secret, previous string) string {
	one := func(secret, text string) [sha256.Size]byte {
		h := hmac.New(sha256.New, []byte(secret))
		h.Write([]byte(text))
		return [sha256.Size]byte(h.Sum(nil))
	}
	full := ts + "." + body
	for _, m := range []struct {
		says string
		sum  [sha256.Size]byte
	}{
		{"it is signed with the secret before the last rotation, which does not count any more", one(previous, full)},
		{"only the body was signed; the time and a dot come before it", one(secret, body)},
		{"there is no dot between the time and the body", one(secret, ts+body)},
		{"the body was signed without the white space around it: it is signed as it is sent", one(secret, ts+"."+strings.TrimSpace(body))},
		{"the body was signed without its line breaks, as at the SmartSYNC door: here it is signed as it is sent", one(secret, ts+"."+string(Canonical([]byte(body))))},
		{"the body was signed with a line break at its end, which was not sent", one(secret, full+"\n")},
		{"a line break follows the secret", one(secret+"\n", full)},
		{"it is a plain SHA-256; an HMAC with the secret as its key is expected", sha256.Sum256([]byte(full + secret))},
		{"it is a plain SHA-256; an HMAC with the secret as its key is expected", sha256.Sum256([]byte(secret + full))},
	} {
		for i := range given {
			if hmac.Equal(given[i][:], m.sum[:]) {
				return m.says
			}
		}
	}
	return "the signature is that of another text or of another secret: compare the bytes shown as signed with yours, and the secret with that of the key"
}
