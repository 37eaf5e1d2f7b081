package admin

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/store"
)

// putVar answers PUT /v1/vars/{name}.
func (a *api) putVar(c *gin.Context) {
	var in struct {
		Value json.RawMessage `json:"value"`
	}
	err := httpx.ReadJSON(c, &in)
	var stored *store.Var
	if err == nil {
		stored, err = a.config.Store.Vars().Put(c.Request.Context(), c.Param("name"), in.Value)
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.WriteJSON(c, http.StatusOK, stored)
}

func (a *api) deleteVar(c *gin.Context) {
	if err := a.config.Store.Vars().Delete(c.Request.Context(), c.Param("name")); err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.NoContent(c)
}

func (a *api) listVars(c *gin.Context) {
	all, err := a.config.Store.Vars().List(c.Request.Context())
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	views := make([]store.Var, len(all))
	for i, v := range all {
		views[i] = *v
	}
	httpx.List(c, listing.Schema[store.Var]{Order: "name", Fields: []listing.Field[store.Var]{
		listing.Text("name", func(v *store.Var) string { return v.Name }),
		listing.Time("updated_at", func(v *store.Var) time.Time { return v.UpdatedAt }),
	}}, views)
}
