package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Flow is a deployed flow.
type Flow struct {
	Number     int64       `json:"flow"`
	Slug       string      `json:"slug,omitempty"`
	Name       string      `json:"name,omitempty"`
	Version    string      `json:"version"` // content hash, 64 hex digits
	Enabled    bool        `json:"enabled"`
	Trigger    string      `json:"trigger"`            // webhook, http, schedule, poll, manual; empty: the server cannot run it
	Paused     time.Time   `json:"paused_at,omitzero"` // since when its runs wait; zero: they begin
	DeployedAt time.Time   `json:"deployed_at"`
	Versions   int         `json:"versions"`           // number of stored versions, including the current one
	Schedule   string      `json:"schedule,omitempty"` // cron expression of a schedule or poll
	Next       []time.Time `json:"next,omitempty"`     // next times of the schedule
	Problem    string      `json:"problem,omitempty"`  // reason why the server cannot run it
	Source     string      `json:"source,omitempty"`   // not in listings
}

// Version is one version in a flow's history.
type Version struct {
	Version    string    `json:"version"`
	DeployedAt time.Time `json:"deployed_at"`
	Current    bool      `json:"current"`
	Source     string    `json:"source,omitempty"` // not in listings
}

// pageSize is the maximum page size of the server.
const pageSize = 200

// Flows lists the deployed flows that the caller may read, ordered by number. Errors of the server are *Error, also
// in the methods below.
func (c *Client) Flows(ctx context.Context) ([]Flow, error) {
	return all[Flow](ctx, c, "/v1/flows")
}

// Flow reads one flow by its number or slug, with its source.
func (c *Client) Flow(ctx context.Context, ref string) (*Flow, error) {
	flow := &Flow{}
	return flow, c.Call(ctx, http.MethodGet, flowPath(ref), nil, flow)
}

// Deploy deploys a flow file.
func (c *Client) Deploy(ctx context.Context, ref string, source []byte) (*Flow, error) {
	a, err := c.send(ctx, http.MethodPut, flowPath(ref), source, http.Header{"Content-Type": {"application/yaml"}})
	if err != nil {
		return nil, err
	}
	flow := &Flow{}
	return flow, a.decode(flow)
}

// Enable enables or disables the triggers of a flow.
func (c *Client) Enable(ctx context.Context, ref string, enabled bool) (*Flow, error) {
	verb := "/disable"
	if enabled {
		verb = "/enable"
	}
	flow := &Flow{}
	return flow, c.Call(ctx, http.MethodPost, flowPath(ref)+verb, nil, flow)
}

// Pause pauses or resumes a flow.
func (c *Client) Pause(ctx context.Context, ref string, paused bool) (*Flow, error) {
	verb := "/resume"
	if paused {
		verb = "/pause"
	}
	flow := &Flow{}
	return flow, c.Call(ctx, http.MethodPost, flowPath(ref)+verb, nil, flow)
}

// Versions lists the versions of a flow, the newest first.
func (c *Client) Versions(ctx context.Context, ref string) ([]Version, error) {
	return all[Version](ctx, c, flowPath(ref)+"/versions")
}

// Version reads one version with its source. A unique prefix of the version is enough.
func (c *Client) Version(ctx context.Context, ref, version string) (*Version, error) {
	v := &Version{}
	return v, c.Call(ctx, http.MethodGet, flowPath(ref)+"/versions/"+url.PathEscape(version), nil, v)
}

// Rollback deploys an earlier version again; empty: the previous one.
func (c *Client) Rollback(ctx context.Context, ref, version string) (*Flow, error) {
	flow := &Flow{}
	in := map[string]string{}
	if version != "" {
		in["version"] = version
	}
	return flow, c.Call(ctx, http.MethodPost, flowPath(ref)+"/rollback", in, flow)
}

func flowPath(ref string) string { return "/v1/flows/" + url.PathEscape(ref) }

// all reads every page of a listing.
func all[T any](ctx context.Context, c *Client, path string) (items []T, err error) {
	for page := 1; ; page++ {
		var answer struct {
			Items []T `json:"items"`
			Total int `json:"total"`
		}
		query := "?page_size=" + strconv.Itoa(pageSize) + "&page=" + strconv.Itoa(page)
		if err := c.Call(ctx, http.MethodGet, path+query, nil, &answer); err != nil {
			return nil, err
		}
		items = append(items, answer.Items...)
		if len(answer.Items) == 0 || len(items) >= answer.Total {
			return items, nil
		}
	}
}
