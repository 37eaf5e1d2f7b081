package hooks

import (
	"crypto/sha256"
	"encoding/json"
	"strings"
	"time"
)

// stripe verifies HMACs of a timestamp and the body, one per secret.
type stripe struct{ tolerance time.Duration }

// Verify implements Verifier.
func (s stripe) Verify(d *Delivery, secrets []string) error {
	ts, given := "", [][]byte(nil)
	for member := range strings.SplitSeq(d.Header.Get("Stripe-Signature"), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(member), "=")
		switch {
		case name == "t" && ts == "":
			ts = value
		case name == "v1": // v0 is for Stripe's own tests
			given = append(given, decode("hex", value))
		}
	}
	if ts == "" || len(given) == 0 {
		return ErrUnsigned
	}
	right := perSecret(secrets, func(secret []byte) []byte { return sum(sha256.New, secret, ts, ".", string(d.Body)) })
	if err := wrongUnless(match(given, right)); err != nil {
		return err
	}
	return checkTimestamp(ts, d.Now, s.tolerance)
}

// ID implements Verifier: the id of the event, which is the same when Stripe repeats it.
func (stripe) ID(d *Delivery) string { return member(d.Body, "id") }

// member returns a string member of a JSON object; empty when there is none.
func member(body []byte, name string) string {
	var object map[string]json.RawMessage
	var text string
	if json.Unmarshal(body, &object) != nil || json.Unmarshal(object[name], &text) != nil {
		return ""
	}
	return text
}
