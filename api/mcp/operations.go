package mcp

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
)

// operations are the operations by which programs watch and repair flows and runs. Read only.
var operations = []operation{
	{
		name: "list_flows", title: "List flows", scopes: []auth.Scope{auth.ScopeReadFlows}, reads: true,
		text:    "Lists the deployed flows with their numbers, names, triggers and versions.",
		params:  listParams("number slug name enabled paused version deployed_at"),
		request: list("/v1/flows"),
	},
	{
		name: "read_flow", title: "Read a flow", scopes: []auth.Scope{auth.ScopeReadFlows}, reads: true,
		text:    "Reads a flow with its source, a YAML file.",
		params:  []param{flowParam},
		request: func(a args) outgoing { return get(flowPath(a)) },
	},
	{
		name: "check_flow", title: "Check a flow file", scopes: []auth.Scope{auth.ScopeWriteFlows}, reads: true,
		text:    "Checks a flow file as a deployment does, and says what is wrong, with line, column and a hint. Nothing is deployed.",
		params:  []param{flowParam, sourceParam},
		request: func(a args) outgoing { return yamlTo(http.MethodPost, flowPath(a)+"/check", a) },
	},
	{
		name: "test_flow", title: "Test a flow file", scopes: []auth.Scope{auth.ScopeWriteFlows}, reads: true,
		text:    "Executes the tests in a flow file, without network: steps with effects return the mocks of the test. Nothing is deployed.",
		params:  []param{flowParam, sourceParam},
		request: func(a args) outgoing { return yamlTo(http.MethodPost, flowPath(a)+"/tests", a) },
	},
	{
		name: "rehearse_flow", title: "Rehearse a flow file", scopes: []auth.Scope{auth.ScopeWriteFlows, auth.ScopeReadRuns}, reads: true,
		text: "Says what a flow file would do otherwise than the deployed version in the latest runs. Nothing is done, deployed or written.",
		params: []param{flowParam, sourceParam, {
			name: "runs", kind: "integer", text: "How many of the latest ended runs, at most 1000. Default 50.",
		}},
		request: func(a args) outgoing {
			runs := "50"
			if a["runs"] != nil {
				runs = fmt.Sprint(a["runs"])
			}
			return yamlTo(http.MethodPost, flowPath(a)+"/rehearsals?runs="+url.QueryEscape(runs), a)
		},
	},
	{
		name: "deploy_flow", title: "Deploy a flow file", scopes: []auth.Scope{auth.ScopeWriteFlows}, removes: true,
		text:   "Deploys a flow file: new runs of the flow execute it. The plan is what a check says.",
		params: []param{flowParam, sourceParam, {name: "message", kind: "string", text: "A line for the history of versions."}},
		plan: func(a args) map[string]outgoing {
			return map[string]outgoing{"check": yamlTo(http.MethodPost, flowPath(a)+"/check", a), replaces: get(flowPath(a))}
		},
		request: func(a args) outgoing {
			path := flowPath(a)
			if message := a.text("message"); message != "" {
				path += "?message=" + url.QueryEscape(message)
			}
			return yamlTo(http.MethodPut, path, a)
		},
	},
	{
		name: "list_runs", title: "List runs", scopes: []auth.Scope{auth.ScopeWatchRuns}, reads: true,
		text: "Lists runs, the newest first, for instance those that failed.",
		params: append(listParams("run_id flow state code step message labels trigger failure triage created_at started_at finished_at duration_ms"),
			param{name: "search", kind: "string", text: "Words that the event, the output or the error of an ended run contain, all of them."},
			param{name: "cursor", kind: "string", text: "next_cursor of an earlier page."}),
		request: list("/v1/runs", "search", "cursor"),
	},
	{
		name: "get_run", title: "Read a run", scopes: []auth.Scope{auth.ScopeWatchRuns}, orRun: true, reads: true,
		text:   "Reads a run: its state, its steps, its error and, once it has succeeded, its output.",
		params: []param{runParam, {name: "wait", kind: "integer", text: "Seconds to wait for the end of the run, at most 60."}},
		request: func(a args) outgoing {
			path := runPath(a)
			if a["wait"] != nil {
				path += "?wait=" + url.QueryEscape(fmt.Sprint(a["wait"]))
			}
			return get(path)
		},
	},
	{
		name: "read_run_input", title: "Read the event of a run", scopes: []auth.Scope{auth.ScopeReadRuns}, orRun: true, reads: true,
		text:    "Reads what a run was accepted with: its event, parameters and headers.",
		params:  []param{runParam},
		request: func(a args) outgoing { return get(runPath(a) + "/input") },
	},
	{
		name: "cancel_run", title: "Cancel a run", scopes: []auth.Scope{auth.ScopeWriteRuns}, orRun: true, removes: true,
		text:    "Ends a run that has not ended. What it has done stays done.",
		params:  []param{runParam},
		plan:    func(a args) map[string]outgoing { return map[string]outgoing{"run": get(runPath(a))} },
		moves:   true,
		request: func(a args) outgoing { return outgoing{method: http.MethodPost, path: runPath(a) + "/cancel"} },
	},
	{
		name: "resume_run", title: "Continue a run that failed", scopes: []auth.Scope{auth.ScopeWriteRuns}, orRun: true, removes: true, outside: true,
		text: "Continues a run that failed, timed out or was cancelled, without repeating what it has done. The plan says what is kept and what is executed.",
		params: []param{
			runParam,
			{name: "from", kind: "string", text: "A step that is not nested in another: it and all steps after it are executed again."},
			{name: "assume", kind: "object", text: `For each step whose effects are uncertain, "done" or "not_done": find out first.`},
			{name: "version", kind: "string", enum: []string{"pinned", "current"}, text: "The version to run: that of the run, or that of today."},
		},
		plan: func(a args) map[string]outgoing {
			return map[string]outgoing{"resume": jsonTo(runPath(a)+"/resume", a, map[string]any{"dry_run": true})}
		},
		request: func(a args) outgoing { return jsonTo(runPath(a)+"/resume", a, nil) },
	},
	{
		name: "replay_run", title: "Run a flow again with the event of a run", scopes: []auth.Scope{auth.ScopeWriteRuns}, orRun: true, removes: true, outside: true,
		text:   "Runs a flow again with the event of an earlier run. All effects happen again; the plan lists those that the earlier run has done.",
		params: []param{runParam, {name: "version", kind: "string", enum: []string{"pinned", "current"}, text: "The version to run: that of the run, or that of today."}},
		plan: func(a args) map[string]outgoing {
			return map[string]outgoing{"replay": jsonTo(runPath(a)+"/replay", a, map[string]any{"dry_run": true})}
		},
		request: func(a args) outgoing { return jsonTo(runPath(a)+"/replay", a, nil) },
	},
	{
		name: "list_failures", title: "List failures", scopes: []auth.Scope{auth.ScopeWatchRuns}, reads: true,
		text:    "Lists failures, which are groups of runs that failed alike, the last seen first.",
		params:  listParams("id flow step code message state count open_runs last_hour last_day first_at last_at"),
		request: list("/v1/failures"),
	},
	{
		name: "get_failure", title: "Read a failure", scopes: []auth.Scope{auth.ScopeWatchRuns}, reads: true,
		text:    "Reads a failure with its latest runs.",
		params:  []param{{name: "failure", kind: "string", required: true, text: "The id of the failure."}},
		request: func(a args) outgoing { return get("/v1/failures/" + url.PathEscape(a.text("failure"))) },
	},
}

// replaces is the part of a plan with what is there now; null: nothing.
const replaces = "replaces"

var (
	flowParam   = param{name: "flow", kind: "string", required: true, text: "The number or the slug of the flow."}
	sourceParam = param{name: "source", kind: "string", required: true, text: "The flow file, YAML."}
	runParam    = param{name: "run", kind: "string", required: true, text: "The id of the run."}
)

// pageLength is how many entries an operation lists unless it is asked for more.
const pageLength = "20"

// listParams are the parameters of all lists. fields are those of their filter.
func listParams(fields string) []param {
	return []param{
		{name: "filter", kind: "string", text: "A filter, as in `state eq \"failed\" and created_at ge \"2026-11-01T00:00:00Z\"`. Operators: eq ne lt le gt ge in contains and or not. Fields: " + fields + "."},
		{name: "page_size", kind: "integer", text: "How many entries, " + pageLength + " by default."},
		{name: "page", kind: "integer", text: "The page, from 1."},
	}
}

// list returns the request for a list, with further parameters.
func list(path string, more ...string) func(args) outgoing {
	return func(a args) outgoing {
		query := url.Values{"page_size": {pageLength}}
		for _, name := range append([]string{"filter", "page_size", "page"}, more...) {
			if a[name] != nil {
				query.Set(name, fmt.Sprint(a[name]))
			}
		}
		return get(path + "?" + query.Encode())
	}
}

func get(path string) outgoing { return outgoing{method: http.MethodGet, path: path} }

func flowPath(a args) string { return "/v1/flows/" + url.PathEscape(a.text("flow")) }

func runPath(a args) string { return httpx.RunPath(url.PathEscape(a.text("run"))) }

func yamlTo(method, path string, a args) outgoing {
	return outgoing{method: method, path: path, header: http.Header{"Content-Type": {"application/yaml"}}, body: []byte(a.text("source"))}
}

// jsonTo sends the arguments but for the run, and further members.
func jsonTo(path string, a args, more map[string]any) outgoing {
	body := maps.Clone(map[string]any(a))
	delete(body, runParam.name)
	maps.Copy(body, more)
	return outgoing{method: http.MethodPost, path: path, header: http.Header{"Content-Type": {"application/json"}}, body: flows.EncodeJSON(body)}
}
