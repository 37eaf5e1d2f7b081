package sender

import (
	"slices"
	"strings"
)

// expectation is a value that a verified delivery must have, such as the topic of AWS SNS: everybody can have a message
// signed by the sender, but not one of that topic.
type expectation struct {
	name    string    // as written
	claim   string    // of a JWT; empty: value
	value   *template // nil: claim
	allowed []string
}

func newExpectation(name string, allowed []string) (e expectation, err error) {
	e = expectation{name: name, allowed: allowed}
	if claim, isClaim := strings.CutPrefix(name, "claim:"); isClaim {
		e.claim = claim
		return e, nil
	}
	e.value, err = parseTemplate("{"+name+"}", "header", "param", "member")
	return e, err
}

func (e *expectation) check(d *Delivery) error { return e.allow(e.value.text(d)) }

func (e *expectation) allow(text string) error {
	if text == "" || !slices.Contains(e.allowed, text) {
		return flawed("expect", ErrWrong, "%s is not %s", e.name, strings.Join(e.allowed, " or "))
	}
	return nil
}
