package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/flows"
)

// Deployment is the deployed state of a flow number: its current version, its settings and its history.
type Deployment struct {
	Number     int64            `json:"number"`
	Slug       string           `json:"slug,omitempty"`
	Name       string           `json:"name,omitempty"`
	Tags       []string         `json:"tags,omitempty"`   // read only
	Folder     string           `json:"folder,omitempty"` // of the version; empty: the top
	Version    string           `json:"version"`          // content hash
	Enabled    bool             `json:"enabled"`          // its own triggers fire; the API can run it in any case
	Paused     time.Time        `json:"paused,omitzero"`  // start of the pause, during which no run begins; zero: not paused
	DeployedAt time.Time        `json:"deployed_at"`
	Schedule   string           `json:"schedule,omitempty"`  // flows.Schedule's Text; empty: none
	Since      time.Time        `json:"since,omitzero"`      // when the schedule took effect; earlier times do not apply
	Alert      bool             `json:"alert,omitempty"`     // its trigger is alert
	Topic      string           `json:"topic,omitempty"`     // of its topic trigger
	Source     string           `json:"source,omitempty"`    // of messages, its trigger; empty: none
	Publishes  []string         `json:"publishes,omitempty"` // topics whose events it publishes, sorted
	Endpoints  []flows.Endpoint `json:"endpoints,omitempty"` // of its http trigger
	Tool       bool             `json:"tool,omitempty"`      // it is a tool
	Canary     *Canary          `json:"canary,omitempty"`    // nil: none. Read only: snapshots share it
	History    []VersionEntry   `json:"history"`             // newest first, including the current version
	Checked    string           `json:"checked,omitempty"`   // fingerprint of the catalogue that compiled this version; empty: deployed by an older version of the product
	Problem    string           `json:"problem,omitempty"`   // why this binary cannot run it; never stored
}

// VersionEntry is one version in a flow's history.
type VersionEntry struct {
	Version    string    `json:"version"`
	DeployedAt time.Time `json:"deployed_at"`
	By         string    `json:"by,omitempty"`      // the principal that deployed it, as in "user:ann"; empty: unknown, or a directory of flow files
	Message    string    `json:"message,omitempty"` // what that one said about it; empty: nothing
}

// with returns the deployment with the flow as its current version, and without a canary.
func (h Deployment) with(flow *flows.Flow, c Change, now time.Time) Deployment {
	current := VersionEntry{flow.Version, now.UTC().Truncate(time.Millisecond), c.By, c.Message}
	earlier := slices.DeleteFunc(slices.Clone(h.History), func(d VersionEntry) bool { return d.Version == flow.Version })
	switch {
	case flow.Schedule == nil:
		h.Schedule, h.Since = "", time.Time{}
	case !h.Enabled || h.Schedule != flow.Schedule.Text():
		h.Schedule, h.Since = flow.Schedule.Text(), current.DeployedAt
	}
	h.Number, h.Slug, h.Name, h.Tags, h.Folder, h.Version = flow.Number, flow.Slug, flow.Name, flow.Tags, flow.Folder, flow.Version
	h.Endpoints, h.Alert, h.Canary = flow.Endpoints(), flow.Alert != nil, nil
	h.Topic, h.Publishes, h.Source, h.Tool = flow.Topic, flow.Publishes(), "", flow.Tool != nil
	if flow.Messages != nil {
		h.Source = flow.Messages.Source
	}
	h.DeployedAt, h.History = current.DeployedAt, append([]VersionEntry{current}, earlier...)
	return h
}

// deployment returns the head of a flow.
func (v *snapshot) deployment(number int64) (Deployment, bool) {
	if d := v.flows[number]; d != nil {
		return d.Deployment, true
	}
	return Deployment{}, false
}

func checkSlug(v *snapshot, flow *flows.Flow) error {
	if owner := v.slugs[flow.Slug]; flow.Slug != "" && owner != nil && owner.Number != flow.Number {
		return &ConflictError{flow.Slug, owner.Number}
	}
	return nil
}

// droppedCanary returns the version of the canary that the deployment h had, if after needs its source no more.
func (h *Deployment) droppedCanary(after *Deployment) []VersionEntry {
	if h.Canary == nil || after.Canary != nil && after.Canary.Version == h.Canary.Version ||
		slices.ContainsFunc(after.History, func(d VersionEntry) bool { return d.Version == h.Canary.Version }) {
		return nil
	}
	return []VersionEntry{{Version: h.Canary.Version}}
}

// expireSources sets the expiry of the sources of versions.
func expireSources(ctx context.Context, p redis.Pipeliner, number int64, versions []VersionEntry) {
	for _, d := range versions {
		p.Expire(ctx, keySource(number, d.Version), sourceAfterlife)
	}
}

func parseDeployments(records map[string]string) (map[int64]Deployment, error) {
	heads := make(map[int64]Deployment, len(records))
	var problems []error
	for field, data := range records {
		var head Deployment
		if err := json.Unmarshal([]byte(data), &head); err != nil {
			problems = append(problems, fmt.Errorf("read record of flow %s: %w", field, err))
			continue
		}
		heads[head.Number] = head
	}
	return heads, errors.Join(problems...)
}
