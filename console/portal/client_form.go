package portal

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/store"
)

const dateLayout = time.DateOnly

// Bounds of a secret of the developer's own, in bytes.
const (
	minSecret = 16
	maxSecret = 1024
)

// sheet is a client as its page shows it, with the scopes that it may have.
func (p *Portal) sheet(r *Request, c store.Client) view.ClientSheet {
	s := view.ClientSheet{Client: &c, Choices: p.grants(r.Who), Base: p.config.Base(r.HTTP)}
	for _, name := range c.Scopes {
		switch held := auth.Intersect(r.Who.Scopes, []auth.Scope{auth.Scope(name)}); {
		case len(held) == 0:
			s.Lost = append(s.Lost, name)
		case !slices.ContainsFunc(s.Choices, func(choice view.ScopeChoice) bool { return choice.Name == name }):
			s.Narrower = append(s.Narrower, name)
		}
	}
	return s
}

// readForm copies the values of the form to a client. Its scopes must be within those of the developer, and a new last day of its
// assertions must not be over.
func (p *Portal) readForm(r *Request, c *store.Client) error {
	form := func(name string) string { return strings.TrimSpace(r.HTTP.PostFormValue(name)) }
	had := *c
	c.Name, c.TimeZone, c.Expires, c.PublicKey = form("name"), form("time_zone"), form("assertion_expires_on"), form("public_key")
	c.Remind = words(form("reminder_emails"))
	c.Disabled = form("disabled") == "on"
	if end := c.Deadline(); !end.IsZero() && !p.config.Now().Before(end) && (c.Expires != had.Expires || c.TimeZone != had.TimeZone) {
		return &store.InvalidError{Member: "assertion_expires_on", Reason: language.Key("is over: choose today or a later day")}
	}
	c.Scopes = nil
	for _, name := range append(slices.Clone(r.HTTP.PostForm["scope"]), words(form("more_scopes"))...) {
		if !auth.Covers(r.Who.Scopes, auth.Scope(name)) {
			return &store.InvalidError{Member: "scopes", Reason: language.T(r.HTTP.Context(), "contains %s, which you were not granted", strconv.Quote(name))}
		}
		if !slices.Contains(c.Scopes, name) {
			c.Scopes = append(c.Scopes, name)
		}
	}
	n, err := strconv.Atoi(form("token_ttl_minutes"))
	if err != nil || n < 1 {
		return &store.InvalidError{Member: "token_ttl_minutes", Reason: language.Key("must be between 1 and 1440")}
	}
	c.TokenTTL = n
	if c.PublicKey != "" {
		if _, _, err := auth.ParsePublicKey(c.PublicKey); err != nil {
			return &store.InvalidError{Member: "public_key", Reason: language.T(r.HTTP.Context(), "is refused: %s", err.Error())}
		}
	}
	switch separator := form("scope_separator"); separator {
	case "comma", "space":
		commas := separator == "comma"
		c.Commas = &commas
	default:
		c.Commas = nil
	}
	return nil
}

// words splits a list by commas and white space.
func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\r' || r == '\t' })
}

// secret returns the secret of the form, or a new one if the form has none, and its hash.
func (p *Portal) secret(r *Request) (secret, hash string, err error) {
	if secret = r.HTTP.PostFormValue("secret"); secret == "" {
		secret = store.NewSecret()
	}
	odd := strings.ContainsFunc(secret, func(c rune) bool { return c < ' ' || c > '~' }) // the characters of RFC 6749
	if len(secret) < minSecret || len(secret) > maxSecret || odd {
		return "", "", &store.InvalidError{Member: "secret", Reason: language.Key("must have 16 to 1024 printable ASCII characters")}
	}
	hash, err = p.config.Authority.Hash(r.HTTP.Context(), secret)
	return secret, hash, err
}

// formNames are the names of the members on the form. Read only.
var formNames = map[string]string{
	"name": language.Key("The name"), "secret": language.Key("The secret"), "scopes": language.Key("The list of scopes"), "token_ttl_minutes": language.Key("The life of a token"), "time_zone": language.Key("The time zone"),
	"assertion_expires_on": language.Key("The last day of its assertions"), "reminder_emails": language.Key("The list of addresses"), "public_key": language.Key("The public key"), "owner": language.Key("Your user"),
}

// troubleOf returns what is wrong with a form; false: the error is of another kind, or nil.
func troubleOf(ctx context.Context, err error) (string, bool) {
	var invalid *store.InvalidError
	if !errors.As(err, &invalid) {
		return "", false
	}
	name := formNames[invalid.Member]
	if name == "" {
		name = invalid.Member
	}
	return language.T(ctx, name) + " " + language.T(ctx, invalid.Reason) + ".", true
}
