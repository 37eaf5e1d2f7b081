package portal

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock/penstock/api/openapi/flowdoc"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/limits"
	"github.com/penstock/penstock/store"
)

// maxAPIs is the maximum number of APIs on a page. A search finds the others.
const maxAPIs = 200

// listAPIs lists the APIs of which the developer may call some operation.
func (p *Portal) listAPIs(r *Request) error {
	list := view.APIList{Query: strings.TrimSpace(r.HTTP.URL.Query().Get("q")), Scopes: p.grants(r.Who)}
	for _, head := range p.config.Store.Flows().List() {
		if !r.client().MayCallSome(&head) {
			continue
		}
		flow, ok := p.config.Store.Flows().Find(strconv.FormatInt(head.Number, 10))
		if !ok {
			continue
		}
		api, ok := apiOf(r.client(), flow, &head)
		if !ok || !api.Matches(list.Query) {
			continue
		}
		if list.More = len(list.APIs) >= maxAPIs; list.More {
			break
		}
		list.APIs = append(list.APIs, api)
	}
	clients, err := p.config.Store.Clients().Owned(r.HTTP.Context(), r.User.Name)
	if err != nil {
		return err
	}
	list.Clients = len(clients)
	return r.Render(200, view.APIListPage(r.Page("apis", language.T(r.HTTP.Context(), "APIs")), list))
}

// apiOf returns a flow as an API, with the operations that a principal may call; false: it is none, or there are none.
func apiOf(who *auth.Principal, flow *flows.Flow, head *store.Deployment) (view.API, bool) {
	api := view.API{Number: flow.Number, Slug: flow.Slug, Name: flow.Name, Deployed: head.DeployedAt, Limit: flow.Limit, Enabled: head.Enabled, Paused: !head.Paused.IsZero()}
	if flow.HTTP == nil {
		declared := flow.Output != nil || flow.Webhook != nil && flow.Webhook.Schema != nil
		api.Operations = []view.APIOperation{{Method: "POST", Path: "/v1/flows/" + strconv.FormatInt(flow.Number, 10) + "/runs"}}
		return api, declared && who.May(auth.ScopeRun, flow.Number)
	}
	for _, o := range flow.HTTP.Operations {
		var scopes []string
		for _, s := range o.Scopes {
			scopes = append(scopes, s.Name)
		}
		if who.MayCall(flow.Number, o.Auth, scopes) {
			api.Operations = append(api.Operations, view.APIOperation{Method: o.Method, Path: o.Path.String(), Summary: o.Summary, Scopes: scopes, Deprecated: o.Deprecated})
		}
	}
	return api, len(api.Operations) > 0
}

// grants lists what the developer was granted, with what it allows. Scopes that allow nothing, because no deployed flow has them
// or is the one to which they are narrowed, are left out.
func (p *Portal) grants(who *auth.Principal) []view.ScopeChoice {
	var all []view.ScopeChoice
	own := p.config.Store.Flows().Scopes()
	for _, s := range who.Scopes {
		c := view.ScopeChoice{Name: string(s), Description: auth.Describe(s.Name())}
		known := c.Description != ""
		if at := slices.IndexFunc(own, func(o store.OwnScope) bool { return o.Name == string(s.Name()) }); at >= 0 {
			known, c.Description = true, own[at].Description
		}
		if _, flow, narrowed := strings.Cut(strings.TrimPrefix(string(s), string(s.Name())), ":"); narrowed {
			_, deployed := p.config.Store.Flows().Find(flow)
			known, c.Description = known && deployed, strings.TrimSpace(c.Description+" (flow "+flow+")")
		}
		if !known {
			continue
		}
		all = append(all, c)
	}
	return all
}

// api returns the API in the path with the description of its operations that the developer may call. The error for one
// that the developer may not call is that for one that does not exist: store.ErrNotFound.
func (p *Portal) api(r *Request) (view.API, *flowdoc.Part, error) {
	ref := r.HTTP.PathValue("flow")
	flow, ok := p.config.Store.Flows().Find(ref)
	if !ok {
		return view.API{}, nil, store.ErrNotFound
	}
	head, err := p.config.Store.Flows().Deployment(ref)
	if err != nil {
		return view.API{}, nil, err
	}
	api, ok := apiOf(r.client(), flow, &head)
	if !ok {
		return view.API{}, nil, store.ErrNotFound
	}
	part := flowdoc.Describe(flow).Only(func(o *flowdoc.Operation) bool { return r.client().MayCall(flow.Number, o.Ways, o.Scopes) })
	if part == nil || len(part.Operations) != len(api.Operations) {
		return view.API{}, nil, store.ErrNotFound
	}
	for i := range part.Operations { // both are in the order of the flow
		api.Operations[i].ID = part.Operations[i].ID
	}
	return api, part, nil
}

// showAPI shows the operations of an API.
func (p *Portal) showAPI(r *Request) error {
	api, part, err := p.api(r)
	if err != nil {
		return err
	}
	sheets := make([]*flowdoc.Sheet, len(part.Operations))
	for i := range part.Operations {
		if sheets[i], err = p.builder.Sheet(&part.Operations[i]); err != nil {
			return err
		}
	}
	return r.Render(200, view.APIPage(r.Page("apis", api.Title()), api, sheets))
}

// operation returns the operation in the path.
func (p *Portal) operation(r *Request) (view.Operation, error) {
	api, part, err := p.api(r)
	if err != nil {
		return view.Operation{}, err
	}
	at := slices.IndexFunc(part.Operations, func(o flowdoc.Operation) bool { return o.ID == r.HTTP.PathValue("operation") })
	if at < 0 {
		return view.Operation{}, store.ErrNotFound
	}
	sheet, err := p.builder.Sheet(&part.Operations[at])
	scopes := sheet.Scopes
	if len(scopes) == 0 && len(sheet.Ways) > 0 {
		scopes = []string{string(auth.ScopeRun)}
	}
	var described []view.ScopeChoice
	for _, name := range scopes {
		described = append(described, p.grants(&auth.Principal{Scopes: []auth.Scope{auth.Scope(name)}})...)
	}
	o := view.Operation{API: api, Sheet: sheet, Base: p.config.Base(r.HTTP), Needs: described}
	if err == nil {
		use := limits.Use{Endpoint: "runs", Flow: api.Number, Method: strings.ToUpper(sheet.Method), Path: sheet.Path}
		if strings.HasPrefix(use.Path, "/v1/") { // the one route for all flows by number
			use.Path = "/v1/flows/{flow}/runs"
		}
		o.RateIP, o.RateClient = p.config.RateIP.Applying(use), p.config.RateClient.Applying(use)
	}
	return o, err
}

// showOperation shows an operation in full.
func (p *Portal) showOperation(r *Request) error {
	o, err := p.operation(r)
	if err != nil {
		return err
	}
	example(&o)
	return p.renderOperation(r, http.StatusOK, &o)
}

// renderOperation shows an operation with its form, and with samples of what the form says.
func (p *Portal) renderOperation(r *Request, status int, o *view.Operation) error {
	o.Callable = p.config.Call != nil
	placeholders := *o
	placeholders.Values = maps.Clone(o.Values)
	for _, m := range o.Sheet.Params { // a sample needs some value in the path
		if at := m.In + "." + m.Name; m.In == "path" && placeholders.Values[at] == "" {
			placeholders.Values[at] = strings.ToUpper(m.Name)
		}
	}
	if c, err := callOf(&placeholders); err == nil {
		o.Samples = c.samples(o)
	}
	return r.Render(status, view.OperationPage(r.Page("apis", o.Title()), *o))
}
