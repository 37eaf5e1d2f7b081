package admin

import (
	"context"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/listing"
)

// signingView is a signing key for assertions, without its private part.
type signingView struct {
	ID        string    `json:"kid"`
	CreatedAt time.Time `json:"created_at"`
	Signs     bool      `json:"signs"` // false: it only verifies older assertions
}

func (a *api) listSigningKeys(c *gin.Context) {
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

func (a *api) signingViews(ctx context.Context) ([]signingView, error) {
	all, err := a.config.Store.SigningKeys().List(ctx)
	views := make([]signingView, len(all))
	for i, k := range all {
		views[i] = signingView{k.ID, k.CreatedAt, i == 0}
	}
	return views, err
}

// rotateSigningKey answers POST /v1/signing-keys: new assertions are signed with a new key. Existing assertions are
// valid until their key is deleted.
func (a *api) rotateSigningKey(c *gin.Context) {
	k, err := a.config.Store.SigningKeys().Rotate(c.Request.Context())
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.StateOf(c).Object = k.ID
	httpx.Created(c, httpx.PathOf("signing-keys", k.ID), signingView{k.ID, k.CreatedAt, true})
}

func (a *api) deleteSigningKey(c *gin.Context) {
	if err := a.config.Store.SigningKeys().Delete(c.Request.Context(), c.Param("kid")); err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.NoContent(c)
}
