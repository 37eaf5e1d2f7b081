package admin

import (
	"context"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth/keyusage"
	"github.com/penstock/penstock/store"
)

// KeyUsage returns how often each secret of a key is used during a rotation. *keyusage.Counter implements it.
type KeyUsage interface {
	Use(ctx context.Context, k *store.Key) (keyusage.Use, error)
}

// usageView says how many calls are signed with each secret of a key.
type usageView struct {
	Current      int64     `json:"current"`
	Previous     int64     `json:"previous"`
	LastPrevious time.Time `json:"last_previous_at,omitzero"`
}

// usageOf returns the usage of a key whose previous secret is still valid; nil for any other.
func (a *api) usageOf(c *gin.Context, k *store.Key) (*usageView, error) {
	if a.config.KeyUsage == nil || !httpx.Now(c).Before(k.PreviousUntil) {
		return nil, nil
	}
	use, err := a.config.KeyUsage.Use(c.Request.Context(), k)
	if err != nil {
		return nil, err
	}
	return &usageView{Current: use.Current, Previous: use.Previous, LastPrevious: use.LastPrevious}, nil
}
