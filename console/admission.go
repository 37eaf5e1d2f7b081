package console

import (
	"errors"
	"net/http"
	"slices"
	"strconv"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

// may reports whether the user has a scope: for the flow that the request is about, or else for all flows.
func (req *requestState) may(scope auth.Scope) bool {
	return req.who != nil && req.who.MayForOthers(scope, req.flow)
}

// mayForSome reports whether the user has a scope for at least one flow.
func (req *requestState) mayForSome(scope auth.Scope) bool {
	return req.who != nil && req.who.Holds(scope)
}

// sees reports whether the user may read a flow.
func (req *requestState) sees(flow int64) bool {
	return req.who != nil && req.who.May(auth.ScopeReadFlows, flow)
}

// readsRuns reports whether the user may read the runs of a flow.
func (req *requestState) readsRuns(flow int64) bool {
	return req.who != nil && req.who.MayForOthers(auth.ScopeReadRuns, flow)
}

// flowByFlow are the routes that lead no further than to flows for which the user has the route's scope: what they list and
// change is checked flow by flow. Read only.
var flowByFlow = []string{
	"GET /runs", "GET /runs/newer", "GET /runs/fields.json", "GET /runs/compare", "POST /runs/chosen", "GET /runs/bulk", "POST /runs/bulk",
	"GET /operations", "GET /operations/{operation}", "POST /operations/{operation}/stop",
	"GET /failures",
	"GET /flows", "GET /flows/new", "GET /flows/schema.json", "POST /flows/check", "POST /flows/review", "POST /flows/diff", "POST /flows",
	"GET /proposals", "POST /flows/{flow}/proposal/approve", "POST /flows/{flow}/proposal/reject",
	"GET /build/catalogue.json", "POST /build/data", "POST /build/preview",
	"GET /folders", "GET /folders/{folder}", "POST /folders/{folder}",
}

// admit returns an error unless the user has the scope of a route: for the flow that the request is about, or for all flows. What a user
// with rights in folders may not see is not there.
func (req *requestState) admit(to route) error {
	if len(req.who.Granted) == 0 {
		if !req.may(to.scope) {
			return errForbidden
		}
		return nil
	}
	if slices.Contains(flowByFlow, to.pattern) {
		if !req.mayForSome(to.scope) {
			return errForbidden
		}
		return nil
	}
	var err error
	if req.flow, err = req.subject(); err != nil {
		return err
	}
	switch {
	case req.may(to.scope):
		return nil
	case req.flow != 0 && !req.sees(req.flow):
		return errNotFound
	}
	return errForbidden
}

// subject returns the flow that the path is about; zero: it is about none.
func (req *requestState) subject() (int64, error) {
	if ref := req.r.PathValue("flow"); ref != "" {
		head, err := req.console.config.Store.Flows().Deployment(ref)
		if errors.Is(err, store.ErrNotFound) {
			return 0, errNotFound
		}
		return head.Number, err
	}
	if id := req.r.PathValue("run"); id != "" {
		record, err := req.recordOf(id)
		if errors.Is(err, queue.ErrNotFound) {
			return 0, errNotFound
		}
		return record.Flow, err
	}
	if id := req.r.PathValue("failure"); id != "" {
		g, err := req.console.config.Failures.Failure(req.ctx(), id)
		return g.Flow, err
	}
	return 0, nil
}

// visibleFlows returns the flows that the user may read, by number. The result must not be modified.
func (req *requestState) visibleFlows() []store.Deployment {
	if req.sees(0) { // all
		return req.console.config.Store.Flows().List()
	}
	return slices.DeleteFunc(slices.Clone(req.console.config.Store.Flows().List()), func(h store.Deployment) bool { return !req.sees(h.Number) })
}

// mayBring returns the decision on a change that brings the flow from one folder to another, as store.Change has it. Its error is for people.
func (req *requestState) mayBring(flow int64) func(exists bool, from, to string) error {
	decide := req.who.MayBring(flow)
	return func(exists bool, from, to string) error {
		err := decide(exists, from, to)
		var refused *auth.Error
		if errors.As(err, &refused) {
			return &fault{http.StatusForbidden, language.Key("Not permitted"), refused.Message}
		}
		return err
	}
}

// flowOfForm returns the number of the flow that a field of the form names; zero: none.
func (req *requestState) flowOfForm(field string) int64 {
	number, err := strconv.ParseInt(req.r.PostFormValue(field), 10, 64)
	if err != nil {
		return 0
	}
	return number
}
