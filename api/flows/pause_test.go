package flows_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/penstock/penstock/api/apitest"
)

// While a flow is paused, executing runs end, asynchronous ones wait, and synchronous ones are rejected. After the
// pause all waiting runs execute in their order.
func TestAPausedFlowHoldsItsRuns(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, apitest.FlowPasses)
	p.Deploy(2, apitest.FlowWaits)
	running := p.Start("ulf", 2, `{"n":0}`)
	<-p.At
	if flow := p.Want(p.Do("POST", "/v1/flows/2/pause", "otto", ""), 200); flow["paused_at"] == nil {
		t.Errorf("paused: %v", flow)
	}
	p.Want(p.Do("POST", "/v1/flows/2/pause", "ann", ""), 200) // again: it stays the same pause
	var ids []string
	for n := range 3 {
		id := p.Start("ulf", 2, fmt.Sprintf(`{"n":%d}`, n))
		p.Until(id, "waiting")
		ids = append(ids, id)
	}
	r := p.Do("POST", "/v1/flows/2/runs", "ulf", `{}`)
	if problem := p.Want(r, 503); problem["code"] != "flow_paused" || r.Header.Get("Retry-After") != "30" || problem["run_id"] != nil {
		t.Errorf("who waits: %v %v", problem, r.Header)
	}
	p.Want(p.Send(p.Signed("GET", "/apis/execute", "2", "")), 503)
	p.Run("ulf", 1, `{}`) // another flow
	p.Gate <- struct{}{}
	p.Until(running, "succeeded")

	listed := p.Want(p.Do("GET", "/v1/flows?filter=paused+eq+true", "vera", ""), 200)["items"].([]any)
	if len(listed) != 1 || listed[0].(map[string]any)["flow"] != 2.0 {
		t.Errorf("paused flows: %v", listed)
	}
	if flow := p.Want(p.Do("POST", "/v1/flows/2/resume", "otto", ""), 200); flow["paused_at"] != nil {
		t.Errorf("resumed: %v", flow)
	}
	for range ids {
		<-p.At
		p.Gate <- struct{}{}
	}
	started := make([]string, len(ids))
	for i, id := range ids {
		run := p.Want(p.Do("GET", "/v1/runs/"+id+"?wait=20", "vera", ""), 200)
		if run["state"] != "succeeded" {
			t.Errorf("run %d is %v", i, run["state"])
		}
		started[i] = run["started_at"].(string)
	}
	if !slices.IsSorted(started) {
		t.Errorf("started %v", started)
	}
}

func TestAPausedFlowTakesDeliveries(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Secret("hook", "s3")
	p.Deploy(7, apitest.HookFlow("scheme: github", ""))
	p.Want(p.Do("POST", "/v1/flows/7/pause", "ann", ""), 200)
	r := p.GitHub("/hooks/7", `{}`, "d-1")
	p.Want(r, 202)
	id := r.Header.Get("Penstock-Run-Id")
	p.Until(id, "waiting")
	p.Want(p.Do("POST", "/v1/flows/7/resume", "ann", ""), 200)
	p.Until(id, "succeeded")
}

// A paused flow with waiting runs is deleted only with the parameter runs.
func TestDeletingAPausedFlow(t *testing.T) {
	t.Parallel()
	for runs, end := range map[string]string{"finish": "succeeded", "cancel": "cancelled"} {
		p := apitest.NewProduct(t)
		p.Deploy(1, apitest.FlowPasses)
		p.Deploy(2, apitest.FlowPasses)
		p.Want(p.Do("POST", "/v1/flows/1/pause", "ann", ""), 200)
		var ids []string
		for range 3 {
			ids = append(ids, p.Start("ulf", 1, `{}`))
		}
		for _, id := range ids {
			p.Until(id, "waiting")
		}
		problem := p.Want(p.Do("DELETE", "/v1/flows/1", "ann", ""), 409)
		if problem["code"] != "runs_wait" || problem["held"] != 3.0 || problem["parked"] != 0.0 {
			t.Errorf("without a word: %v", problem)
		}
		p.Want(p.Do("DELETE", "/v1/flows/1?runs=perhaps", "ann", ""), 400)
		for _, id := range ids {
			p.Until(id, "waiting")
		}
		p.Want(p.Do("DELETE", "/v1/flows/1?runs="+runs, "ann", ""), 204)
		for _, id := range ids {
			p.Until(id, end)
		}
		p.Want(p.Do("GET", "/v1/flows/1", "ann", ""), 404)
		p.Want(p.Do("POST", "/v1/flows/2/pause", "ann", ""), 200)
		p.Want(p.Do("DELETE", "/v1/flows/2", "ann", ""), 204) // nothing waits
	}
}

func TestWhoMayPauseAFlow(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, apitest.FlowPasses)
	for who, status := range map[string]int{"": 401, "ulf": 403, "key-one": 403, "vera": 403, "otto": 200, "ann": 200} {
		p.Want(p.Do("POST", "/v1/flows/1/pause", who, ""), status)
		p.Want(p.Do("POST", "/v1/flows/1/resume", who, ""), status)
	}
	p.Want(p.Do("POST", "/v1/flows/99/pause", "ann", ""), 404)
}
