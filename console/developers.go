package console

import "github.com/penstock/penstock/console/portal"

// developerRoutes lists everything of the developer portal that requires a session.
func (c *Console) developerRoutes() []route {
	routes := []route{{"POST /signout", "", signOut}}
	for _, r := range c.portal.Routes() {
		routes = append(routes, route{r.Pattern, "", func(req *requestState) error { return noDeadline(r.Handle(req.developer())) }})
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
