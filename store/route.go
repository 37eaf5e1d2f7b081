package store

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/pathtree"
)

// Route is the operation of a deployed flow that serves a request.
type Route struct {
	Flow   int64
	Method string // of the operation: GET also serves HEAD
	Path   string // the template
}

// routes are the operations of all deployed flows. They are immutable.
type routes struct {
	tree   pathtree.Tree[Route]
	scopes []OwnScope
}

// OwnScope is a scope of the installation's own making, which deployed flows ask for.
type OwnScope struct {
	Name        string
	Description string   // of the first flow that gives one; empty: none does
	Flows       []int64  // that ask for it, ascending
	Operations  []string // that ask for it, as in "GET /people/{id}"
}

// Route finds the operation that serves a method at a decoded path, and the values of the path's parameters in their
// order. It reads memory and waits for nobody.
func (f *Flows) Route(method, path string) (Route, []string, bool) {
	found, ok := f.store.snapshot.Load().routes().tree.Lookup(method, path)
	return found.Value, found.Values, ok
}

// Enabled reports whether the own trigger of a flow is switched on.
func (f *Flows) Enabled(number int64) bool {
	d := f.store.snapshot.Load().flows[number]
	return d != nil && d.Enabled
}

// Methods are the methods that flows serve at a path, sorted; nil: nothing is there.
func (f *Flows) Methods(path string) []string {
	return f.store.snapshot.Load().routes().tree.Methods(path)
}

// Scopes are the scopes that deployed flows ask for, by name. The slice is shared and must not be modified.
func (f *Flows) Scopes() []OwnScope { return f.store.snapshot.Load().routes().scopes }

// HasScope reports whether some deployed flow asks for a scope.
func (f *Flows) HasScope(name string) bool {
	_, found := slices.BinarySearchFunc(f.Scopes(), name, func(s OwnScope, name string) int { return strings.Compare(s.Name, name) })
	return found
}

// route builds the routes of a view.
func (v *snapshot) route() *routes {
	r := &routes{}
	byName := map[string]*OwnScope{}
	for _, h := range v.sorted() {
		for i, e := range h.Endpoints {
			r.tree.Add(e.Method, v.flows[h.Number].paths[i], Route{Flow: h.Number, Method: e.Method, Path: e.Path})
			for _, s := range e.Scopes {
				noteScope(byName, s, h.Number, e)
			}
		}
	}
	for _, s := range byName {
		r.scopes = append(r.scopes, *s)
	}
	slices.SortFunc(r.scopes, func(a, b OwnScope) int { return cmp.Compare(a.Name, b.Name) })
	return r
}

func noteScope(byName map[string]*OwnScope, s flows.HTTPScope, flow int64, e flows.Endpoint) {
	own := byName[s.Name]
	if own == nil {
		own = &OwnScope{Name: s.Name}
		byName[s.Name] = own
	}
	own.Description = cmp.Or(own.Description, s.Description)
	if !slices.Contains(own.Flows, flow) {
		own.Flows = append(own.Flows, flow)
	}
	own.Operations = append(own.Operations, e.Method+" "+e.Path)
}

// checkFree returns an error when another flow has the slug, or the method and path of an operation.
func checkFree(v *snapshot, flow *flows.Flow) error {
	if err := checkSlug(v, flow); err != nil {
		return err
	}
	if problems := flow.RefuseEndpoint(fmt.Sprint("flow ", flow.Number), func(o *flows.Operation) (reason, hint string) { return v.servedBy(flow.Number, o) }); problems != nil {
		return problems
	}
	return nil
}

// Meets reports whether there is a path that both an operation of a flow and one of another flow would serve with the same method. Flows for which
// except returns true do not count.
func (f *Flows) Meets(flow int64, o *flows.Operation, except func(flow int64) bool) bool {
	for d, i := range f.store.snapshot.Load().meeting(flow, o) {
		if d.Endpoints[i].Method == o.Method && !except(d.Number) {
			return true
		}
	}
	return false
}

// meeting yields the operations of other flows, by their index in Deployment.Endpoints, with a path that has requests in common with that of o.
func (v *snapshot) meeting(flow int64, o *flows.Operation) iter.Seq2[*deployedFlow, int] {
	return func(yield func(*deployedFlow, int) bool) {
		for number, d := range v.flows {
			if number == flow {
				continue
			}
			for i := range d.Endpoints {
				if pathtree.Relate(o.Path, d.paths[i]) != pathtree.Apart && !yield(d, i) {
					return
				}
			}
		}
	}
}

// servedBy returns why an operation cannot exist beside those of other flows, of which it names the one with the least
// number; empty: it can.
func (v *snapshot) servedBy(flow int64, o *flows.Operation) (reason, hint string) {
	least := int64(math.MaxInt64)
	for d, i := range v.meeting(flow, o) {
		if d.Number > least {
			continue
		}
		e := d.Endpoints[i]
		owner := fmt.Sprintf("flow %d%s, line %d of its file,", d.Number, named(d.Name), e.Line)
		if why, instead := o.Overlaps(e.Method, d.paths[i], owner); why != "" {
			least, reason, hint = d.Number, why, instead
		}
	}
	return reason, hint
}

func named(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf(" (%s)", name)
}
