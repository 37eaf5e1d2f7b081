package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Flow is a deployed flow.
type Flow struct {
	Number     int64       `json:"flow"`
	Slug       string      `json:"slug,omitempty"`
	Name       string      `json:"name,omitempty"`
	Tags       []string    `json:"tags,omitempty"`
	Version    string      `json:"version"` // content hash, 64 hex digits
	Enabled    bool        `json:"enabled"`
	Trigger    string      `json:"trigger"`            // webhook, http, schedule, poll, alert, topic, manual; empty: the server cannot run it
	Paused     time.Time   `json:"paused_at,omitzero"` // since when its runs wait; zero: they begin
	DeployedAt time.Time   `json:"deployed_at"`
	Versions   int         `json:"versions"`           // number of stored versions, including the current one
	Schedule   string      `json:"schedule,omitempty"` // cron expression of a schedule or poll
	Next       []time.Time `json:"next,omitempty"`     // next times of the schedule
	Problem    string      `json:"problem,omitempty"`  // reason why the server cannot run it
	Source     string      `json:"source,omitempty"`   // not in listings
	Warnings   []Warning   `json:"warnings,omitempty"` // after a deployment
	Proposal   *Proposal   `json:"proposal,omitempty"` // after a change that waits for approval; nil: it was made
}

// Proposal is a change of a flow that takes effect when somebody else than its author approves it.
type Proposal struct {
	ID      string    `json:"id"` // hash of what was proposed
	Flow    int64     `json:"flow"`
	Kind    string    `json:"kind"`    // deploy, rollback, canary, promote_canary, enable
	Version string    `json:"version"` // what becomes current, or the canary
	Base    string    `json:"base"`    // version that was current, or NoVersion
	Stale   bool      `json:"stale"`   // another version is current now: it can no longer be approved
	By      string    `json:"by"`
	Message string    `json:"message,omitempty"`
	At      time.Time `json:"at"`
	Expires time.Time `json:"expires_at"`
	Source  string    `json:"source,omitempty"` // of Version; only in Client.Proposal
}

// Proposal reads the change of a flow that waits for approval.
func (c *Client) Proposal(ctx context.Context, ref string) (*Proposal, error) {
	p := &Proposal{}
	return p, c.Call(ctx, http.MethodGet, flowPath(ref)+"/proposal", nil, p)
}

// Approve makes a change that somebody else has proposed, as it was seen under its id.
func (c *Client) Approve(ctx context.Context, ref, id string) (*Flow, error) {
	flow := &Flow{}
	return flow, c.Call(ctx, http.MethodPost, flowPath(ref)+"/proposal/approve", map[string]string{"id": id}, flow)
}

// Reject removes a change that waits for approval.
func (c *Client) Reject(ctx context.Context, ref, id string) error {
	return c.Call(ctx, http.MethodPost, flowPath(ref)+"/proposal/reject", map[string]string{"id": id}, nil)
}

// Warning is what is valid in a flow file and probably not meant, or what the server does not have.
type Warning struct {
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Message string `json:"message"`
	Code    string `json:"code"`           // missing_connection, missing_secret, missing_flow, missing_var, or one of lint
	Name    string `json:"name,omitempty"` // of what is missing
	Doc     string `json:"doc,omitempty"`  // path and anchor of the page that explains the code
	Hint    string `json:"hint,omitempty"`
	Snippet string `json:"snippet,omitempty"`
}

// Version is one version in a flow's history.
type Version struct {
	Version    string    `json:"version"`
	DeployedAt time.Time `json:"deployed_at"`
	Current    bool      `json:"current"`
	By         string    `json:"by,omitempty"`      // the principal that deployed it; empty: unknown
	Message    string    `json:"message,omitempty"` // what that one said about it
	Source     string    `json:"source,omitempty"`  // not in listings
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

// Deploy deploys a flow file, whatever version is current.
func (c *Client) Deploy(ctx context.Context, ref string, source []byte) (*Flow, error) {
	return c.DeployVersion(ctx, ref, DeployInput{Source: source})
}

// DeployInput is a flow file, with what is said about it.
type DeployInput struct {
	Source  []byte
	Message string // one line of at most 300 characters for the history; empty: none
	Base    string // the version that must be current, or NoVersion; empty: any
}

// NoVersion is the Base of a flow that must not exist yet.
const NoVersion = "none"

// DeployVersion deploys a flow file. The *Error has the status 412 and the code stale when another version than Base is
// current.
func (c *Client) DeployVersion(ctx context.Context, ref string, in DeployInput) (*Flow, error) {
	path, header := flowPath(ref), http.Header{"Content-Type": {"application/yaml"}}
	if in.Message != "" {
		path += "?" + url.Values{"message": {in.Message}}.Encode()
	}
	switch in.Base {
	case "":
	case NoVersion:
		header.Set("If-None-Match", "*")
	default:
		header.Set("If-Match", `"`+in.Base+`"`)
	}
	a, err := c.send(ctx, http.MethodPut, path, in.Source, header)
	if err != nil {
		return nil, err
	}
	flow := &Flow{}
	return flow, a.decode(flow)
}

// Check returns the warnings of a flow file as Deploy does, without deploying it.
func (c *Client) Check(ctx context.Context, ref string, source []byte) ([]Warning, error) {
	a, err := c.send(ctx, http.MethodPost, flowPath(ref)+"/check", source, http.Header{"Content-Type": {"application/yaml"}})
	if err != nil {
		return nil, err
	}
	checked := &Flow{}
	err = a.decode(checked)
	return checked.Warnings, err
}

// TestRun is what became of the tests of a flow file.
type TestRun struct {
	Flow    int64  `json:"flow"`
	Version string `json:"version"` // that the file would have
	Passed  bool   `json:"passed"`  // all of them
	Tests   []Test `json:"tests"`
}

// Test is one test of a flow file.
type Test struct {
	Name    string `json:"name"`
	Line    int    `json:"line"`
	Passed  bool   `json:"passed"`
	Failure string `json:"failure,omitempty"` // several lines
}

// Tests runs the tests of a flow file on the server, without network. It deploys nothing.
func (c *Client) Tests(ctx context.Context, ref string, source []byte) (*TestRun, error) {
	a, err := c.send(ctx, http.MethodPost, flowPath(ref)+"/tests", source, http.Header{"Content-Type": {"application/yaml"}})
	if err != nil {
		return nil, err
	}
	run := &TestRun{}
	return run, a.decode(run)
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
	return c.RollbackVersion(ctx, ref, version, "")
}

// RollbackVersion is Rollback with a message for the history; empty: none.
func (c *Client) RollbackVersion(ctx context.Context, ref, version, message string) (*Flow, error) {
	flow := &Flow{}
	in := map[string]string{}
	if message != "" {
		in["message"] = message
	}
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

// RehearsalInput says what is rehearsed on which runs. Source or Version is set.
type RehearsalInput struct {
	Source  []byte    // a flow file
	Version string    // a stored version, or its first digits
	Runs    int       // number of the latest ended runs; 0: the default of the server
	Since   time.Time // runs accepted before are left out; zero: none
}

// Rehearsal says what a version of a flow would do otherwise in recorded runs.
type Rehearsal struct {
	Flow       int64  `json:"flow"`
	Current    string `json:"current"` // version
	Version    string `json:"version"` // that was compared with it
	Runs       int    `json:"runs"`    // rehearsed
	Same       int    `json:"same"`
	Different  int    `json:"different"`
	Unanswered int    `json:"unanswered"` // of the runs, those that stopped, see Stopped
	Complete   bool   `json:"complete"`   // false: the time was over before all runs were rehearsed
	Took       int64  `json:"took_ms"`

	Differences []RehearsalGroup `json:"differences"` // the most frequent first
	Stopped     []RehearsalStop  `json:"stopped"`
	Skipped     []RehearsalSkip  `json:"skipped"`
	Details     []RehearsedRun   `json:"details"` // of the first runs that differ
}

// RehearsalDifference is one difference.
type RehearsalDifference struct {
	Kind   string `json:"kind"` // output, failure, effect_changed, effect_new, effect_gone
	Step   string `json:"step,omitempty"`
	Key    string `json:"key,omitempty"`    // step and index of the item
	Path   string `json:"path,omitempty"`   // within the output or the request
	Before string `json:"before,omitempty"` // JSON, shortened
	After  string `json:"after,omitempty"`
}

// RehearsalGroup is one difference in some runs.
type RehearsalGroup struct {
	RehearsalDifference
	Varies  bool     `json:"varies,omitempty"` // other runs have other values than Before and After
	Runs    int      `json:"runs"`
	Samples []string `json:"samples"` // ids of runs
}

// RehearsalStop is a step whose effect has no known result.
type RehearsalStop struct {
	Step    string   `json:"step"`
	Runs    int      `json:"runs"`
	Current bool     `json:"current"` // the current version stops there; false: the effect is new
	Samples []string `json:"samples"`
}

// RehearsalSkip is a reason for which runs were not rehearsed.
type RehearsalSkip struct {
	Reason  string   `json:"reason"`
	Runs    int      `json:"runs"`
	Samples []string `json:"samples"`
}

// RehearsedRun has the differences of one run.
type RehearsedRun struct {
	Run         string                `json:"run"`
	Took        int64                 `json:"took_us"`
	Differences []RehearsalDifference `json:"differences"`
}

// Rehearse says what a version of a flow would do otherwise in its recorded runs. It does and deploys nothing.
func (c *Client) Rehearse(ctx context.Context, ref string, in RehearsalInput) (*Rehearsal, error) {
	query := url.Values{}
	if in.Version != "" {
		query.Set("version", in.Version)
	}
	if in.Runs > 0 {
		query.Set("runs", strconv.Itoa(in.Runs))
	}
	if !in.Since.IsZero() {
		query.Set("since", in.Since.UTC().Format(time.RFC3339))
	}
	a, err := c.send(ctx, http.MethodPost, flowPath(ref)+"/rehearsals?"+query.Encode(), in.Source, http.Header{"Content-Type": {"application/yaml"}})
	if err != nil {
		return nil, err
	}
	report := &Rehearsal{}
	return report, a.decode(report)
}

// CanaryInput says what becomes the canary of a flow, and which calls it executes. Source or Version is set, and Percent,
// Principals or both.
type CanaryInput struct {
	Source       []byte        // a flow file
	Version      string        // a stored version, or its first digits
	Percent      int           // of the calls, 1 to 99; 0: those of Principals alone
	Principals   []string      // all calls of these, as in "user:ann"
	RollbackAt   int           // failed runs in percent at which it is stopped; 0: no rule
	PromoteAfter time.Duration // age at which it is promoted; 0: no rule
	Message      string        // for the history of the version that it becomes; empty: none
}

// Canary is a second version of a flow, which executes a share of the calls.
type Canary struct {
	Flow         int64     `json:"flow"`
	Version      string    `json:"version"`
	Percent      int       `json:"percent"`
	Principals   []string  `json:"principals"`
	StartedAt    time.Time `json:"started_at"`
	By           string    `json:"by"` // the principal that started it
	Message      string    `json:"message,omitempty"`
	RollbackAt   int       `json:"rollback_at,omitempty"`
	PromoteAfter string    `json:"promote_after,omitempty"` // a Go duration

	RunsSince time.Time     `json:"runs_since,omitzero"` // runs accepted since then are in Versions
	Versions  []VersionRuns `json:"versions,omitempty"`  // the current version and the canary
	Proposal  *Proposal     `json:"proposal,omitempty"`  // when it waits for approval; the rest is empty then, besides Flow
}

// VersionRuns says how runs of one version ended.
type VersionRuns struct {
	Version       string  `json:"version"`
	Canary        bool    `json:"canary"`
	Runs          int     `json:"runs"`   // without those that were cancelled
	Failed        int     `json:"failed"` // of them, those that failed or timed out
	FailedPercent float64 `json:"failed_percent"`
	P50           int64   `json:"p50_ms"` // from acceptance to the end
	P95           int64   `json:"p95_ms"`
}

// StartCanary makes a version the canary of a flow. The result has no RunsSince and Versions.
func (c *Client) StartCanary(ctx context.Context, ref string, in CanaryInput) (*Canary, error) {
	query := url.Values{}
	if in.Version != "" {
		query.Set("version", in.Version)
	}
	if in.Percent != 0 {
		query.Set("percent", strconv.Itoa(in.Percent))
	}
	if len(in.Principals) > 0 {
		query.Set("principals", strings.Join(in.Principals, ","))
	}
	if in.RollbackAt != 0 {
		query.Set("rollback_at", strconv.Itoa(in.RollbackAt))
	}
	if in.PromoteAfter != 0 {
		query.Set("promote_after", in.PromoteAfter.String())
	}
	if in.Message != "" {
		query.Set("message", in.Message)
	}
	a, err := c.send(ctx, http.MethodPut, flowPath(ref)+"/canary?"+query.Encode(), in.Source, http.Header{"Content-Type": {"application/yaml"}})
	if err != nil {
		return nil, err
	}
	canary := &Canary{}
	return canary, a.decode(canary)
}

// Canary reads the canary of a flow, and how its runs and those of the current version ended.
func (c *Client) Canary(ctx context.Context, ref string) (*Canary, error) {
	canary := &Canary{}
	return canary, c.Call(ctx, http.MethodGet, flowPath(ref)+"/canary", nil, canary)
}

// PromoteCanary makes the canary of a flow its current version.
func (c *Client) PromoteCanary(ctx context.Context, ref string) (*Flow, error) {
	flow := &Flow{}
	return flow, c.Call(ctx, http.MethodPost, flowPath(ref)+"/canary/promote", nil, flow)
}

// StopCanary ends the canary of a flow. The current version executes all calls again.
func (c *Client) StopCanary(ctx context.Context, ref string) (*Flow, error) {
	flow := &Flow{}
	return flow, c.Call(ctx, http.MethodDelete, flowPath(ref)+"/canary", nil, flow)
}
