package hooks

import (
	"crypto/sha1" // Twilio's protocol fixes the hash
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
)

// twilio verifies an HMAC of the called URL and the fields of the form. For other bodies the URL contains a hash of
// the body.
type twilio struct{}

// Verify implements Verifier.
func (t twilio) Verify(d *Delivery, secrets []string) error {
	given := decode("base64", d.Header.Get("X-Twilio-Signature"))
	if given == nil {
		return ErrUnsigned
	}
	params := ""
	if hash := d.Query.Get("bodySHA256"); hash != "" {
		sum := sha256.Sum256(d.Body)
		if subtle.ConstantTimeCompare([]byte(strings.ToLower(hash)), []byte(hex.EncodeToString(sum[:]))) != 1 {
			return ErrWrong
		}
	} else {
		form, err := url.ParseQuery(string(d.Body))
		if err != nil {
			return ErrUnsigned
		}
		params = t.signed(form)
	}
	var right [][]byte
	for _, target := range d.URLs {
		right = append(right, perSecret(secrets, func(secret []byte) []byte { return sum(sha1.New, secret, target, params) })...)
	}
	return wrongUnless(match([][]byte{given}, right))
}

// signed returns the signed form of the fields: sorted names and values without separators; equal values of a name
// once.
func (twilio) signed(form url.Values) string {
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		values := slices.Clone(form[name])
		slices.Sort(values)
		for _, v := range slices.Compact(values) {
			b.WriteString(name + v)
		}
	}
	return b.String()
}

// ID implements Verifier.
func (twilio) ID(d *Delivery) string { return d.Header.Get("I-Twilio-Idempotency-Token") }

// URLs returns the spellings in which a sender may sign a URL: with and without the default port.
func URLs(target string) []string {
	u, err := url.Parse(target)
	if err != nil {
		return []string{target}
	}
	usual := map[string]string{"https": "443", "http": "80"}[u.Scheme]
	bare, _ := strings.CutSuffix(u.Host, ":"+usual)
	if bare != u.Host {
		return []string{target, strings.Replace(target, u.Host, bare, 1)}
	}
	if u.Port() == "" && usual != "" {
		return []string{target, strings.Replace(target, u.Host, u.Host+":"+usual, 1)}
	}
	return []string{target}
}
