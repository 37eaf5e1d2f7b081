package admin

import (
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/store"
)

func (a *api) createKey(c *gin.Context) {
	var in keyInput
	k := store.Key{APIAccess: true}
	err := httpx.ReadJSON(c, &in)
	if err == nil {
		k.Key = in.Key
		err = in.apply(a, &k)
	}
	if err == nil {
		err = a.mayIssue(c, &k)
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	made, err := a.config.Store.Keys().Create(c.Request.Context(), k)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.StateOf(c).Object = made.Key
	httpx.Created(c, httpx.PathOf("keys", made.Key), viewSecret(made))
}

func (a *api) changeKey(c *gin.Context) {
	var in keyInput
	err := httpx.ReadJSON(c, &in)
	if err == nil && in.Key != "" && in.Key != c.Param("key") {
		err = &store.InvalidError{Member: "key", Reason: "cannot change"}
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	k, err := a.config.Store.Keys().Change(c.Request.Context(), c.Param("key"), func(k *store.Key) error {
		if err := a.mayIssue(c, k); err != nil {
			return err
		}
		if err := in.apply(a, k); err != nil {
			return err
		}
		return a.mayIssue(c, k)
	})
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.WriteJSON(c, http.StatusOK, viewKey(k))
}

func (a *api) readKey(c *gin.Context) {
	k, err := a.config.Store.Keys().Key(c.Request.Context(), c.Param("key"))
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	view := viewKey(k)
	if a.mayIssue(c, k) == nil {
		view = viewSecret(k)
	}
	if view.Use, err = a.usageOf(c, k); err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.WriteJSON(c, http.StatusOK, view)
}

func (a *api) deleteKey(c *gin.Context) {
	k, err := a.config.Store.Keys().Key(c.Request.Context(), c.Param("key"))
	if err == nil {
		err = a.mayIssue(c, k)
	}
	if err == nil {
		err = a.config.Store.Keys().Delete(c.Request.Context(), k.Key)
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.NoContent(c)
}

// rotateKey answers POST /v1/keys/{key}/rotate with a new secret and the end of the validity of the previous one.
func (a *api) rotateKey(c *gin.Context) {
	var in struct {
		Overlap httpx.Optional[int64] `json:"overlap_seconds"`
	}
	err := httpx.ReadJSON(c, &in)
	overlap := defaultOverlap
	if in.Overlap.Set {
		overlap = time.Duration(in.Overlap.Value) * time.Second
		if in.Overlap.Value < 0 || in.Overlap.Value > int64(maxOverlap/time.Second) {
			err = &store.InvalidError{Member: "overlap_seconds", Reason: "must be between 0 and " + strconv.Itoa(int(maxOverlap/time.Second))}
		}
	}
	var before *store.Key
	if err == nil {
		before, err = a.config.Store.Keys().Key(c.Request.Context(), c.Param("key"))
	}
	if err == nil {
		err = a.mayIssue(c, before)
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	k, err := a.config.Store.Keys().Rotate(c.Request.Context(), c.Param("key"), overlap)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.WriteJSON(c, http.StatusOK, viewSecret(k))
}

func (a *api) listKeys(c *gin.Context) {
	views, err := viewAll(c.Request.Context(), a.config.Store.Keys().List, viewKey)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.List(c, listing.Schema[keyView]{Order: "key", Fields: []listing.Field[keyView]{
		listing.Text("key", func(k *keyView) string { return k.Key }),
		listing.Text("name", func(k *keyView) string { return k.Name }),
		listing.Bool("api_access", func(k *keyView) bool { return k.APIAccess }),
		listing.Text("on_replay", func(k *keyView) string { return k.OnReplay }),
		listing.Number("ts_window", func(k *keyView) int64 { return k.Window }),
		listing.List("scopes", func(k *keyView) []string { return k.Scopes }),
		listing.List("impersonate", func(k *keyView) []string { return k.Impersonate }),
	}}, views)
}
