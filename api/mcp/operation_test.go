package mcp_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/penstock/penstock/api/apitest"
)

// members returns the structured content of a result that is no failure.
func members(t *testing.T, r *mcp.CallToolResult) map[string]any {
	t.Helper()
	if r.IsError {
		t.Fatal(text(r))
	}
	var m map[string]any
	data, err := json.Marshal(r.StructuredContent)
	apitest.Fatal(t, err)
	apitest.Fatal(t, json.Unmarshal(data, &m))
	return m
}

// An operation that changes something is carried out once its plan is confirmed.
func TestAPlanIsConfirmed(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(5, "steps: [{set: {a: 1}}]")
	s := connect(t, p, "ann", versions[0], nil)
	source := "flow: 5\nname: New\nsteps: [{set: {a: 2}}]\n"
	deploy := map[string]any{"flow": "5", "source": source, "message": "from a tool"}
	plan := members(t, call(t, s, "penstock_deploy_flow", deploy))
	if plan["confirm"] == "" || plan["plan"].(map[string]any)["check"].(map[string]any)["flow"] != 5.0 {
		t.Fatalf("plan %v", plan)
	}
	if flow := members(t, call(t, s, "penstock_read_flow", map[string]any{"flow": "5"})); flow["name"] == "New" {
		t.Fatal("it was deployed without a confirmation")
	}
	for _, wrong := range []string{"yes", "000000000000"} {
		deploy["confirm"] = wrong
		if m := members(t, call(t, s, "penstock_deploy_flow", deploy)); m["plan"] == nil {
			t.Errorf("confirmed with %s: %v", wrong, m)
		}
	}
	deploy["confirm"], deploy["source"] = plan["confirm"], source+"# another one\n"
	if m := members(t, call(t, s, "penstock_deploy_flow", deploy)); m["plan"] == nil {
		t.Errorf("the confirmation of another plan was taken: %v", m)
	}
	deploy["source"] = source
	p.Deploy(5, "steps: [{set: {a: 3}}]")
	if m := members(t, call(t, s, "penstock_deploy_flow", deploy)); m["plan"] == nil {
		t.Errorf("it was confirmed although another version was deployed meanwhile: %v", m)
	}
	delete(deploy, "confirm")
	deploy["confirm"] = members(t, call(t, s, "penstock_deploy_flow", deploy))["confirm"]
	if m := members(t, call(t, s, "penstock_deploy_flow", deploy)); m["name"] != "New" {
		t.Errorf("deployed %v", m)
	}
	head, err := p.Store.Flows().Deployment("5")
	if err != nil || head.History[0].Message != "from a tool" || head.History[0].By != "user:ann" {
		t.Errorf("%+v, %v", head.History, err)
	}
}

func TestRepair(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(5, "vars: {fails: true}\nsteps: [{set: {a: 1}}, {fail: broken, if: $vars.fails}]")
	s := connect(t, p, "ann", versions[0], nil)
	run := p.Start("ann", 5, `{"word":"needle"}`)
	p.Until(run, "failed")
	runs := members(t, call(t, s, "penstock_list_runs", map[string]any{"filter": `state eq "failed"`, "page_size": 5}))
	if items := runs["items"].([]any); len(items) != 1 || items[0].(map[string]any)["run_id"] != run {
		t.Fatalf("%v", runs)
	}
	if m := members(t, call(t, s, "penstock_get_run", map[string]any{"run": run, "wait": 1})); m["state"] != "failed" {
		t.Errorf("%v", m)
	}
	if m := members(t, call(t, s, "penstock_read_run_input", map[string]any{"run": run})); !strings.Contains(fmt.Sprint(m), "needle") {
		t.Errorf("%v", m)
	}
	p.Deploy(5, "vars: {fails: false}\nsteps: [{set: {a: 1}}, {fail: broken, if: $vars.fails}]")
	resume := map[string]any{"run": run, "version": "current"}
	plan := members(t, call(t, s, "penstock_resume_run", resume))
	resume["confirm"] = plan["confirm"]
	if m := members(t, call(t, s, "penstock_resume_run", resume)); m["run_id"] == nil {
		t.Errorf("%v", m)
	}
	replay := map[string]any{"run": run}
	replay["confirm"] = members(t, call(t, s, "penstock_replay_run", replay))["confirm"]
	first := members(t, call(t, s, "penstock_replay_run", replay))
	if again := members(t, call(t, s, "penstock_replay_run", replay)); first["run_id"] == nil || again["run_id"] != first["run_id"] {
		t.Errorf("one confirmation has the runs %v and %v", first, again)
	}
	if r := call(t, s, "penstock_cancel_run", map[string]any{"run": run, "confirm": members(t, call(t, s, "penstock_cancel_run", map[string]any{"run": run}))["confirm"]}); !r.IsError || !strings.Contains(text(r), "has_ended") {
		t.Errorf("a run that has ended: %s", text(r))
	}
	members(t, call(t, s, "penstock_list_failures", nil))
	members(t, call(t, s, "penstock_list_flows", nil))
}

func TestCheckAndTestAFile(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	s := connect(t, p, "ann", versions[0], nil)
	file := func(source string) map[string]any { return map[string]any{"flow": "9", "source": source} }
	if r := call(t, s, "penstock_check_flow", file("flow: 9\nsteps: [{sett: {a: 1}}]")); !r.IsError || !strings.Contains(text(r), `2:10: unknown step kind "sett" (did you mean set?) [unknown_kind]`) {
		t.Errorf("a mistake: %s", text(r))
	}
	members(t, call(t, s, "penstock_check_flow", file("flow: 9\nsteps: [{set: {a: 1}}]")))
	tests := members(t, call(t, s, "penstock_test_flow", file("flow: 9\nsteps: [{set: {a: 1}}]\ntests: [{name: one, event: {}, output: [{a: 1}]}, {name: two, event: {}, output: [{a: 2}]}]")))
	if tests["passed"] != false || len(tests["tests"].([]any)) != 2 {
		t.Errorf("%v", tests)
	}
	for _, wrong := range []struct{ arguments, want any }{
		{map[string]any{}, "flow: is missing"},
		{map[string]any{"flow": 9, "source": ""}, "flow: expected a value of type string"},
		{map[string]any{"flow": "9", "source": "", "deploy": true}, `there is no argument "deploy"`},
		{[]any{}, "not an object"},
	} {
		if r := call(t, s, "penstock_check_flow", wrong.arguments); !r.IsError || !strings.Contains(text(r), wrong.want.(string)) {
			t.Errorf("%v: %s", wrong.arguments, text(r))
		}
	}
}
