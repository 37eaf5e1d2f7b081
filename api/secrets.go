package api

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/store"
)

// secretView is a secret as anybody sees it: without its value.
type secretView struct {
	Name      string    `json:"name"`
	Flows     []int64   `json:"flows"` // that a writer of some flows may use it in
	UpdatedAt time.Time `json:"updated_at"`
}

// putSecret answers PUT /v1/secrets/{name}. The value is never read back.
func (a *API) putSecret(c *gin.Context) {
	var in struct {
		Value string               `json:"value"`
		Flows httpx.Given[[]int64] `json:"flows"` // absent: as they are
	}
	err := httpx.ReadJSON(c, &in)
	if err == nil && !nameable(c.Param("name")) {
		err = &store.InvalidError{Member: "name", Reason: "must be 1 to 64 letters, digits, '_', '.' or '-', a letter first"}
	}
	if err == nil && (in.Value == "" || len(in.Value) > maxSecretValue) {
		err = &store.InvalidError{Member: "value", Reason: "must have 1 to 65536 bytes"}
	}
	if err == nil {
		err = checkFlows(in.Flows.Value)
	}
	secrets := a.config.Store.Secrets()
	if err == nil && in.Flows.Set {
		err = secrets.PutFor(c.Request.Context(), c.Param("name"), in.Value, in.Flows.Value)
	} else if err == nil {
		err = secrets.Put(c.Request.Context(), c.Param("name"), in.Value)
	}
	if err == nil && !in.Flows.Set {
		in.Flows.Value, err = secrets.Flows(c.Request.Context(), c.Param("name"))
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.WriteJSON(c, http.StatusOK, secretView{c.Param("name"), append([]int64{}, in.Flows.Value...), a.config.Now().UTC()})
}

const maxSecretValue = 64 << 10

// nameable reports whether a secret or connection can have the name.
func nameable(name string) bool {
	if name == "" || len(name) > 64 {
		return false
	}
	for i := range len(name) {
		b := name[i]
		letter := 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
		if !letter && (i == 0 || !('0' <= b && b <= '9' || b == '_' || b == '.' || b == '-')) {
			return false
		}
	}
	return true
}

func (a *API) deleteSecret(c *gin.Context) {
	if err := a.config.Store.Secrets().Delete(c.Request.Context(), c.Param("name")); err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.NoContent(c)
}

func (a *API) listSecrets(c *gin.Context) {
	all, err := a.config.Store.Secrets().List(c.Request.Context())
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	views := make([]secretView, len(all))
	for i, s := range all {
		views[i] = secretView{s.Name, append([]int64{}, s.Flows...), s.UpdatedAt}
	}
	httpx.List(c, listing.Schema[secretView]{Order: "name", Fields: []listing.Field[secretView]{
		listing.Text("name", func(s *secretView) string { return s.Name }),
		listing.Time("updated_at", func(s *secretView) time.Time { return s.UpdatedAt }),
	}}, views)
}

// signingView is a key that signs assertions, as anybody sees it.
type signingView struct {
	ID        string    `json:"kid"`
	CreatedAt time.Time `json:"created_at"`
	Signs     bool      `json:"signs"` // the others verify what they signed
}

func (a *API) listSigningKeys(c *gin.Context) {
	views, err := a.signingViews(c.Request.Context())
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.List(c, listing.Schema[signingView]{Order: "-created_at", Fields: []listing.Field[signingView]{
		listing.Text("kid", func(v *signingView) string { return v.ID }),
		listing.Time("created_at", func(v *signingView) time.Time { return v.CreatedAt }),
	}}, views)
}

func (a *API) signingViews(ctx context.Context) ([]signingView, error) {
	all, err := a.config.Store.SigningKeys().List(ctx)
	views := make([]signingView, len(all))
	for i, k := range all {
		views[i] = signingView{k.ID, k.CreatedAt, i == 0}
	}
	return views, err
}

// rotateSigningKey answers POST /v1/signing-keys: assertions are signed with a
// new key; those that exist count until their own is deleted.
func (a *API) rotateSigningKey(c *gin.Context) {
	k, err := a.config.Store.SigningKeys().Rotate(c.Request.Context())
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.StateOf(c).Object = k.ID
	httpx.Created(c, httpx.PathOf("signing-keys", k.ID), signingView{k.ID, k.CreatedAt, true})
}

func (a *API) deleteSigningKey(c *gin.Context) {
	if err := a.config.Store.SigningKeys().Delete(c.Request.Context(), c.Param("kid")); err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.NoContent(c)
}
