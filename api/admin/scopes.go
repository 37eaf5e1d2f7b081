package admin

import (
	"context"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/auth"
)

// scopeView is a scope, with who asks for it and who was granted it.
type scopeView struct {
	Name        string   `json:"name"`
	Description string   `json:"description,omitempty"`
	Own         bool     `json:"own"`        // of the installation's own making
	Flows       []int64  `json:"flows"`      // whose operations ask for it
	Operations  []string `json:"operations"` // as in "GET /people/{id}"
	Users       []string `json:"users"`      // that hold it, perhaps by a role
	Keys        []string `json:"keys"`
	Clients     []string `json:"clients"`
}

// listScopes answers GET /v1/scopes with the scopes of the server, those that flows require, and those that principals
// still hold.
func (a *api) listScopes(c *gin.Context) {
	all := map[auth.Scope]*scopeView{}
	at := func(name auth.Scope) *scopeView {
		if all[name] == nil {
			all[name] = &scopeView{
				Name: string(name), Own: name.Own(), Description: auth.Describe(name),
				Flows: []int64{}, Operations: []string{}, Users: []string{}, Keys: []string{}, Clients: []string{},
			}
		}
		return all[name]
	}
	for _, s := range auth.Scopes {
		at(s)
	}
	for _, s := range a.config.Store.Flows().Scopes() {
		v := at(auth.Scope(s.Name))
		v.Description, v.Flows, v.Operations = s.Description, s.Flows, s.Operations
	}
	if err := a.addHolders(c.Request.Context(), at); err != nil {
		httpx.Fail(c, err)
		return
	}
	views := make([]scopeView, 0, len(all))
	for _, v := range all {
		views = append(views, *v)
	}
	httpx.List(c, listing.Schema[scopeView]{Order: "name", Fields: []listing.Field[scopeView]{
		listing.Text("name", func(v *scopeView) string { return v.Name }),
		listing.Bool("own", func(v *scopeView) bool { return v.Own }),
		listing.List("users", func(v *scopeView) []string { return v.Users }),
		listing.List("keys", func(v *scopeView) []string { return v.Keys }),
		listing.List("clients", func(v *scopeView) []string { return v.Clients }),
	}}, views)
}

// addHolders adds who was granted each scope, whole or narrowed to a flow.
func (a *api) addHolders(ctx context.Context, at func(auth.Scope) *scopeView) error {
	users, err := a.config.Store.Users().List(ctx)
	if err != nil {
		return err
	}
	for _, u := range users {
		note(auth.ScopesOf(u), at, func(v *scopeView) *[]string { return &v.Users }, u.Name)
	}
	keys, err := a.config.Store.Keys().List(ctx)
	if err != nil {
		return err
	}
	for _, k := range keys {
		note(auth.KeyPrincipal(k, nil).Scopes, at, func(v *scopeView) *[]string { return &v.Keys }, k.Key)
	}
	clients, err := a.config.Store.Clients().List(ctx)
	if err != nil {
		return err
	}
	for _, client := range clients {
		note(asScopes(client.Scopes), at, func(v *scopeView) *[]string { return &v.Clients }, client.Identifier)
	}
	return nil
}

func note(held []auth.Scope, at func(auth.Scope) *scopeView, list func(*scopeView) *[]string, holder string) {
	for _, s := range held {
		name := s.Name()
		if name == "" { // of a later version of this program
			continue
		}
		if all := list(at(name)); !slices.Contains(*all, holder) {
			*all = append(*all, holder)
		}
	}
}
