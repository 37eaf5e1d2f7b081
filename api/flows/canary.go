package flows

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

// canaryView is a canary in responses.
type canaryView struct {
	Flow         int64     `json:"flow"`
	Version      string    `json:"version"`
	Percent      int       `json:"percent"`
	Principals   []string  `json:"principals"`
	StartedAt    time.Time `json:"started_at"`
	By           string    `json:"by"`
	Message      string    `json:"message,omitempty"`
	RollbackAt   int       `json:"rollback_at,omitempty"`
	PromoteAfter string    `json:"promote_after,omitempty"`

	RunsSince time.Time     `json:"runs_since,omitzero"` // runs accepted since then are compared; not in the response to PUT
	Versions  []versionRuns `json:"versions,omitempty"`  // the current version and the canary; not in the response to PUT
}

// versionRuns says how the runs of one version ended.
type versionRuns struct {
	Version       string  `json:"version"`
	Canary        bool    `json:"canary"`
	Runs          int     `json:"runs"`
	Failed        int     `json:"failed"`
	FailedPercent float64 `json:"failed_percent"`
	P50           int64   `json:"p50_ms"`
	P95           int64   `json:"p95_ms"`
}

var errNoCanary = &httpx.Fault{Status: http.StatusNotFound, Code: "not_found", Message: "the flow has no canary"}

// canary returns the flow in the path, which has a canary.
func (a *api) canary(c *gin.Context, scope auth.Scope) (store.Deployment, error) {
	h, err := a.deployment(c, scope)
	if err == nil && h.Canary == nil {
		err = errNoCanary
	}
	return h, err
}

// readCanary answers GET /v1/flows/{flow}/canary with the canary, and with how its runs and those of the current version ended.
func (a *api) readCanary(c *gin.Context) {
	h, err := a.canary(c, auth.ScopeReadFlows)
	if err == nil {
		err = mayWatchRuns(httpx.StateOf(c).Principal, h.Number)
	}
	var current *flows.Flow
	if err == nil {
		current, err = a.config.Store.Flows().Version(c.Request.Context(), h.Number, h.Version)
	}
	var runs *queue.Comparison
	if err == nil {
		runs, err = a.config.Comparer.CompareVersions(c.Request.Context(), h.Number, current.Queue, h.Canary.StartedAt)
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	view := viewCanary(&h)
	view.RunsSince = runs.From
	for _, version := range []string{h.Version, h.Canary.Version} {
		v := runs.Versions[version]
		view.Versions = append(view.Versions, versionRuns{
			version, version == h.Canary.Version, v.Runs, v.Failed, v.FailedPercent(), v.P50.Milliseconds(), v.P95.Milliseconds(),
		})
	}
	httpx.WriteJSON(c, http.StatusOK, view)
}

// viewCanary returns the canary of a flow without its runs.
func viewCanary(h *store.Deployment) canaryView {
	k := h.Canary
	view := canaryView{
		Flow: h.Number, Version: k.Version, Percent: k.Percent, Principals: append([]string{}, k.Principals...), StartedAt: k.StartedAt, By: k.By, Message: k.Message,
		RollbackAt: k.RollbackAt,
	}
	if k.PromoteAfter > 0 {
		view.PromoteAfter = k.PromoteAfter.String()
	}
	return view
}

// putCanary answers PUT /v1/flows/{flow}/canary: the flow in the body, or a stored version, becomes the canary.
func (a *api) putCanary(c *gin.Context) {
	h, err := a.deployment(c, auth.ScopeWriteFlows)
	var k store.Canary
	var version *flows.Flow
	var proposal *store.Proposal
	if err == nil {
		k, version, err = a.canaryInput(c, &h)
	}
	if err == nil {
		httpx.StateOf(c).Object = fmt.Sprintf("flow:%d version %.12s, %d%% %s", h.Number, version.Version, k.Percent, strings.Join(k.Principals, " "))
		httpx.StateOf(c).Message = k.Message
		proposal, err = a.config.Store.Flows().Request(c.Request.Context(), store.ProposeCanary, h.Number, version, &k, store.Change{By: k.By, Message: k.Message})
	}
	if err != nil || proposal != nil {
		a.writeProposed(c, proposal, err)
		return
	}
	h, err = a.canary(c, auth.ScopeWriteFlows)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.WriteJSON(c, http.StatusOK, viewCanary(&h))
}

// canaryInput reads the query parameters and the version.
func (a *api) canaryInput(c *gin.Context, h *store.Deployment) (k store.Canary, flow *flows.Flow, err error) {
	query, err := httpx.Query(c.Request)
	if err != nil {
		return k, nil, err
	}
	k.By = httpx.StateOf(c).Principal.String()
	version, err := readCanaryQuery(query, &k)
	if err != nil {
		return k, nil, err
	}
	if version == "" {
		flow, err = a.readSource(c)
		return k, flow, err
	}
	if c.Request.ContentLength != 0 {
		return k, nil, httpx.BadRequest("bad_query", "version goes without a body: the body is the version of the canary")
	}
	if flow, err = a.versionNamed(c, h, version); err == nil {
		err = httpx.StateOf(c).Principal.CheckUses(c.Request.Context(), a.config.Store, flow)
	}
	return k, flow, err
}

// readCanaryQuery sets what query parameters say. It returns the stored version; empty: none is named.
func readCanaryQuery(query url.Values, k *store.Canary) (version string, err error) {
	for name, values := range query {
		switch value := values[0]; name {
		case "percent":
			if k.Percent, err = strconv.Atoi(value); err != nil || k.Percent == 0 {
				return "", httpx.BadRequest("bad_query", "percent is a number from 1 to 99")
			}
		case "principals":
			k.Principals = strings.Split(value, ",")
		case "rollback_at":
			if k.RollbackAt, err = strconv.Atoi(value); err != nil || k.RollbackAt == 0 {
				return "", httpx.BadRequest("bad_query", "rollback_at is a number from 1 to 100")
			}
		case "promote_after":
			if k.PromoteAfter, err = time.ParseDuration(value); err != nil || k.PromoteAfter <= 0 {
				return "", httpx.BadRequest("bad_query", "promote_after is a duration such as 30m or 1h")
			}
		case "message":
			k.Message = strings.TrimSpace(value)
		case "version":
			version = value
		default:
			return "", httpx.BadRequest("bad_query", "there is no parameter "+strconv.Quote(name)+": there are percent, principals, rollback_at, promote_after, message and version")
		}
	}
	return version, nil
}

// promoteCanary answers POST /v1/flows/{flow}/canary/promote: the canary becomes the current version.
func (a *api) promoteCanary(c *gin.Context) {
	a.endCanary(c, func(ctx context.Context, h *store.Deployment) (*store.Proposal, error) {
		all := a.config.Store.Flows()
		flow, err := all.Version(ctx, h.Number, h.Canary.Version)
		if err == nil {
			err = httpx.StateOf(c).Principal.CheckUses(ctx, a.config.Store, flow)
		}
		if err != nil {
			return nil, err
		}
		change := store.Change{By: httpx.StateOf(c).Principal.String(), Message: h.Canary.Message}
		return all.Request(ctx, store.ProposePromote, h.Number, flow, h.Canary, change)
	})
}

// stopCanary answers DELETE /v1/flows/{flow}/canary: the current version executes all calls again.
func (a *api) stopCanary(c *gin.Context) {
	a.endCanary(c, func(ctx context.Context, h *store.Deployment) (*store.Proposal, error) {
		return nil, a.config.Store.Flows().StopCanary(ctx, h.Number, h.Canary)
	})
}

// endCanary ends the canary in the path, and answers with the flow.
func (a *api) endCanary(c *gin.Context, end func(context.Context, *store.Deployment) (*store.Proposal, error)) {
	h, err := a.canary(c, auth.ScopeWriteFlows)
	var proposal *store.Proposal
	if err == nil {
		proposal, err = end(c.Request.Context(), &h)
	}
	if err != nil || proposal != nil {
		a.writeProposed(c, proposal, err)
		return
	}
	a.writeDeployed(c, http.StatusOK, h.Number, nil)
}
