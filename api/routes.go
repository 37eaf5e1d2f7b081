package api

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/admin"
	"github.com/penstock/penstock/api/callbacks"
	"github.com/penstock/penstock/api/docs"
	"github.com/penstock/penstock/api/events"
	"github.com/penstock/penstock/api/failures"
	"github.com/penstock/penstock/api/fleet"
	flowsapi "github.com/penstock/penstock/api/flows"
	"github.com/penstock/penstock/api/folders"
	"github.com/penstock/penstock/api/history"
	"github.com/penstock/penstock/api/hooks"
	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/mcp"
	"github.com/penstock/penstock/api/native"
	"github.com/penstock/penstock/api/oauth"
	"github.com/penstock/penstock/api/personal"
	"github.com/penstock/penstock/api/resources"
	"github.com/penstock/penstock/api/runs"
	"github.com/penstock/penstock/api/smartsync"
	"github.com/penstock/penstock/api/stats"
	"github.com/penstock/penstock/api/webhooks"
)

// router returns the engine with all middleware and routes.
func (a *API) router() (*gin.Engine, error) {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.RedirectTrailingSlash = false
	e.HandleMethodNotAllowed = true
	if err := e.SetTrustedProxies(a.config.TrustedProxies); err != nil {
		return nil, err
	}
	e.Use(a.begin, httpx.RequestID, a.logRequest, a.recovery, a.closeWhenDraining, a.wellFormed, a.cors, httpx.LimitBody, a.refusals)
	e.NoRoute(a.noRoute)
	e.NoMethod(a.noMethod)

	for _, method := range []string{http.MethodGet, http.MethodHead} { // some probes send HEAD
		e.Handle(method, pathAlive, alive)
		e.Handle(method, pathReady, a.ready)
	}
	a.mountDomains(e)
	if a.config.Console != nil {
		a.mountConsole(e)
	}
	if a.config.Store != nil {
		resources.Mount(e, resources.Config{
			Flows: a.config.Store.Flows(), Runner: a.runner, Authenticate: a.authenticateBy, LimitAddress: a.countAddress, NotFound: a.noRoute, Memory: a.config.Memory,
		})
	}
	return e, nil
}

// pathV1 is the prefix of the paths that require authentication by the middleware.
const pathV1 = "/v1"

// pathRun is the route of the native API that runs a flow.
const pathRun = pathV1 + native.Path

// mountDomains mounts the routes of each domain, with the dependencies of the domain.
func (a *API) mountDomains(e *gin.Engine) {
	limited := e.Group("", a.limitAddress) // the domain authenticates callers itself
	signed := smartsync.Config{
		Flows: a.config.Flows, Keys: a.config.Keys, Runner: a.runner, Guard: a.config.Guard, Usage: a.config.Usage,
		BodiesRecorded: a.config.RejectLog != nil,
	}
	if a.config.Store != nil {
		signed.Folders = a.config.Store.Folders()
	}
	smartsync.Mount(limited, signed)
	if a.config.Callbacks != nil && a.config.Call != nil {
		callbacks.Mount(limited, callbacks.Config{Callbacks: a.config.Callbacks, Call: a.config.Call})
	}
	v1 := e.Group(pathV1, a.limitAddress, a.authenticate, a.audited, a.limitCredential)
	if a.config.Authority != nil {
		oauth.Mount(e, limited, oauth.Config{Authority: a.config.Authority, Audit: a.config.Store.Audit()})
		mcp.Mount(e, mcp.Config{Flows: a.config.Store.Flows(), Serve: a.serveMCP, URL: a.config.Authority.Metadata().Issuer, Version: a.config.Version, Log: a.config.Log, Origins: a.config.Origins},
			a.limitAddress, a.authenticate)
		if tokens := a.config.Authority.Personal(); tokens != nil {
			personal.Mount(v1, personal.Config{Users: a.config.Store.Users(), Tokens: tokens, Issuer: a.config.Authority})
		}
		admin.Mount(v1, admin.Config{Store: a.config.Store, Authority: a.config.Authority, KeyUsage: a.config.KeyUsage, Connections: a.config.Connections})
	}
	described := docs.Config{Authenticate: func(c *gin.Context) error { return a.authenticateBy(c, nil) }, LimitAddress: a.limitAddress}
	if a.config.Store != nil {
		described.Flows = a.config.Store.Flows()
	}
	docs.Mount(e, v1, described)
	native.Mount(v1, native.Config{Flows: a.config.Flows, Runner: a.runner})
	runs.Mount(v1, runs.Config{
		Records: a.config.Records, Runs: a.config.Runs, Runner: a.runner, Flows: a.config.Flows, Store: a.config.Store, Draining: a.draining.Load,
		Operations: a.config.Operations,
	})
	if a.config.Publish != nil {
		events.Mount(v1, events.Config{Publish: a.config.Publish, Runner: a.runner})
	}
	history.Mount(v1, a.config.History)
	if a.config.Failures != nil {
		failures.Mount(v1, a.config.Failures, a.config.Now)
	}
	if a.config.Store != nil {
		forFlows := flowsapi.Config{Store: a.config.Store, Flows: a.config.Flows, Runs: a.config.Fleet, Comparer: a.config.Fleet, Rehearser: a.config.Rehearser, State: a.config.State}
		if a.config.Deliveries != nil {
			forFlows.Recordings = a.config.Deliveries
		}
		flowsapi.Mount(v1.Group("/flows"), forFlows)
		folders.Mount(v1, folders.Config{Store: a.config.Store})
		stats.Mount(v1, stats.Config{Stats: a.config.Stats, Runs: a.config.History.Runs, Flows: a.config.Store.Flows(), Now: a.config.Now})
		if a.config.Webhooks != nil {
			webhooks.Mount(v1.Group("/flows"), webhooks.Config{Webhooks: a.config.Webhooks, Flows: a.config.Store.Flows()})
		}
		hooks.Mount(limited, v1, hooks.Config{
			Flows: a.config.Flows, Store: a.config.Store, Authority: a.config.Authority, Runner: a.runner, Guard: a.config.Guard, Keys: a.config.HookKeys,
			Deliveries: a.config.Deliveries, Draining: a.draining.Load, Used: a.config.Used,
		})
	}
	if a.config.Fleet != nil {
		fleet.Mount(v1, fleet.Config{Fleet: a.config.Fleet, Paused: a.paused})
	}
}

// closeWhenDraining makes callers reconnect to another process after Drain.
func (a *API) closeWhenDraining(c *gin.Context) {
	if a.draining.Load() {
		c.Header("Connection", "close")
	}
	c.Next()
}

func (a *API) noRoute(c *gin.Context) {
	httpx.Fail(c, &httpx.Fault{Status: http.StatusNotFound, Code: "not_found", Message: "nothing is at this path"})
}

// noMethod answers 405. gin has set the header Allow.
func (a *API) noMethod(c *gin.Context) {
	httpx.Fail(c, &httpx.Fault{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed", Message: "allowed here: " + c.Writer.Header().Get("Allow")})
}
