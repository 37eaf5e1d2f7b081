package hooks

import (
	"crypto/sha256"
	"encoding/json"
	"strings"
	"time"
)

// stripe signs a time and the body, once for each secret.
type stripe struct{ tolerance time.Duration }

// Verify implements Verifier.
func (s stripe) Verify(d *Delivery, secrets []string) error {
	ts, given := "", [][]byte(nil)
	for member := range strings.SplitSeq(d.Header.Get("Stripe-Signature"), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(member), "=")
		switch {
		case name == "t" && ts == "":
			ts = value
		case name == "v1": // v0 is for tests of theirs
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

// ID implements Verifier: that of the event, which stays when it is sent again.
func (stripe) ID(d *Delivery) string { return member(d.Body, "id") }

// member is a text member of a JSON object; empty when there is none.
func member(body []byte, name string) string {
	var object map[string]json.RawMessage
	var text string
	if json.Unmarshal(body, &object) != nil || json.Unmarshal(object[name], &text) != nil {
		return ""
	}
	return text
}
