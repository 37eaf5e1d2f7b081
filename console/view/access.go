package view

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/auth/keyusage"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/store"
)

// KeyPath returns the path of the page of an API key.
func KeyPath(k *store.Key) string { return Root + "/access/keys/" + url.PathEscape(k.Key) }

// KeySheet is an API key and, while it has two secrets, the number of calls signed with each.
type KeySheet struct {
	*store.Key
	Use    keyusage.Use
	Scopes []ScopeChoice // that the form offers
	Shown  ShownSecret   // zero: the page shows none
}

// ShownSecret is the secret of a key that the user asked for.
type ShownSecret struct{ Label, Value string }

// ScopeChoice is a scope of the installation's own making that a form offers as a checkbox.
type ScopeChoice struct{ Name, Description string }

func (k KeySheet) calls() int64 { return k.Use.Current + k.Use.Previous }

// share returns the percentage of calls signed with the new secret, rounded down: 100 % means that no call used the old
// one.
func (k KeySheet) share() string {
	percent := 100 * k.Use.Current / k.calls()
	return strconv.FormatInt(percent, 10) + " %"
}

// width returns the same percentage as the width of a bar.
func (k KeySheet) width() string {
	return strconv.FormatFloat(100*float64(k.Use.Current)/float64(k.calls()), 'f', 1, 64)
}

// ClientPath returns the path of the page of an API client.
func ClientPath(c *store.Client) string {
	return Root + "/access/clients/" + url.PathEscape(c.Identifier)
}

func userPath(u *store.User) string { return Root + "/access/users/" + url.PathEscape(u.Name) }

// keyFlows formats the flows of a key for the form.
func keyFlows(k *store.Key) string {
	if k.Flows == nil {
		return "all"
	}
	if len(k.Flows) == 0 {
		return "none"
	}
	var numbers []string
	for _, n := range k.Flows {
		numbers = append(numbers, strconv.FormatInt(n, 10))
	}
	return strings.Join(numbers, ", ")
}

func seconds(k *store.Key) string { return strconv.Itoa(int(k.Window.Seconds())) }

func keyName(k *store.Key) string {
	if k.Name == "" {
		return k.Key
	}
	return k.Name
}

// roleText describes a role.
type roleText struct {
	Role store.Role
	Text string
}

func roleTexts(ctx context.Context) []roleText {
	return []roleText{
		{store.RoleAdmin, language.T(ctx, "everything, keys and users included")},
		{store.RoleOperator, language.T(ctx, "runs flows, cancels and replays, manages queues")},
		{store.RoleAuthor, language.T(ctx, "sees, runs and deploys flows, and operates nothing")},
		{store.RoleViewer, language.T(ctx, "sees flows, runs and queues")},
		{store.RoleAPIUser, language.T(ctx, "may use the API: Basic, or the password grant")},
		{store.RoleDeveloper, language.T(ctx, "makes API clients in the developer portal, within the scopes granted here")},
	}
}

func roleNames(u *store.User) string {
	var names []string
	for _, r := range u.Roles {
		names = append(names, string(r))
	}
	return strings.Join(names, ", ")
}

// moreScopes returns the scopes of a client that have no checkbox.
func moreScopes(c *store.Client, own []ScopeChoice) string {
	var more []string
	for _, s := range c.Scopes {
		if !slices.Contains(auth.Scopes, auth.Scope(s)) && !slices.ContainsFunc(own, func(o ScopeChoice) bool { return o.Name == s }) {
			more = append(more, s)
		}
	}
	return strings.Join(more, " ")
}

func separator(c *store.Client) string {
	switch {
	case c.Commas == nil:
		return ""
	case *c.Commas:
		return "comma"
	}
	return "space"
}
