package importer

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// surelyCredential are names of parameters that hold a credential in every API, in small letters without separators.
var surelyCredential = []string{
	"apikey", "xapikey", "apitoken", "accesstoken", "oauthtoken", "authtoken", "xauthtoken", "xaccesstoken", "bearertoken", "authorization", "xauthkey", "appkey", "subscriptionkey", "ocpapimsubscriptionkey",
}

// maybeCredential are names that hold one where the description says so, or where it says nothing and the document has a
// security scheme of that name or of OAuth 2.0.
var maybeCredential = []string{"token", "key", "auth"}

// saysCredential matches descriptions of credentials.
var saysCredential = regexp.MustCompile(`(?i)\b(authenticat|authoriz|credential|oauth|bearer|access token|api[ _-]?(key|token)|auth token)`)

// separators of the words of a name.
var separators = strings.NewReplacer("_", "", "-", "", ".", "", " ", "")

// isCredential reports whether a parameter holds a credential, which the connection sends and the flow must not have.
func (s *security) isCredential(in, name, description string) bool {
	if s.carries(in, name) {
		return true
	}
	plain := separators.Replace(strings.ToLower(name))
	switch {
	case slices.Contains(surelyCredential, plain):
		return true
	case s.named(name):
		return description == "" || saysCredential.MatchString(description)
	case slices.Contains(maybeCredential, plain):
		return saysCredential.MatchString(description) || description == "" && s.hasOAuth()
	}
	return false
}

// ownCredential matches descriptions of the caller's credential. An access token that is to be revoked is none.
var ownCredential = regexp.MustCompile(`(?i)^(your )?(authentication|api) (token|key)\b`)

// isFormCredential reports whether a member of a form holds the credential of the caller, beside a security scheme that
// carries it.
func (b *builder) isFormCredential(op *operation, name, description string) bool {
	plain := separators.Replace(strings.ToLower(name))
	return (slices.Contains(surelyCredential, plain) || slices.Contains(maybeCredential, plain)) && ownCredential.MatchString(description) && b.security.needed(op)
}

// named reports whether a security scheme, or the key of one, has a name.
func (s *security) named(name string) bool {
	return slices.ContainsFunc(s.schemes.names(), func(scheme string) bool {
		return strings.EqualFold(scheme, name) || s.schemes.get(scheme).str("type") == "apiKey" && strings.EqualFold(s.schemes.get(scheme).str("name"), name)
	})
}

func (s *security) hasOAuth() bool {
	return slices.ContainsFunc(s.schemes.names(), func(scheme string) bool { return s.schemes.get(scheme).str("type") == "oauth2" })
}

// undescribed is an API key that is a parameter of operations that name no security scheme.
type undescribed struct{ in, name string }

// withoutCredential notes a credential that is left out. When the operation names no security scheme, the connection gets
// an API key of that name, so that something sends it.
func (b *builder) withoutCredential(op *operation, in, name, place string) {
	told := "parameter"
	if in == "form" {
		told = "member"
	}
	b.tell(place, fmt.Sprintf("the %s %s is a credential: the connection sends it", told, quoted(shorten(name, 60))))
	if key := (undescribed{in, name}); !b.security.needed(op) && (in == "header" || in == "query" || in == "cookie") && len(b.security.keys) < 10 && !slices.Contains(b.security.keys, key) {
		b.security.keys = append(b.security.keys, key)
	}
}

// alike is a note that stands for several places.
type alike struct{ at, places int }

// tell notes what is alike in many operations: once, with the number of places.
func (b *builder) tell(place, reason string) {
	if known := b.told[reason]; known != nil {
		known.places++
		return
	}
	b.told[reason] = &alike{len(b.notes), 1}
	b.notes = append(b.notes, Note{Operation: b.op.name, Place: place, Reason: reason})
}

// counted returns the notes, with the number of places for which each stands.
func (b *builder) counted() []Note {
	notes := slices.Clone(b.notes)
	for _, a := range b.told {
		if a.places > 1 {
			notes[a.at].Reason += fmt.Sprintf(" (in %d places)", a.places)
		}
	}
	return notes
}
