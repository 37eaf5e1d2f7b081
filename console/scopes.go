package console

import (
	"slices"

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
