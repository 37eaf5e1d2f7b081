package oidc

import (
	"errors"
	"net/url"
	"strings"

	"golang.org/x/oauth2"
)

// AwayError reports that the provider does not answer, or not as it should.
type AwayError struct {
	Where string // "discovery", "token endpoint", "userinfo endpoint"
	Err   error
}

func (e *AwayError) Error() string { return "the provider's " + e.Where + ": " + e.Err.Error() }

func (e *AwayError) Unwrap() error { return e.Err }

// Reason is why a sign-in was refused, for the person.
type Reason int

// The reasons.
const (
	ReasonStale    Reason = iota // it was not begun in this browser, or long ago
	ReasonProvider               // the provider said no, or the person did there
	ReasonToken                  // what the provider sent does not prove who signed in
	ReasonNoRole                 // no group of the person gives a role
	ReasonName                   // the claim with the name is missing, or is no name of a user
	ReasonTaken                  // another user has the name
	ReasonDisabled               // an administrator has disabled the user
)

// RefusedError reports that somebody may not sign in. Detail is for the log; it has no token.
type RefusedError struct {
	Reason Reason
	Detail string
}

func (e *RefusedError) Error() string { return "sign-in refused: " + e.Detail }

// withoutBody returns an error without what the provider sent: it may contain tokens.
func withoutBody(err error) error {
	var said *oauth2.RetrieveError
	var at *url.Error
	switch {
	case errors.As(err, &said):
		return errors.New("it answered " + said.Response.Status)
	case errors.As(err, &at):
		return at
	}
	return errors.New(clip(strings.SplitN(err.Error(), "\n", 2)[0]))
}

// clip shortens a text of the provider for the log.
func clip(text string) string {
	const most = 200
	text = strings.ToValidUTF8(text, "")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
