package auth

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"net/url"
	"slices"
	"strings"

	"github.com/penstock/penstock/store"
)

// explainSignature explains the header Penstock-Signature.
func (a *Authority) explainSignature(ctx context.Context, p *ExplainRequest, header string) (*Explanation, error) {
	e := &Explanation{Scheme: "signature", Findings: []string{}}
	for name, value := range p.Headers {
		if strings.EqualFold(name, HeaderKey) {
			e.Key = value
		}
	}
	sent, ok := parseSignature(header)
	if !ok {
		e.addFinding("%s %s", HeaderSignature, signatureForm)
		return e, nil
	}
	key, err := a.explainKey(ctx, e)
	if err != nil || key == nil {
		return e, err
	}
	target := p.URL
	if u, err := url.Parse(p.URL); err == nil {
		target = u.RequestURI()
	}
	text := sent.signedText(&Request{Method: strings.ToUpper(p.Method), Target: target}, key.Key, []byte(p.Body))
	e.Signed = string(text)
	current, previous := key.Secrets(a.config.Now())
	e.Fits = verifySignature(text, sent.given, Secrets{current, previous})
	switch {
	case e.Fits && sent.version == 1 && key.RefuseV1:
		e.addFinding("signatures of version 1 are switched off for this key")
	case e.Fits:
	case sent.version == 2:
		e.addFinding("%s", signatureV2Mistake(&sent, p.Method, target, p.Body, key))
	default:
		e.addFinding("%s", signatureV1Mistake(sent.ts, p.Body, sent.given, key.Secret, key.Previous))
	}
	e.clock(sent.ts, a.config.Now(), Window(key))
	e.state(key)
	return e, nil
}

// signatureV2Mistake returns the known mistake that results in one of the given digests.
func signatureV2Mistake(sent *signedHeader, method, target, body string, key *store.Key) string {
	base := func(method, target, body string) []byte {
		return Base(method, target, key.Key, sent.ts, sent.nonce, []byte(body))
	}
	path, _, _ := strings.Cut(target, "?")
	right := base(strings.ToUpper(method), target, body)
	for _, m := range []struct {
		says string
		text []byte
	}{
		{"a line break follows the last line of what was signed", append(slices.Clone(right), '\n')},
		{"lines end in CR and LF; they end in LF", bytes.ReplaceAll(right, []byte("\n"), []byte("\r\n"))},
		{"the method was signed in lower case", base(strings.ToLower(method), target, body)},
		{"the path was signed without the query string", base(strings.ToUpper(method), path, body)},
		{"the body was signed without the white space around it: it is signed as it is sent", base(strings.ToUpper(method), target, strings.TrimSpace(body))},
		{"the time and the body were signed, as in v1", signedV1(sent.ts, []byte(body))},
	} {
		if verifySignature(m.text, sent.given, Secrets{key.Secret, key.Previous}) {
			return m.says
		}
	}
	if verifySignature(right, sent.given, Secrets{Current: key.Previous}) {
		return "it is signed with the secret before the last rotation, which does not count any more"
	}
	return unknownMistake
}

// unknownMistake is the finding for a signature that no known mistake results in.
const unknownMistake = "the signature is that of another text or of another secret: compare the bytes shown as signed with yours, and the secret with that of the key"

// signatureV1Mistake returns the known mistake that results in one of the given digests.
func signatureV1Mistake(ts, body string, given [][sha256.Size]byte, secret, previous string) string {
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
		{"the body was signed without its line breaks, as for the SmartSYNC API; here it is signed as it is sent", one(secret, ts+"."+string(Canonical([]byte(body))))},
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
	return unknownMistake
}
