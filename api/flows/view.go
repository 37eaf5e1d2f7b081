package flows

import (
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/store"
)

// flowView is a flow as its reader sees it.
type flowView struct {
	Number     int64     `json:"flow"`
	Slug       string    `json:"slug,omitempty"`
	Name       string    `json:"name,omitempty"`
	Version    string    `json:"version"`
	Enabled    bool      `json:"enabled"`
	Trigger    string    `json:"trigger"`            // webhook, http, schedule, poll, manual; empty: it cannot run here
	Paused     time.Time `json:"paused_at,omitzero"` // since when its runs wait; absent: they begin
	DeployedAt time.Time `json:"deployed_at"`
	Versions   int       `json:"versions"`           // that it can be rolled back to, the current one included
	Schedule   string    `json:"schedule,omitempty"` // of a schedule or poll: CRON_TZ=zone and the cron expression

	Next    []time.Time `json:"next,omitempty"`    // the next times at which that fires, when the flow is enabled
	Problem string      `json:"problem,omitempty"` // why this server cannot run it
	Source  string      `json:"source,omitempty"`  // not in listings
}

func (a *api) viewFlow(c *gin.Context, h *store.Deployment) flowView {
	v := flowView{
		Number: h.Number, Slug: h.Slug, Name: h.Name, Version: h.Version, Enabled: h.Enabled, Paused: h.Paused,
		DeployedAt: h.DeployedAt, Versions: len(h.History), Schedule: h.Schedule, Problem: h.Problem,
	}
	flow, ok := a.config.Flows.Find(flowNumber(h.Number))
	switch {
	case !ok:
	case flow.Webhook != nil:
		v.Trigger = "webhook"
	case flow.HTTP != nil:
		v.Trigger = "http"
	case flow.Schedule != nil && flow.Schedule.Poll:
		v.Trigger = "poll"
	case flow.Schedule != nil:
		v.Trigger = "schedule"
	default:
		v.Trigger = "manual"
	}
	if ok && flow.Schedule != nil && h.Enabled {
		v.Next = nextTimes(flow.Schedule, httpx.Now(c))
	}
	return v
}

// nextTimes are the next three times at which a schedule fires.
func nextTimes(s *flows.Schedule, now time.Time) (next []time.Time) {
	for at := s.Next(now); !at.IsZero() && len(next) < 3; at = s.Next(at) {
		next = append(next, at)
	}
	return next
}

// writeFlow answers with a flow and its source.
func (a *api) writeFlow(c *gin.Context, status int, h *store.Deployment) {
	source, err := a.config.Store.Flows().Source(c.Request.Context(), h.Number, h.Version)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	v := a.viewFlow(c, h)
	v.Source = string(source)
	c.Header("ETag", `"`+h.Version+`"`)
	httpx.WriteJSON(c, status, v)
}
