package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/connect"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/store"
)

// connectionView is a connection in responses, without its secrets.
type connectionView struct {
	Name      string            `json:"name"`
	Type      string            `json:"type"`
	Hosts     []string          `json:"hosts,omitempty"`
	Settings  map[string]string `json:"settings"`
	From      map[string]string `json:"from,omitempty"` // references of settings that are kept elsewhere, by name
	Flows     []int64           `json:"flows"`          // flows in which their writers may use it
	Folders   []string          `json:"folders"`        // folders whose writers may
	UsedBy    []int64           `json:"used_by"`        // flows whose current versions name it
	UpdatedAt time.Time         `json:"updated_at"`
}

// connectionViewer returns the function that describes connections.
func (a *api) connectionViewer() func(*store.Connection) connectionView {
	uses := a.config.Store.Flows().Uses(flows.ResourceConnection)
	return func(c *store.Connection) connectionView {
		shown := connect.Shown(a.config.Store.Catalogue(), c)
		return connectionView{shown.Name, shown.Type, shown.Hosts, shown.Settings, shown.From, append([]int64{}, c.Flows...), append([]string{}, c.Folders...), append([]int64{}, uses[c.Name]...), shown.UpdatedAt}
	}
}

// putConnection answers PUT /v1/connections/{name}: it replaces the whole connection.
func (a *api) putConnection(c *gin.Context) {
	var in struct {
		Name     string                     `json:"name"`
		Type     string                     `json:"type"`
		Hosts    []string                   `json:"hosts"`
		Settings map[string]json.RawMessage `json:"settings"`
		From     map[string]string          `json:"from"`
		Flows    []int64                    `json:"flows"`
		Folders  []string                   `json:"folders"` // absent: unchanged
	}
	name := c.Param("name")
	err := httpx.ReadJSON(c, &in)
	if err == nil && (!store.ValidName(name) || in.Name != "" && in.Name != name) {
		err = &store.InvalidError{Member: "name", Reason: "must be that of the path: " + store.NameRule}
	}
	conn := store.Connection{Name: name, Type: in.Type, Hosts: in.Hosts, From: in.From, Flows: in.Flows, Folders: in.Folders}
	if err == nil {
		err = checkFlows(in.Flows)
	}
	if err == nil {
		var wrong error
		if conn.Settings, wrong = connect.Texts(in.Settings); wrong == nil {
			wrong = connect.Check(a.config.Store.Catalogue(), &conn)
		}
		if wrong == nil {
			wrong = connect.CheckAllowed(a.config.Store.SecretStores(), &conn)
		}
		if wrong != nil {
			err = httpx.BadRequest("invalid", wrong.Error())
		}
	}
	var stored *store.Connection
	if err == nil {
		stored, err = a.config.Store.Connections().Put(c.Request.Context(), conn)
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.WriteJSON(c, http.StatusOK, a.connectionViewer()(stored))
}

func (a *api) readConnection(c *gin.Context) {
	conn, err := a.config.Store.Connections().Connection(c.Request.Context(), c.Param("name"))
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.WriteJSON(c, http.StatusOK, a.connectionViewer()(conn))
}

func (a *api) deleteConnection(c *gin.Context) {
	if err := a.config.Store.Connections().Delete(c.Request.Context(), c.Param("name")); err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.NoContent(c)
}

// testLimit is the maximum duration of a test of a connection.
const testLimit = 15 * time.Second

// testConnection answers POST /v1/connections/{name}/test: a worker contacts the server of the connection.
func (a *api) testConnection(c *gin.Context) {
	var in struct {
		URL string `json:"url"` // empty: that of the setting test
	}
	if c.Request.ContentLength != 0 {
		if err := httpx.ReadJSON(c, &in); err != nil {
			httpx.Fail(c, err)
			return
		}
	}
	if _, err := a.config.Store.Connections().Connection(c.Request.Context(), c.Param("name")); err != nil {
		httpx.Fail(c, err)
		return
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), testLimit)
	defer cancel()
	said, err := a.config.Connections.Test(ctx, c.Param("name"), in.URL)
	if err != nil {
		said = err.Error()
	}
	httpx.WriteJSON(c, http.StatusOK, resourceTest{err == nil, said})
}

// resourceTest is the result of a test of a connection or a secret.
type resourceTest struct {
	Works   bool   `json:"works"`
	Message string `json:"message"` // what the server answered, or what is wrong
}

func (a *api) listConnections(c *gin.Context) {
	views, err := viewAll(c.Request.Context(), a.config.Store.Connections().List, a.connectionViewer())
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.List(c, listing.Schema[connectionView]{Order: "name", Fields: []listing.Field[connectionView]{
		listing.Text("name", func(v *connectionView) string { return v.Name }),
		listing.Text("type", func(v *connectionView) string { return v.Type }),
		listing.Time("updated_at", func(v *connectionView) time.Time { return v.UpdatedAt }),
	}}, views)
}
