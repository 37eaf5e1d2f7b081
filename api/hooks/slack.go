package hooks

import (
	"crypto/sha256"
	"strings"
	"time"
)

// slack verifies an HMAC of a timestamp and the body.
type slack struct{ tolerance time.Duration }

// Verify implements Verifier.
func (s slack) Verify(d *Delivery, secrets []string) error {
	ts := d.Header.Get("X-Slack-Request-Timestamp")
	text, ok := strings.CutPrefix(d.Header.Get("X-Slack-Signature"), "v0=")
	given := decode("hex", text)
	if !ok || given == nil || ts == "" {
		return ErrUnsigned
	}
	right := perSecret(secrets, func(secret []byte) []byte { return sum(sha256.New, secret, "v0:", ts, ":", string(d.Body)) })
	if err := wrongUnless(match([][]byte{given}, right)); err != nil {
		return err
	}
	return checkTimestamp(ts, d.Now, s.tolerance)
}

// ID implements Verifier: the id of an event, which is the same when Slack repeats it. Commands and interactions
// have no id and are sent once; their signature is the id, so that they cannot be replayed.
func (slack) ID(d *Delivery) string {
	if id := member(d.Body, "event_id"); id != "" {
		return id
	}
	return d.Header.Get("X-Slack-Signature")
}

// Challenge implements Challenger.
func (slack) Challenge(d *Delivery) (string, bool) {
	if member(d.Body, "type") != "url_verification" {
		return "", false
	}
	return member(d.Body, "challenge"), true
}
