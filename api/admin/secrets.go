package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/secretstore"
	"github.com/penstock/penstock/store"
)

// secretView is a secret in responses, without its value.
type secretView struct {
	Name      string    `json:"name"`
	From      string    `json:"from,omitempty"` // reference to where the value is kept
	Flows     []int64   `json:"flows"`          // flows in which their writers may use it
	Folders   []string  `json:"folders"`        // folders whose writers may
	UsedBy    []int64   `json:"used_by"`        // flows whose current versions name it
	UpdatedAt time.Time `json:"updated_at"`
}

// putSecret answers PUT /v1/secrets/{name}. No endpoint returns the value.
func (a *api) putSecret(c *gin.Context) {
	var in struct {
		Value string                  `json:"value"`
		From  string                  `json:"from"`  // in the place of value
		Flows httpx.Optional[[]int64] `json:"flows"` // absent: unchanged

		Folders httpx.Optional[[]string] `json:"folders"` // likewise
	}
	err := httpx.ReadJSON(c, &in)
	if err == nil && !store.ValidName(c.Param("name")) {
		err = &store.InvalidError{Member: "name", Reason: "must be " + store.NameRule}
	}
	if err == nil && in.From != "" && in.Value != "" {
		err = &store.InvalidError{Member: "from", Reason: "takes the place of value: give one of them"}
	}
	if err == nil && in.From == "" && (in.Value == "" || len(in.Value) > store.MaxSecret) {
		err = &store.InvalidError{Member: "value", Reason: fmt.Sprintf("must have 1 to %d bytes", store.MaxSecret)}
	}
	if err == nil {
		err = checkFlows(in.Flows.Value)
	}
	secrets := a.config.Store.Secrets()
	if err == nil && !in.Flows.Set {
		in.Flows.Value, err = secrets.Flows(c.Request.Context(), c.Param("name"))
	}
	var folders []string // nil: unchanged
	if in.Folders.Set {
		folders = append([]string{}, in.Folders.Value...)
	}
	if err == nil && in.From != "" {
		err = secrets.PutReference(c.Request.Context(), c.Param("name"), in.From, in.Flows.Value, folders...)
	} else if err == nil {
		err = secrets.PutFor(c.Request.Context(), c.Param("name"), in.Value, in.Flows.Value, folders...)
	}
	var stored *store.Secret
	if err == nil {
		stored, err = secrets.Stored(c.Request.Context(), c.Param("name"))
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.WriteJSON(c, http.StatusOK, secretView{c.Param("name"), in.From, append([]int64{}, in.Flows.Value...), append([]string{}, stored.Folders...), a.usersOfSecrets()(c.Param("name")), httpx.Now(c).UTC()})
}

// usersOfSecrets returns the function that gives the flows that name a secret.
func (a *api) usersOfSecrets() func(name string) []int64 {
	uses := a.config.Store.Flows().Uses(flows.ResourceSecret)
	return func(name string) []int64 { return append([]int64{}, uses[name]...) }
}

// testSecret answers POST /v1/secrets/{name}/test: it reads the value from where it is kept, by this process.
func (a *api) testSecret(c *gin.Context) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), testLimit)
	defer cancel()
	err := a.config.Store.Secrets().Test(ctx, c.Param("name"))
	result := resourceTest{err == nil, "the value can be read"}
	var kept *secretstore.Error
	switch {
	case errors.As(err, &kept):
		result.Message = kept.Error()
	case errors.Is(err, context.DeadlineExceeded):
		result.Message = "the store of the value has not answered in time"
	case err != nil:
		httpx.Fail(c, err)
		return
	}
	httpx.WriteJSON(c, http.StatusOK, result)
}

func (a *api) deleteSecret(c *gin.Context) {
	if err := a.config.Store.Secrets().Delete(c.Request.Context(), c.Param("name")); err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.NoContent(c)
}

func (a *api) listSecrets(c *gin.Context) {
	all, err := a.config.Store.Secrets().List(c.Request.Context())
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	users := a.usersOfSecrets()
	views := make([]secretView, len(all))
	for i, s := range all {
		views[i] = secretView{s.Name, s.From, append([]int64{}, s.Flows...), append([]string{}, s.Folders...), users(s.Name), s.UpdatedAt}
	}
	httpx.List(c, listing.Schema[secretView]{Order: "name", Fields: []listing.Field[secretView]{
		listing.Text("name", func(s *secretView) string { return s.Name }),
		listing.Text("from", func(s *secretView) string { return s.From }),
		listing.Time("updated_at", func(s *secretView) time.Time { return s.UpdatedAt }),
	}}, views)
}
