package admin

import (
	"fmt"
	"time"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/store"
)

// clientView is an API client in responses to administrators.
type clientView struct {
	Name        string    `json:"name"`
	Identifier  string    `json:"identifier"`
	Owner       string    `json:"owner,omitempty"`
	Secret      string    `json:"secret,omitempty"` // only in the response that creates it
	Scopes      []string  `json:"scopes"`
	Disabled    bool      `json:"disabled"`
	TimeZone    string    `json:"time_zone"`
	Expires     string    `json:"assertion_expires_on,omitempty"`
	TokenTTL    int       `json:"token_ttl_minutes"`
	Remind      []string  `json:"reminder_emails"`
	Separator   string    `json:"scope_separator,omitempty"`
	AssertionAt time.Time `json:"assertion_generated_at,omitzero"`
	Refresh     bool      `json:"refresh_tokens"`
	PublicKey   string    `json:"public_key,omitempty"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
}

func viewClient(c *store.Client) clientView {
	v := clientView{
		Name: c.Name, Owner: c.Owner, Identifier: c.Identifier, Scopes: append([]string{}, c.Scopes...), Disabled: c.Disabled,
		TimeZone: c.TimeZone, Expires: c.Expires, TokenTTL: c.TokenTTL, Remind: append([]string{}, c.Remind...),
		AssertionAt: c.AssertionAt, Refresh: c.RefreshTokens, PublicKey: c.PublicKey, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt,
	}
	if c.Commas != nil {
		v.Separator = map[bool]string{true: "comma", false: "space"}[*c.Commas]
	}
	return v
}

// clientInput is the settable part of a client. The secret of an existing client is changed by an endpoint of its
// own.
type clientInput struct {
	Name      httpx.Optional[string]       `json:"name"`
	Owner     httpx.Optional[string]       `json:"owner"`
	Secret    httpx.Optional[string]       `json:"secret"`
	Scopes    httpx.Optional[[]auth.Scope] `json:"scopes"`
	Disabled  httpx.Optional[bool]         `json:"disabled"`
	TimeZone  httpx.Optional[string]       `json:"time_zone"`
	Expires   httpx.Optional[string]       `json:"assertion_expires_on"`
	TokenTTL  httpx.Optional[int]          `json:"token_ttl_minutes"`
	Remind    httpx.Optional[[]string]     `json:"reminder_emails"`
	Separator httpx.Optional[string]       `json:"scope_separator"`
	Refresh   httpx.Optional[bool]         `json:"refresh_tokens"`
	PublicKey httpx.Optional[string]       `json:"public_key"`
}

// apply changes a client as asked.
func (in *clientInput) apply(a *api, c *store.Client) error {
	in.Name.Into(&c.Name)
	in.Owner.Into(&c.Owner)
	in.Disabled.Into(&c.Disabled)
	in.Refresh.Into(&c.RefreshTokens)
	in.PublicKey.Into(&c.PublicKey)
	if c.PublicKey != "" {
		if _, _, err := auth.ParsePublicKey(c.PublicKey); err != nil {
			return &store.InvalidError{Member: "public_key", Reason: "is refused: " + err.Error()}
		}
	}
	in.TimeZone.Into(&c.TimeZone)
	in.Expires.Into(&c.Expires)
	in.Remind.Into(&c.Remind)
	if in.TokenTTL.Set {
		if in.TokenTTL.Value < 1 {
			return &store.InvalidError{Member: "token_ttl_minutes", Reason: "must be between 1 and 1440"}
		}
		c.TokenTTL = in.TokenTTL.Value
	}
	if in.Scopes.Set {
		for _, s := range in.Scopes.Value {
			if !s.Known() {
				return &store.InvalidError{Member: "scopes", Reason: fmt.Sprintf("must be scopes, as in flows:run or flows:run:69; %q is none", s)}
			}
		}
		if err := a.checkOwn(ownOnly(in.Scopes.Value), c.Scopes); err != nil {
			return err
		}
		c.Scopes = auth.Strings(in.Scopes.Value)
	}
	if in.Separator.Set {
		commas := in.Separator.Value == "comma"
		switch in.Separator.Value {
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
