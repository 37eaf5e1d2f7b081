package store

import (
	"fmt"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxProfileName = 128 // characters
	maxEmail       = 254 // bytes, RFC 5321 section 4.5.3.1.3 without the brackets
)

// Profile says who a user is, for people. All members are optional; none authenticates anybody, and two users may
// have the same.
type Profile struct {
	Email     string `json:"email,omitempty"` // address without a display name
	FirstName string `json:"first_name,omitempty"`
	LastName  string `json:"last_name,omitempty"`
}

// FullName returns the first and last name; empty when there is neither.
func (p *Profile) FullName() string { return strings.TrimSpace(p.FirstName + " " + p.LastName) }

// Validate reports what is wrong with a profile. Error: *InvalidError.
func (p *Profile) Validate() error {
	if p.Email != "" {
		parsed, err := mail.ParseAddress(p.Email)
		if err != nil || parsed.Address != p.Email || len(p.Email) > maxEmail {
			return &InvalidError{"email", fmt.Sprintf("must be a plain e-mail address of at most %d bytes, as in ann@example.org", maxEmail)}
		}
	}
	for _, name := range []struct{ member, text string }{{"first_name", p.FirstName}, {"last_name", p.LastName}} {
		if utf8.RuneCountInString(name.text) > maxProfileName || !utf8.ValidString(name.text) || strings.ContainsFunc(name.text, unicode.IsControl) {
			return &InvalidError{name.member, fmt.Sprintf("must have at most %d characters on one line", maxProfileName)}
		}
	}
	return nil
}
