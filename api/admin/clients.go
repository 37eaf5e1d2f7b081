package admin

import (
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/store"
)

const minClientSecret = 16 // minimum length in bytes of a secret chosen by the administrator

func (a *api) createClient(c *gin.Context) {
	var in clientInput
	made := store.Client{Identifier: store.NewIdentifier()}
	err := httpx.ReadJSON(c, &in)
	if err == nil {
		err = in.apply(a, &made)
	}
	if err == nil {
		err = a.mayManage(c, &made)
	}
	var secret string
	if err == nil {
		secret, made.Hash, err = a.clientSecret(c, in.Secret)
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	client, err := a.config.Store.Clients().Create(c.Request.Context(), made)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.StateOf(c).Object = client.Identifier
	view := viewClient(client)
	view.Secret = secret
	httpx.Created(c, httpx.PathOf("clients", client.Identifier), view)
}

// clientSecret returns the chosen secret or a generated one, and its hash.
func (a *api) clientSecret(c *gin.Context, in httpx.Optional[string]) (secret, hash string, err error) {
	secret = store.NewSecret()
	if in.Set {
		secret = in.Value
	}
	unprintable := strings.ContainsFunc(secret, func(r rune) bool { return r < ' ' || r > '~' })
	if len(secret) < minClientSecret || len(secret) > maxPassword || unprintable { // the characters of RFC 6749
		return "", "", &store.InvalidError{Member: "secret", Reason: "must have 16 to 1024 printable ASCII characters"}
	}
	hash, err = a.config.Authority.Hash(c.Request.Context(), secret)
	return secret, hash, err
}

func (a *api) changeClient(c *gin.Context) {
	var in clientInput
	err := httpx.ReadJSON(c, &in)
	if err == nil && in.Secret.Set {
		err = &store.InvalidError{Member: "secret", Reason: "is changed by POST to …/secret"}
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	client, err := a.config.Store.Clients().Change(c.Request.Context(), c.Param("identifier"), func(client *store.Client) error {
		if err := a.mayManage(c, client); err != nil {
			return err
		}
		if err := in.apply(a, client); err != nil {
			return err
		}
		return a.mayManage(c, client)
	})
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.WriteJSON(c, http.StatusOK, viewClient(client))
}

// ownClient returns the client in the path. It returns an error when the principal may not manage it.
func (a *api) ownClient(c *gin.Context) (*store.Client, error) {
	client, err := a.config.Store.Clients().Client(c.Request.Context(), c.Param("identifier"))
	if err != nil {
		return nil, err
	}
	return client, a.mayManage(c, client)
}

func (a *api) readClient(c *gin.Context) {
	client, err := a.config.Store.Clients().Client(c.Request.Context(), c.Param("identifier"))
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.WriteJSON(c, http.StatusOK, viewClient(client))
}

func (a *api) deleteClient(c *gin.Context) {
	client, err := a.ownClient(c)
	if err == nil {
		err = a.config.Store.Clients().Delete(c.Request.Context(), client.Identifier)
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.NoContent(c)
}

// makeSecret answers POST /v1/clients/{identifier}/secret: it sets a chosen or generated secret. Only this response
// contains it.
func (a *api) makeSecret(c *gin.Context) {
	var in struct {
		Secret httpx.Optional[string] `json:"secret"`
	}
	err := httpx.ReadJSON(c, &in)
	if err == nil {
		_, err = a.ownClient(c)
	}
	var secret, hash string
	if err == nil {
		secret, hash, err = a.clientSecret(c, in.Secret)
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	client, err := a.config.Store.Clients().Change(c.Request.Context(), c.Param("identifier"), func(client *store.Client) error {
		client.Hash = hash
		return nil
	})
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	view := viewClient(client)
	view.Secret = secret
	httpx.WriteJSON(c, http.StatusCreated, view)
}

func (a *api) listClients(c *gin.Context) {
	views, err := viewAll(c.Request.Context(), a.config.Store.Clients().List, viewClient)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.List(c, listing.Schema[clientView]{Order: "name,identifier", Fields: []listing.Field[clientView]{
		listing.Text("name", func(v *clientView) string { return v.Name }),
		listing.Text("identifier", func(v *clientView) string { return v.Identifier }),
		listing.Text("owner", func(v *clientView) string { return v.Owner }),
		listing.List("scopes", func(v *clientView) []string { return v.Scopes }),
		listing.Bool("disabled", func(v *clientView) bool { return v.Disabled }),
		listing.Text("time_zone", func(v *clientView) string { return v.TimeZone }),
		listing.Text("assertion_expires_on", func(v *clientView) string { return v.Expires }),
		listing.Time("assertion_generated_at", func(v *clientView) time.Time { return v.AssertionAt }),
		listing.Time("created_at", func(v *clientView) time.Time { return v.CreatedAt }),
		listing.Time("updated_at", func(v *clientView) time.Time { return v.UpdatedAt }),
	}}, views)
}
