package api_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/penstock/penstock/internal/testenv"
)

// until reads a run again until it is in a state.
func (p *product) until(id, state string) {
	p.t.Helper()
	testenv.Eventually(p.t, func() string {
		run := p.want(p.do("GET", "/v1/runs/"+id, "vera", ""), 200)
		if run["state"] == state {
			return ""
		}
		return fmt.Sprintf("run %s is %v, want %s", id, run["state"], state)
	})
}

// What runs ends, what nobody waits for waits, who would wait is refused, and
// all go on in their order.
func TestAPausedFlowHoldsItsRuns(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	p.deploy(1, passes)
	p.deploy(2, waits)
	running := p.start("ulf", 2, `{"n":0}`)
	<-p.at
	if flow := p.want(p.do("POST", "/v1/flows/2/pause", "otto", ""), 200); flow["paused_at"] == nil {
		t.Errorf("paused: %v", flow)
	}
	p.want(p.do("POST", "/v1/flows/2/pause", "ann", ""), 200) // again: it stays the same pause
	var ids []string
	for n := range 3 {
		id := p.start("ulf", 2, fmt.Sprintf(`{"n":%d}`, n))
		p.until(id, "waiting")
		ids = append(ids, id)
	}
	r := p.do("POST", "/v1/flows/2/runs", "ulf", `{}`)
	if problem := p.want(r, 503); problem["code"] != "flow_paused" || r.Header.Get("Retry-After") != "30" || problem["run_id"] != nil {
		t.Errorf("who waits: %v %v", problem, r.Header)
	}
	p.want(p.send(p.signed("GET", "/apis/execute", "2", "")), 503)
	p.run("ulf", 1, `{}`) // another flow
	p.gate <- struct{}{}
	p.until(running, "succeeded")

	listed := p.want(p.do("GET", "/v1/flows?filter=paused+eq+true", "vera", ""), 200)["items"].([]any)
	if len(listed) != 1 || listed[0].(map[string]any)["flow"] != 2.0 {
		t.Errorf("paused flows: %v", listed)
	}
	if flow := p.want(p.do("POST", "/v1/flows/2/resume", "otto", ""), 200); flow["paused_at"] != nil {
		t.Errorf("resumed: %v", flow)
	}
	for range ids {
		<-p.at
		p.gate <- struct{}{}
	}
	started := make([]string, len(ids))
	for i, id := range ids {
		run := p.want(p.do("GET", "/v1/runs/"+id+"?wait=20", "vera", ""), 200)
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
	p := newProduct(t)
	p.secret("hook", "s3")
	p.deploy(7, hookFlow("scheme: github", ""))
	p.want(p.do("POST", "/v1/flows/7/pause", "ann", ""), 200)
	r := p.github("/hooks/7", `{}`, "d-1")
	p.want(r, 202)
	id := r.Header.Get("Penstock-Run-Id")
	p.until(id, "waiting")
	p.want(p.do("POST", "/v1/flows/7/resume", "ann", ""), 200)
	p.until(id, "succeeded")
}

// A paused flow with runs that wait is deleted only when it is said what becomes of them.
func TestDeletingAPausedFlow(t *testing.T) {
	t.Parallel()
	for runs, end := range map[string]string{"finish": "succeeded", "cancel": "cancelled"} {
		p := newProduct(t)
		p.deploy(1, passes)
		p.deploy(2, passes)
		p.want(p.do("POST", "/v1/flows/1/pause", "ann", ""), 200)
		var ids []string
		for range 3 {
			ids = append(ids, p.start("ulf", 1, `{}`))
		}
		for _, id := range ids {
			p.until(id, "waiting")
		}
		problem := p.want(p.do("DELETE", "/v1/flows/1", "ann", ""), 409)
		if problem["code"] != "runs_wait" || problem["held"] != 3.0 || problem["parked"] != 0.0 {
			t.Errorf("without a word: %v", problem)
		}
		p.want(p.do("DELETE", "/v1/flows/1?runs=perhaps", "ann", ""), 400)
		for _, id := range ids {
			p.until(id, "waiting")
		}
		p.want(p.do("DELETE", "/v1/flows/1?runs="+runs, "ann", ""), 204)
		for _, id := range ids {
			p.until(id, end)
		}
		p.want(p.do("GET", "/v1/flows/1", "ann", ""), 404)
		p.want(p.do("POST", "/v1/flows/2/pause", "ann", ""), 200)
		p.want(p.do("DELETE", "/v1/flows/2", "ann", ""), 204) // nothing waits
	}
}

func TestWhoMayPauseAFlow(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	p.deploy(1, passes)
	for who, status := range map[string]int{"": 401, "ulf": 403, "key-one": 403, "vera": 403, "otto": 200, "ann": 200} {
		p.want(p.do("POST", "/v1/flows/1/pause", who, ""), status)
		p.want(p.do("POST", "/v1/flows/1/resume", who, ""), status)
	}
	p.want(p.do("POST", "/v1/flows/99/pause", "ann", ""), 404)
}
