// Package resources serves the operations of flows with an http trigger: a
// method and path of the flow's own runs it, and its output is the answer.
package resources

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/store"
)

// Flows finds deployed flows, and which of them serves a request. *store.Flows
// is one.
type Flows interface {
	runner.Flows
	// Route finds the operation for a method and a decoded path, and the values
	// of the path's parameters.
	Route(method, path string) (store.Route, []string, bool)
	// Methods are those that are served at a path; nil: nothing is there.
	Methods(path string) []string
	// Enabled reports whether a flow's own trigger is switched on.
	Enabled(number int64) bool
}

// Config of the domain. All but Memory are required.
type Config struct {
	Flows  Flows
	Runner *runner.Runner

	// Authenticate finds out by one of the ways who calls, and fails for who
	// proves nothing.
	Authenticate func(c *gin.Context, ways []string) error

	// LimitAddress counts a request against the limits of its address.
	LimitAddress func(c *gin.Context) error

	// NotFound answers requests for what is nowhere.
	NotFound gin.HandlerFunc

	// Memory is the budget from which cached answers, and outputs while they are
	// filtered, are taken; nil: there is always room.
	Memory *budget.Process
}

// api has the handlers of the domain.
type api struct {
	config Config
	cache  *cache
}

// Mount serves the paths that no other route has.
func Mount(e *gin.Engine, config Config) {
	a := &api{config: config, cache: newCache(config.Memory)}
	e.NoRoute(a.serve)
}

// serve answers any request at a path that is not the server's own.
func (a *api) serve(c *gin.Context) {
	path := c.Request.URL.Path
	route, values, ok := a.config.Flows.Route(c.Request.Method, path)
	if !ok {
		a.serveOther(c, path)
		return
	}
	x := httpx.StateOf(c)
	x.Route, x.FlowNumber, c.Request.Pattern = route.Path, route.Flow, route.Path
	r, err := a.admit(c, route, values)
	if err == nil {
		err = a.run(c, r)
	}
	if err != nil {
		httpx.Fail(c, err)
	}
}

// serveOther answers a method that no operation serves: OPTIONS with those
// that there are (RFC 9110, section 9.3.7), others with 405.
func (a *api) serveOther(c *gin.Context, path string) {
	methods := a.config.Flows.Methods(path)
	if methods == nil {
		a.config.NotFound(c)
		return
	}
	if !slices.Contains(methods, http.MethodOptions) {
		methods = append(methods, http.MethodOptions)
	}
	allow := strings.Join(methods, ", ")
	c.Header("Allow", allow)
	if c.Request.Method == http.MethodOptions {
		httpx.NoContent(c)
		return
	}
	httpx.Fail(c, &httpx.Fault{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed", Message: "allowed here: " + allow})
}
