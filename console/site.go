package console

import (
	"slices"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/account"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/palette"
	"github.com/penstock/penstock/console/portal"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/store"
)

// site is one of the two sets of pages that share sessions, sign-in and look: the console and the developer portal. A
// browser signs in to each apart: the cookies of one are not sent to the other.
type site struct {
	view.Site
	// principal returns what a signed-in user may do there; nil: nothing, and the user cannot sign in.
	principal func(*store.User, *store.FolderView) *auth.Principal
	denied    string // answer to a sign-in that fails, whatever the reason
}

// consoleSite is for administrators, operators, authors and viewers, and for those who have rights in folders.
func consoleSite() *site {
	return &site{view.ConsoleSite(), consolePrincipal, language.Key("The name or the password is wrong, or the user has no role in the console.")}
}

// developerSite is for developers.
func developerSite() *site {
	return &site{view.DeveloperSite(), developerPrincipal, language.Key("The name or the password is wrong, or the user is no developer.")}
}

// consoleRoles are the roles that give access to the console.
var consoleRoles = []store.Role{store.RoleAdmin, store.RoleOperator, store.RoleAuthor, store.RoleViewer} // read only

// consoleRolesOf returns the roles of a user that count in the console.
func consoleRolesOf(u *store.User) []store.Role {
	return slices.DeleteFunc(slices.Clone(consoleRoles), func(r store.Role) bool { return !u.Is(r) })
}

func consolePrincipal(u *store.User, v *store.FolderView) *auth.Principal {
	roles := consoleRolesOf(u)
	p := (&auth.Principal{Kind: auth.KindUser, ID: u.Name, Name: u.Name}).With(v, u.Groups)
	if u.Disabled || len(roles) == 0 && len(p.Granted) == 0 {
		return nil
	}
	if len(roles) > 0 {
		p.Scopes, p.Staff = auth.ScopesOf(&store.User{Roles: roles, Scopes: u.Scopes}), true
	}
	return p
}

// developerPrincipal holds what an administrator granted, and nothing by a role.
func developerPrincipal(u *store.User, _ *store.FolderView) *auth.Principal {
	if !u.Is(store.RoleDeveloper) {
		return nil
	}
	return &auth.Principal{Kind: auth.KindUser, ID: u.Name, Name: u.Name, Scopes: auth.DeveloperScopes(u)}
}

// developerRoutes lists everything of the developer portal that requires a session.
func (c *Console) developerRoutes() []route {
	routes := append([]route{{"GET /session", "", showSession}, {"POST /signout", "", signOut}}, c.accountRoutes()...)
	for _, r := range c.portal.Routes() {
		routes = append(routes, route{r.Pattern, "", func(req *requestState) error { return noDeadline(r.Handle(req.developer())) }})
	}
	return routes
}

// accountRoutes lists the pages of the signed-in user, which both sites have.
func (c *Console) accountRoutes() []route {
	var routes []route
	for _, r := range c.accounts.Routes() {
		routes = append(routes, route{r.Pattern, "", func(req *requestState) error { return r.Handle(req.account()) }})
	}
	return routes
}

// account returns the request as the pages of the signed-in user see it.
func (req *requestState) account() *account.Request {
	r := &account.Request{
		HTTP: req.r, Root: req.site.Root, User: req.user, Session: req.session, IP: req.ip(), Host: req.host(),
		Page:   func(title string) view.Page { return req.page("", title) },
		Render: req.render, Redirect: req.redirect, Notice: req.setNotice, Audit: req.audit, Theme: req.setTheme,
	}
	r.Renew = func(u *store.User) error {
		err := req.renewSession(u)
		r.User, r.Session = req.user, req.session
		return err
	}
	return r
}

// paletteRoutes lists the search for pages and actions.
func (c *Console) paletteRoutes() []route {
	var routes []route
	for _, r := range c.palette.Routes() {
		routes = append(routes, route{r.Pattern, r.Scope, func(req *requestState) error {
			return r.Handle(&palette.Request{
				HTTP: req.r, Away: req.away, Fragment: req.fragment(), May: req.may, ForSome: req.mayForSome, MayWith: req.who.May,
				Page:   func(title string) view.Page { return req.page("", title) },
				Render: req.render, Redirect: req.redirect, Notice: req.setNotice, Audit: req.audit,
			})
		}})
	}
	return routes
}

// developer returns the request as the portal sees it.
func (req *requestState) developer() *portal.Request {
	return &portal.Request{
		HTTP: req.r, Writer: req.w, User: req.user, Who: req.who, IP: req.ip(),
		Page: req.page, Render: req.render, Redirect: req.redirect, Notice: req.setNotice, Download: req.download, Audit: req.audit,
	}
}
