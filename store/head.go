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

// Head is the deployed state of a flow number.
type Head struct {
	Number     int64        `json:"number"`
	Slug       string       `json:"slug,omitempty"`
	Name       string       `json:"name,omitempty"`
	Version    string       `json:"version"`         // content hash
	Enabled    bool         `json:"enabled"`         // its own triggers fire; the API can run it in any case
	Paused     time.Time    `json:"paused,omitzero"` // start of the pause, during which no run begins; zero: not paused
	DeployedAt time.Time    `json:"deployed_at"`
	Schedule   string       `json:"schedule,omitempty"` // flows.Schedule's Text; empty: none
	Since      time.Time    `json:"since,omitzero"`     // when the schedule took effect; earlier times do not apply
	History    []Deployment `json:"history"`            // newest first, including the current version
	Checked    string       `json:"checked,omitempty"`  // fingerprint of the catalogue that compiled this version; empty: deployed by an older version of the product
	Problem    string       `json:"problem,omitempty"`  // why this binary cannot run it; never stored
}

// Deployment is one version in a flow's history.
type Deployment struct {
	Version    string    `json:"version"`
	DeployedAt time.Time `json:"deployed_at"`
}

// with returns the head with the flow as its current version.
func (h Head) with(flow *flows.Flow, now time.Time) Head {
	current := Deployment{flow.Version, now.UTC().Truncate(time.Millisecond)}
	earlier := slices.DeleteFunc(slices.Clone(h.History), func(d Deployment) bool { return d.Version == flow.Version })
	switch {
	case flow.Schedule == nil:
		h.Schedule, h.Since = "", time.Time{}
	case !h.Enabled || h.Schedule != flow.Schedule.Text():
		h.Schedule, h.Since = flow.Schedule.Text(), current.DeployedAt
	}
	h.Number, h.Slug, h.Name, h.Version = flow.Number, flow.Slug, flow.Name, flow.Version
	h.DeployedAt, h.History = current.DeployedAt, append([]Deployment{current}, earlier...)
	return h
}

// head returns the head of a flow.
func (v *view) head(number int64) (Head, bool) {
	if d := v.flows[number]; d != nil {
		return d.Head, true
	}
	return Head{}, false
}

func slugIsFree(v *view, flow *flows.Flow) error {
	if owner := v.slugs[flow.Slug]; flow.Slug != "" && owner != nil && owner.Number != flow.Number {
		return &ConflictError{flow.Slug, owner.Number}
	}
	return nil
}

// retire sets the expiry of the sources of versions.
func retire(ctx context.Context, p redis.Pipeliner, number int64, versions []Deployment) {
	for _, d := range versions {
		p.Expire(ctx, keySource(number, d.Version), sourceAfterlife)
	}
}

func parseHeads(records map[string]string) (map[int64]Head, error) {
	heads := make(map[int64]Head, len(records))
	var problems []error
	for field, data := range records {
		var head Head
		if err := json.Unmarshal([]byte(data), &head); err != nil {
			problems = append(problems, fmt.Errorf("read record of flow %s: %w", field, err))
			continue
		}
		heads[head.Number] = head
	}
	return heads, errors.Join(problems...)
}
