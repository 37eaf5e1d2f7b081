package admin

import (
	"context"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth/rotation"
	"github.com/penstock/penstock/store"
)

// Rotations counts which secret is used while a key has two. *rotation.Meter
// is one.
type Rotations interface {
	Use(ctx context.Context, k *store.Key) (rotation.Use, error)
}

// useView is how far the callers of a key have changed over to its new secret.
type useView struct {
	Current      int64     `json:"current"`
	Previous     int64     `json:"previous"`
	LastPrevious time.Time `json:"last_previous_at,omitzero"`
}

// useOf reads the meter of a key whose previous secret still counts; nil for
// any other.
func (a *api) useOf(c *gin.Context, k *store.Key) (*useView, error) {
	if a.config.Rotations == nil || !httpx.Now(c).Before(k.PreviousUntil) {
		return nil, nil
	}
	use, err := a.config.Rotations.Use(c.Request.Context(), k)
	if err != nil {
		return nil, err
	}
	return &useView{Current: use.Current, Previous: use.Previous, LastPrevious: use.LastPrevious}, nil
}
