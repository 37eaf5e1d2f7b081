package sender

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/penstock/penstock/internal/httpauth"
)

// maxExplained is the maximum length of a body for which other proofs are tried.
const maxExplained = 64 << 10

// Explain returns what is probably wrong with a delivery that Verify rejected because of why: which line of the description,
// which secret, which change of the request or of a secret makes the proof right. It fetches no keys.
func (s *Scheme) Explain(ctx context.Context, d *Delivery, secrets []string, why error) []Finding {
	var known *flaw
	if errors.As(why, &known) {
		return []Finding{known.Finding}
	}
	for i, secret := range secrets {
		if err := s.proof.check(ctx, d, []string{secret}, nil); errors.Is(err, ErrSecret) {
			return []Finding{{"secret", i, strings.TrimPrefix(err.Error(), ErrSecret.Error()+": ")}}
		}
	}
	if !errors.Is(why, ErrWrong) || len(d.Body) > maxExplained || len(secrets) > maxProofs {
		return nil
	}
	if b, ok := s.proof.(*basic); ok {
		return b.explain(d)
	}
	var all []Finding
	tries := guesses(s.proof, d)
	for i, secret := range secrets {
		at := slices.IndexFunc(tries, func(g guess) bool {
			err := g.proof.check(ctx, g.delivery, []string{g.secret(secret)}, nil)
			return err == nil || timeIsOff(err)
		})
		if at >= 0 {
			all = append(all, Finding{tries[at].word, i, tries[at].what})
		}
	}
	if all == nil {
		all = []Finding{{"secret", -1, "the secret is another one, or what is signed was changed on its way"}}
	}
	return all
}

// explain says which of the two is wrong.
func (b *basic) explain(d *Delivery) []Finding {
	text, _ := httpauth.Credentials(d.Header.Get("Authorization"), "basic")
	if user, _, _ := httpauth.ParseBasic(text); user != b.user {
		return []Finding{{"user", -1, "the user name is another one"}}
	}
	return []Finding{{"secret", -1, "the user name is right, the password is not"}}
}

// guess is one change after which a proof may be right.
type guess struct {
	word, what string
	proof      proof
	delivery   *Delivery
	secret     func(string) string
}

func guesses(p proof, d *Delivery) []guess {
	same := func(s string) string { return s }
	var all []guess
	for _, c := range secretChanges {
		all = append(all, guess{"secret", c.what, p, d, c.change})
	}
	if t, ok := p.(*token); ok {
		place := *t.place
		place.prefix = "Bearer "
		return append(all, guess{"prefix", `the sender writes "Bearer " before the token`, &token{&place, t.all}, d, same})
	}
	for _, c := range bodyChanges {
		if body := c.change(d.Body); !bytes.Equal(body, d.Body) {
			changed := *d
			changed.Body, changed.document = body, document{}
			all = append(all, guess{"signed", c.what, p, &changed, same})
		}
	}
	for _, c := range urlChanges {
		changed := *d
		changed.URLs = nil
		for _, u := range d.URLs {
			changed.URLs = append(changed.URLs, c.change(u))
		}
		if !slices.Equal(changed.URLs, d.URLs) {
			all = append(all, guess{"url", c.what, p, &changed, same})
		}
	}
	if h, ok := p.(*hmacProof); ok {
		all = append(all, h.guesses(d)...)
	}
	return all
}

// secretChanges are mistakes in a stored secret. Read only.
var secretChanges = []struct {
	what   string
	change func(string) string
}{
	{"the stored secret has blanks or a line end around it", strings.TrimSpace},
	{"the stored secret lacks a line end", func(s string) string { return s + "\n" }},
	{"the stored secret has quotes around it", func(s string) string { return strings.Trim(strings.TrimSpace(s), `"'`) }},
	{"the key is the secret without whsec_", func(s string) string { return strings.TrimPrefix(s, symmetricPrefix) }},
	{"the key is the secret without whsec_, read as base64", func(s string) string {
		if text, ok := strings.CutPrefix(s, symmetricPrefix); ok {
			return string(decode("base64", text))
		}
		return s
	}},
	{"the key is the secret as text, not read as base64", func(s string) string {
		return symmetricPrefix + base64.StdEncoding.EncodeToString([]byte(s)) // for standard-webhooks, which decodes it
	}},
}

// bodyChanges are changes of a body between sender and server. Read only.
var bodyChanges = []struct {
	what   string
	change func([]byte) []byte
}{
	{"a line end was added to the body, or the sender signed it without", func(b []byte) []byte { return bytes.TrimRight(b, "\r\n") }},
	{"a line end was removed from the body", func(b []byte) []byte { return append(slices.Clone(b), '\n') }},
	{"the body was changed from CR LF to LF on its way", func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")) }},
	{"the body was changed from LF to CR LF on its way", func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")) }},
	{"blanks were added to the JSON of the body on its way", func(b []byte) []byte {
		var compact bytes.Buffer
		if json.Compact(&compact, b) != nil {
			return b
		}
		return compact.Bytes()
	}},
	{"the sender signed an empty body", func([]byte) []byte { return nil }},
}

// urlChanges are changes of the called URL between sender and server. Read only.
var urlChanges = []struct {
	what   string
	change func(string) string
}{
	{"the sender called http, and signed that", func(u string) string { return strings.Replace(u, "https://", "http://", 1) }},
	{"the sender called https, and signed that", func(u string) string { return strings.Replace(u, "http://", "https://", 1) }},
	{"the sender signed the URL without its query string", func(u string) string { u, _, _ = strings.Cut(u, "?"); return u }},
	{"the sender signed the URL with a slash at its end", func(u string) string { return u + "/" }},
}

// guesses are mistakes in the description of an HMAC.
func (h *hmacProof) guesses(d *Delivery) []guess {
	same := func(s string) string { return s }
	var all []guess
	add := func(word, what string, change func(*hmacProof)) {
		other, p := *h, *h.place
		other.place = &p
		change(&other)
		all = append(all, guess{word, what, &other, d, same})
	}
	for _, name := range []string{"sha1", "sha256", "sha384", "sha512", "md5"} {
		if name != h.algorithm {
			add("algorithm", "the sender signs with "+name, func(o *hmacProof) { o.algorithm, o.algorithmFrom = name, nil })
		}
	}
	for _, encoding := range []string{"text", "base64", "hex"} {
		if encoding != h.secretEncoding && (encoding != "text" || h.secretEncoding != "") {
			add("secret_encoding", "the key is the secret read as "+encoding, func(o *hmacProof) { o.secretEncoding = encoding })
		}
	}
	for _, encoding := range []string{"hex", "base64", "base64url"} {
		if encoding != h.place.encoding {
			add("encoding", "the signature is written as "+encoding, func(o *hmacProof) { o.place.encoding = encoding })
		}
	}
	if h.template.source != "{body}" {
		add("signed", "the sender signs the body alone", func(o *hmacProof) { o.template = &template{source: "{body}", parts: []part{{name: "body"}}} })
	}
	return all
}
