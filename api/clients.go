package api

import (
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"penstock/api/auth"
	"penstock/api/listing"
	"penstock/internal/store"
)

const minClientSecret = 16 // bytes of a secret that is not generated

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
				return &store.InvalidError{Member: "scopes", Reason: "must be scopes, as in flows:run or flows:run:69"}
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

func (a *API) createClient(c *gin.Context) {
	var in clientInput
	made := store.Client{Identifier: store.NewIdentifier()}
	err := a.readJSON(c, &in)
	if err == nil {
		err = in.apply(&made)
	}
	if err == nil {
		err = mayHandle(c, &made)
	}
	var secret string
	if err == nil {
		secret, made.Hash, err = a.clientSecret(c, in.Secret)
	}
	if err != nil {
		a.fail(c, err)
		return
	}
	client, err := a.config.Store.Clients().Create(c.Request.Context(), made)
	if err != nil {
		a.fail(c, err)
		return
	}
	of(c).object = client.Identifier
	view := viewClient(client)
	view.Secret = secret
	created(c, pathOf("clients", client.Identifier), view)
}

// clientSecret returns the secret that was given, or a new one, and its hash.
func (a *API) clientSecret(c *gin.Context, in given[string]) (secret, hash string, err error) {
	secret = store.NewSecret()
	if in.set {
		secret = in.value
	}
	odd := strings.ContainsFunc(secret, func(r rune) bool { return r < ' ' || r > '~' })
	if len(secret) < minClientSecret || len(secret) > maxPassword || odd { // the characters of RFC 6749
		return "", "", &store.InvalidError{Member: "secret", Reason: "must have 16 to 1024 printable ASCII characters"}
	}
	hash, err = a.config.Authority.Hash(c.Request.Context(), secret)
	return secret, hash, err
}

func (a *API) changeClient(c *gin.Context) {
	var in clientInput
	err := a.readJSON(c, &in)
	if err == nil && in.Secret.set {
		err = &store.InvalidError{Member: "secret", Reason: "is changed by POST to …/secret"}
	}
	if err != nil {
		a.fail(c, err)
		return
	}
	client, err := a.config.Store.Clients().Change(c.Request.Context(), c.Param("identifier"), func(client *store.Client) error {
		if err := mayHandle(c, client); err != nil {
			return err
		}
		if err := in.apply(client); err != nil {
			return err
		}
		return mayHandle(c, client)
	})
	if err != nil {
		a.fail(c, err)
		return
	}
	writeJSON(c, http.StatusOK, viewClient(client))
}

// ownClient finds the client of the path, which the caller may handle.
func (a *API) ownClient(c *gin.Context) (*store.Client, error) {
	client, err := a.config.Store.Clients().Client(c.Request.Context(), c.Param("identifier"))
	if err != nil {
		return nil, err
	}
	return client, mayHandle(c, client)
}

func (a *API) readClient(c *gin.Context) {
	client, err := a.config.Store.Clients().Client(c.Request.Context(), c.Param("identifier"))
	if err != nil {
		a.fail(c, err)
		return
	}
	writeJSON(c, http.StatusOK, viewClient(client))
}

func (a *API) deleteClient(c *gin.Context) {
	client, err := a.ownClient(c)
	if err == nil {
		err = a.config.Store.Clients().Delete(c.Request.Context(), client.Identifier)
	}
	if err != nil {
		a.fail(c, err)
		return
	}
	noContent(c)
}

// makeSecret answers POST /v1/clients/{identifier}/secret: a new secret, given
// or generated, shown this once.
func (a *API) makeSecret(c *gin.Context) {
	var in struct {
		Secret given[string] `json:"secret"`
	}
	err := a.readJSON(c, &in)
	if err == nil {
		_, err = a.ownClient(c)
	}
	var secret, hash string
	if err == nil {
		secret, hash, err = a.clientSecret(c, in.Secret)
	}
	if err != nil {
		a.fail(c, err)
		return
	}
	client, err := a.config.Store.Clients().Change(c.Request.Context(), c.Param("identifier"), func(client *store.Client) error {
		client.Hash = hash
		return nil
	})
	if err != nil {
		a.fail(c, err)
		return
	}
	view := viewClient(client)
	view.Secret = secret
	writeJSON(c, http.StatusCreated, view)
}

func (a *API) listClients(c *gin.Context) {
	views, err := viewAll(c.Request.Context(), a.config.Store.Clients().List, viewClient)
	if err != nil {
		a.fail(c, err)
		return
	}
	list(a, c, listing.Schema[clientView]{Order: "name,identifier", Fields: []listing.Field[clientView]{
		listing.Text("name", func(v *clientView) string { return v.Name }),
		listing.Text("identifier", func(v *clientView) string { return v.Identifier }),
		listing.List("scopes", func(v *clientView) []string { return v.Scopes }),
		listing.Bool("disabled", func(v *clientView) bool { return v.Disabled }),
		listing.Text("time_zone", func(v *clientView) string { return v.TimeZone }),
		listing.Text("assertion_expires_on", func(v *clientView) string { return v.Expires }),
		listing.Time("assertion_generated_at", func(v *clientView) time.Time { return v.AssertionAt }),
		listing.Time("created_at", func(v *clientView) time.Time { return v.CreatedAt }),
		listing.Time("updated_at", func(v *clientView) time.Time { return v.UpdatedAt }),
	}}, views)
}
