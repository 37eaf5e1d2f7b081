package console

import (
	"net/http"

	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/console/workbench"
	"github.com/penstock/penstock/store"
)

// workbenchRoutes lists the pages about what arrives at webhooks, and those that try and call a flow.
func (c *Console) workbenchRoutes() (routes []route) {
	for _, r := range c.workbench.Routes() {
		routes = append(routes, route{r.Pattern, r.Scope, func(req *requestState) error { return r.Handle(req.workbench()) }})
	}
	return routes
}

// workbench returns the request as the workbench sees it.
func (req *requestState) workbench() *workbench.Request {
	return &workbench.Request{
		HTTP: req.r, Who: req.who, May: req.may, Fragment: req.fragment(),
		Page: req.page, Render: req.render, Redirect: req.redirect, Notice: req.setNotice, Audit: req.audit, Flow: req.flowRow,
		Submission: req.submission, FairKey: req.setFairKey, Start: req.start, Draft: req.showDraft, NewFlow: req.showNewFlow,
		Fault: func(status int, title, text string) error { return &fault{status, title, text} },
	}
}

// showDraft shows the current version of a flow in the editor with a further test. Nothing is saved.
func (req *requestState) showDraft(head store.Deployment, d workbench.Draft) error {
	source, err := req.console.config.Store.Flows().Source(req.ctx(), head.Number, head.Version)
	if err != nil {
		return err
	}
	text := withTest(string(source), d.Entry)
	f := view.Flow{FlowRow: req.flowRow(head), Source: text, Diagram: req.diagram([]byte(text)), Schema: Root + "/flows/schema.json"}
	f.Topics, f.Rehearse, f.Writable, f.Base, f.Unsaved = req.topics(&head), req.mayRehearse(), true, head.Version, true
	page := req.page("flows", head.Name)
	page.Notice = d.Notice
	if d.Lacks != "" {
		f.Trouble = language.T(req.ctx(), "The last test of the file has gaps: %s", d.Lacks)
	}
	return req.render(http.StatusOK, view.FlowPage(page, f))
}
