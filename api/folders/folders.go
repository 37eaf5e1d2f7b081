package folders

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/store"
)

// view is a folder in responses.
type view struct {
	Folder  string              `json:"folder"` // "/": the top
	Flows   []int64             `json:"flows"`  // in the folder itself, of those that the caller may see
	Rights  []store.Right       `json:"rights"` // of the caller
	Grants  []store.FolderGrant `json:"grants"` // null: the caller does not administer the folder
	Version string              `json:"version,omitempty"`
	Updated time.Time           `json:"updated_at,omitzero"`
}

var errNoFolder = &httpx.Fault{Status: http.StatusNotFound, Code: "not_found", Message: "there is no such folder for you"}

// list answers GET /v1/folders with the folders in which the caller has a right.
func (a *api) list(c *gin.Context) {
	known, err := a.config.Store.Folders().View(c.Request.Context())
	views := []view{}
	if err == nil {
		for _, name := range known.Folders() {
			v, visible, failed := a.viewOf(c, name)
			if err = errors.Join(err, failed); visible {
				views = append(views, v)
			}
		}
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.List(c, listing.Schema[view]{Order: "folder", Fields: []listing.Field[view]{
		listing.Text("folder", func(v *view) string { return v.Folder }),
		listing.Time("updated_at", func(v *view) time.Time { return v.Updated }),
	}}, views)
}

// viewOf returns a folder as the caller sees it; false: the caller has no right in it.
func (a *api) viewOf(c *gin.Context, name string) (v view, visible bool, err error) {
	p := httpx.StateOf(c).Principal
	v = view{Folder: store.FolderText(name), Flows: []int64{}, Rights: p.RightsIn(name)}
	for _, h := range a.config.Store.Flows().List() {
		if h.Folder == name && p.May(auth.ScopeReadFlows, h.Number) {
			v.Flows = append(v.Flows, h.Number)
		}
	}
	f, err := a.config.Store.Folders().Folder(c.Request.Context(), name)
	switch {
	case errors.Is(err, store.ErrNotFound):
		f, err = &store.Folder{}, nil
	case err != nil:
		return v, false, err
	}
	if p.MayIn(auth.ScopeFolders, name) {
		v.Grants, v.Version, v.Updated = append([]store.FolderGrant{}, f.Grants...), f.Version, f.UpdatedAt
	}
	return v, len(v.Rights) > 0 || len(v.Flows) > 0 || v.Grants != nil, nil
}

// named returns the folder in the path.
func named(c *gin.Context) (name string, err error) {
	name, err = store.ParseFolderPath(c.Param("folder"))
	if err == nil {
		httpx.StateOf(c).Object = "folder:" + store.FolderText(name)
	}
	return name, err
}

// read answers GET /v1/folders/{folder}.
func (a *api) read(c *gin.Context) {
	name, err := named(c)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	a.write(c, http.StatusOK, name)
}

func (a *api) write(c *gin.Context, status int, name string) {
	v, visible, err := a.viewOf(c, name)
	if err == nil && !visible {
		err = errNoFolder
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	if v.Version != "" {
		c.Header("ETag", `"`+v.Version+`"`)
	}
	httpx.WriteJSON(c, status, v)
}

// input is the body of PUT /v1/folders/{folder}.
type input struct {
	Grants []store.FolderGrant `json:"grants"`
}

// put answers PUT /v1/folders/{folder}: it replaces who has which rights in the folder.
func (a *api) put(c *gin.Context) {
	var in input
	name, err := named(c)
	if err == nil {
		err = administers(c, name)
	}
	if err == nil {
		err = httpx.ReadJSON(c, &in)
	}
	if err == nil && len(in.Grants) == 0 {
		err = &store.InvalidError{Member: "grants", Reason: "must name somebody: delete the folder's rights to take all"}
	}
	if err == nil {
		err = a.change(c, name, in.Grants)
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	a.write(c, http.StatusOK, name)
}

// remove answers DELETE /v1/folders/{folder}: nobody has rights of the folder any more. The flows in it stay.
func (a *api) remove(c *gin.Context) {
	name, err := named(c)
	if err == nil {
		err = administers(c, name)
	}
	if err == nil {
		err = a.change(c, name, nil)
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.NoContent(c)
}

// administers returns an error for a caller who may not say who has which rights in a folder.
func administers(c *gin.Context, name string) error {
	p := httpx.StateOf(c).Principal
	switch {
	case p.MayIn(auth.ScopeFolders, name):
		return nil
	case len(p.RightsIn(name)) == 0:
		return errNoFolder
	}
	return auth.MissingScope(auth.ScopeFolders, " for the folder "+store.FolderText(name)+": it takes the right to administer it")
}

// change replaces the grants of a folder.
func (a *api) change(c *gin.Context, name string, grants []store.FolderGrant) error {
	p := httpx.StateOf(c).Principal
	base, err := baseOf(c)
	if err != nil {
		return err
	}
	_, err = a.config.Store.Folders().Change(c.Request.Context(), name, base, func(before []store.FolderGrant) ([]store.FolderGrant, error) {
		return grants, p.CheckGrants(name, before, grants)
	})
	return err
}

// baseOf returns the version on which a change is based, as If-Match or If-None-Match says (RFC 9110, section 13.1); empty: any.
func baseOf(c *gin.Context) (string, error) {
	match, none := c.GetHeader("If-Match"), c.GetHeader("If-None-Match")
	switch {
	case match == "" && none == "":
		return "", nil
	case match == "" && none == "*":
		return store.NoVersion, nil
	case match != "" && none == "" && len(match) > 2 && strings.HasPrefix(match, `"`) && strings.HasSuffix(match, `"`):
		if base := strings.Trim(match, `"`); base != store.NoVersion {
			return base, nil
		}
	}
	return "", httpx.BadRequest("bad_precondition", `expected If-Match with one version in quotation marks, as in the ETag, or If-None-Match: *`)
}
