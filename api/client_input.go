package api

import (
	"fmt"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/store"
)

// clientView is an API client as administrators see it.
type clientView struct {
	Name        string    `json:"name"`
	Identifier  string    `json:"identifier"`
	Secret      string    `json:"secret,omitempty"` // only when it was just made
	Scopes      []string  `json:"scopes"`
	Disabled    bool      `json:"disabled"`
	TimeZone    string    `json:"time_zone"`
	Expires     string    `json:"assertion_expires_on,omitempty"`
	TokenTTL    int       `json:"token_ttl_minutes"`
	Remind      []string  `json:"reminder_emails"`
	Separator   string    `json:"scope_separator,omitempty"`
	AssertionAt time.Time `json:"assertion_generated_at,omitzero"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
}

func viewClient(c *store.Client) clientView {
	v := clientView{
		Name: c.Name, Identifier: c.Identifier, Scopes: append([]string{}, c.Scopes...), Disabled: c.Disabled,
		TimeZone: c.TimeZone, Expires: c.Expires, TokenTTL: c.TokenTTL, Remind: append([]string{}, c.Remind...),
		AssertionAt: c.AssertionAt, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt,
	}
	if c.Commas != nil {
		v.Separator = map[bool]string{true: "comma", false: "space"}[*c.Commas]
	}
	return v
}

// clientInput is what may be set of a client. Its secret has an endpoint of
// its own once it exists.
type clientInput struct {
	Name      given[string]       `json:"name"`
	Secret    given[string]       `json:"secret"`
	Scopes    given[[]auth.Scope] `json:"scopes"`
	Disabled  given[bool]         `json:"disabled"`
	TimeZone  given[string]       `json:"time_zone"`
	Expires   given[string]       `json:"assertion_expires_on"`
	TokenTTL  given[int]          `json:"token_ttl_minutes"`
	Remind    given[[]string]     `json:"reminder_emails"`
	Separator given[string]       `json:"scope_separator"`
}

// apply changes a client as asked.
func (in *clientInput) apply(c *store.Client) error {
	in.Name.into(&c.Name)
	in.Disabled.into(&c.Disabled)
	in.TimeZone.into(&c.TimeZone)
	in.Expires.into(&c.Expires)
	in.Remind.into(&c.Remind)
	if in.TokenTTL.set {
		if in.TokenTTL.value < 1 {
			return &store.InvalidError{Member: "token_ttl_minutes", Reason: "must be between 1 and 1440"}
		}
		c.TokenTTL = in.TokenTTL.value
	}
	if in.Scopes.set {
		for _, s := range in.Scopes.value {
			if !s.Known() {
				return &store.InvalidError{Member: "scopes", Reason: fmt.Sprintf("must be scopes, as in flows:run or flows:run:69; %q is none", s)}
			}
		}
		c.Scopes = auth.Strings(in.Scopes.value)
	}
	if in.Separator.set {
		commas := in.Separator.value == "comma"
		switch in.Separator.value {
		case "comma", "space":
			c.Commas = &commas
		case "":
			c.Commas = nil
		default:
			return &store.InvalidError{Member: "scope_separator", Reason: `must be "comma", "space", or "" for that of the endpoint`}
		}
	}
	return nil
}

// mayHandle refuses who holds less than the client does.
func mayHandle(c *gin.Context, client *store.Client) error {
	scopes := make([]auth.Scope, len(client.Scopes))
	for i, s := range client.Scopes {
		scopes[i] = auth.Scope(s)
	}
	return mayGrant(c, scopes)
}
