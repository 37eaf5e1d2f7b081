package admin

import (
	"context"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth/keyusage"
	"github.com/penstock/penstock/store"
)

// KeyUsage counts which secret is used while a key has two. *keyusage.Counter
// is one.
type KeyUsage interface {
	Use(ctx context.Context, k *store.Key) (keyusage.Use, error)
}

// usageView is how far the callers of a key have changed over to its new secret.
type usageView struct {
	Current      int64     `json:"current"`
	Previous     int64     `json:"previous"`
	LastPrevious time.Time `json:"last_previous_at,omitzero"`
}

// usageOf reads the meter of a key whose previous secret still counts; nil for
// any other.
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
