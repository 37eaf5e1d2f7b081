package flows

import (
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/store"
)

// flowView is a flow in responses.
type flowView struct {
	Number     int64     `json:"flow"`
	Slug       string    `json:"slug,omitempty"`
	Name       string    `json:"name,omitempty"`
	Tags       []string  `json:"tags,omitempty"`
	Folder     string    `json:"folder,omitempty"` // absent: the top
	Version    string    `json:"version"`
	Enabled    bool      `json:"enabled"`
	Trigger    string    `json:"trigger"`            // webhook, http, schedule, poll, alert, topic, manual, or the source of a module; empty: this server cannot run it
	Paused     time.Time `json:"paused_at,omitzero"` // beginning of the pause; absent: not paused
	DeployedAt time.Time `json:"deployed_at"`
	Versions   int       `json:"versions"`           // number of stored versions, including the current one
	Schedule   string    `json:"schedule,omitempty"` // schedule or poll: CRON_TZ=zone and the cron expression

	Topic     string      `json:"topic,omitempty"`     // of a topic trigger
	Publishes []topicView `json:"publishes,omitempty"` // topics whose events it publishes

	Next    []time.Time `json:"next,omitempty"`    // next times of the schedule, if the flow is enabled
	Problem string      `json:"problem,omitempty"` // reason why this server cannot run it
	Source  string      `json:"source,omitempty"`  // not in listings

	Warnings problem.List `json:"warnings,omitempty"` // after a deployment: of lint, and of what the server does not have
}

// topicView is a topic with the flows that get its events.
type topicView struct {
	Topic       string  `json:"topic"`
	Subscribers []int64 `json:"subscribers"` // numbers of the flows
}

func (a *api) viewFlow(c *gin.Context, h *store.Deployment) flowView {
	v := flowView{
		Number: h.Number, Slug: h.Slug, Name: h.Name, Tags: h.Tags, Folder: h.Folder, Version: h.Version, Enabled: h.Enabled, Paused: h.Paused,
		DeployedAt: h.DeployedAt, Versions: len(h.History), Schedule: h.Schedule, Topic: h.Topic, Problem: h.Problem,
	}
	for _, topic := range h.Publishes {
		v.Publishes = append(v.Publishes, topicView{topic, append([]int64{}, a.config.Store.Flows().Subscribers(topic)...)})
	}
	flow, ok := a.config.Flows.Find(flowNumber(h.Number))
	if ok {
		v.Trigger = flow.Trigger()
	}
	if ok && flow.Schedule != nil && h.Enabled {
		v.Next = nextTimes(flow.Schedule, httpx.Now(c))
	}
	return v
}

// nextTimes returns the next three times of a schedule.
func nextTimes(s *flows.Schedule, now time.Time) (next []time.Time) {
	for at := s.Next(now); !at.IsZero() && len(next) < 3; at = s.Next(at) {
		next = append(next, at)
	}
	return next
}

// writeFlow answers with a flow, its source, and the warnings of its deployment.
func (a *api) writeFlow(c *gin.Context, status int, h *store.Deployment, warnings problem.List) {
	source, err := a.config.Store.Flows().Source(c.Request.Context(), h.Number, h.Version)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	v := a.viewFlow(c, h)
	v.Source, v.Warnings = string(source), warnings
	c.Header("ETag", `"`+h.Version+`"`)
	httpx.WriteJSON(c, status, v)
}
