package secretstore

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"
	"unicode/utf8"
)

// MaxSize is the maximum size of a secret in bytes: a private key fits, a document does not.
const MaxSize = 64 << 10

// Document is what one reading of a store returned.
type Document struct {
	Text    string            // of a store without members of its own
	Members map[string]string // of Vault; nil: they are those of the JSON object in Text
	Lease   *Lease            // of credentials that end; nil: they do not end by themselves
	// Changes is the time after which the store will have changed the secret; zero: it does not say.
	Changes time.Duration
}

// Lease is the right to use a credential for a time.
type Lease struct {
	ID        string
	Duration  time.Duration
	Renewable bool
}

func (d *Document) same(o *Document) bool {
	return o != nil && d.Text == o.Text && maps.Equal(d.Members, o.Members) && (d.Lease == nil) == (o.Lease == nil) && (d.Lease == nil || d.Lease.ID == o.Lease.ID)
}

// member returns the value of a member; empty: the whole text.
func (d *Document) member(name string) (string, error) {
	value := d.Text
	if name != "" {
		members := d.Members
		if members == nil {
			var object map[string]json.RawMessage
			if json.Unmarshal([]byte(d.Text), &object) != nil {
				return "", Failure(Invalid, "it is no JSON object, so that it has no members")
			}
			members = Members(object)
		}
		found, ok := members[name]
		if !ok {
			return "", Failure(Missing, "it has no member of that name")
		}
		value = found
	}
	switch {
	case value == "":
		return "", Failure(Invalid, "it is empty")
	case len(value) > MaxSize:
		return "", Failure(Invalid, fmt.Sprintf("it is larger than %d bytes", MaxSize))
	case !utf8.ValidString(value):
		return "", Failure(Invalid, "it is not UTF-8: keep bytes as base64, for instance")
	}
	return value, nil
}

// Members returns the members of a JSON object as texts: what is no text is JSON. Those that are null are left out.
func Members(object map[string]json.RawMessage) map[string]string {
	members := make(map[string]string, len(object))
	for name, raw := range object {
		raw = bytes.TrimSpace(raw)
		var text string
		switch {
		case string(raw) == "null":
			continue
		case json.Unmarshal(raw, &text) == nil:
			members[name] = text
		default:
			members[name] = string(raw)
		}
	}
	return members
}

// trimLineEnd removes one line break at the end, which editors and `echo` add.
func trimLineEnd(text string) string {
	return strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
}
