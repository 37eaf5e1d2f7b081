package console

import (
	"slices"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/store"
)

// scopeChoices returns the scopes that deployed flows ask for, the same as GET /v1/scopes lists as the installation's
// own, and after them those of held that are no longer asked for, or are narrowed to a flow.
func (req *requestState) scopeChoices(held []string) []view.ScopeChoice {
	var all []view.ScopeChoice
	for _, s := range req.console.config.Store.Flows().Scopes() {
		all = append(all, view.ScopeChoice{Name: s.Name, Description: s.Description})
	}
	for _, name := range held {
		if !slices.ContainsFunc(all, func(c view.ScopeChoice) bool { return c.Name == name }) {
			all = append(all, view.ScopeChoice{Name: name})
		}
	}
	return all
}

// userScopes returns the scopes of the form for a user with the roles of u, who holds those of u so far.
func (req *requestState) userScopes(u *store.User) ([]string, error) {
	checked, err := req.ownScopes(u.Scopes)
	if err != nil {
		return nil, err
	}
	for _, name := range words(req.r.PostFormValue("more_scopes")) {
		if !slices.Contains(checked, name) {
			checked = append(checked, name)
		}
	}
	for _, name := range checked {
		s := auth.Scope(name)
		if !s.GrantableTo(u) || s.Own() && !slices.Contains(u.Scopes, name) && !req.console.config.Store.Flows().HasScope(string(s.Name())) {
			return nil, &store.InvalidError{Member: "scopes", Reason: "contains " + name + ": users hold scopes that flows ask for, and developers also flows:run and runs:read, as in flows:run:69"}
		}
	}
	return checked, nil
}

// ownScopes returns the checked scopes of the form. Each must be a choice for a principal that holds the scopes held.
func (req *requestState) ownScopes(held []string) ([]string, error) {
	choices := req.scopeChoices(held)
	var checked []string
	for _, name := range req.r.PostForm["own_scope"] {
		if !slices.ContainsFunc(choices, func(c view.ScopeChoice) bool { return c.Name == name }) {
			return nil, &store.InvalidError{Member: "scopes", Reason: "contains " + name + ", which no deployed flow asks for"}
		}
		if !slices.Contains(checked, name) {
			checked = append(checked, name)
		}
	}
	return checked, nil
}
