package fleet_test

import (
	"fmt"
	"testing"

	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/internal/testenv"
)

func TestFleetIsForOperators(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, apitest.FlowPasses)
	p.Run("ulf", 1, `{"n":1}`)
	worker := p.Want(p.Do("GET", "/v1/workers", "vera", ""), 200)["items"].([]any)[0].(map[string]any)["id"].(string)
	for _, c := range []struct {
		who         string
		read, write int
	}{
		{"", 401, 401}, {"ulf", 403, 403}, {"key-one", 403, 403}, {"vera", 200, 403}, {"otto", 200, 200},
	} {
		for _, path := range []string{"/v1/queues", "/v1/queues/default", "/v1/workers", "/v1/workers/" + worker} {
			p.Want(p.Do("GET", path, c.who, ""), c.read)
		}
		for _, path := range []string{"/v1/queues/default/pause", "/v1/queues/default/resume", "/v1/workers/" + worker + "/drain", "/v1/workers/" + worker + "/resume"} {
			p.Want(p.Do("POST", path, c.who, ""), c.write)
		}
	}
	p.Want(p.Do("GET", "/v1/queues/nowhere", "otto", ""), 404)
	p.Want(p.Do("POST", "/v1/queues/nowhere/pause", "otto", ""), 404)
	p.Want(p.Do("GET", "/v1/workers/nobody", "otto", ""), 404)
	p.Want(p.Do("POST", "/v1/workers/nobody/drain", "otto", ""), 404)
	p.Want(p.Do("GET", "/v1/workers?order_by=nonsense", "otto", ""), 400)
}

func TestWorkersShowWhatTheyRun(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(2, apitest.FlowWaits)
	id := p.Start("key-one", 2, `{"n":1}`)
	<-p.At
	items := p.Want(p.Do("GET", "/v1/workers?filter=draining+eq+false", "otto", ""), 200)["items"].([]any)
	if len(items) != 1 {
		t.Fatalf("workers %v", items)
	}
	w := items[0].(map[string]any)
	runs := w["runs"].([]any)
	if len(runs) != 1 || w["slots"] != 8.0 || w["host"] == "" || w["pid"] == 0.0 {
		t.Fatalf("worker %v", w)
	}
	if run := runs[0].(map[string]any); run["run_id"] != id || run["flow"] != 2.0 || run["attempt"] != 1.0 || run["queue"] != "default" {
		t.Errorf("run %v", run)
	}
	if q := p.Want(p.Do("GET", "/v1/queues/default", "otto", ""), 200); q["active"] != 1.0 || q["backlog"] != 1.0 || q["workers"] != 1.0 {
		t.Errorf("queue %v", q)
	}
	p.Gate <- struct{}{} // it may end
}

func TestAPausedQueueHolds(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, apitest.FlowPasses)
	p.Run("ulf", 1, `{"n":1}`)
	if q := p.Want(p.Do("POST", "/v1/queues/default/pause", "otto", ""), 200); q["paused"] != true {
		t.Errorf("after the pause: %v", q)
	}
	id := p.Start("ulf", 1, `{"n":1}`)
	testenv.Eventually(t, func() string {
		q := p.Want(p.Do("GET", "/v1/queues/default", "otto", ""), 200)
		if q["pending"] == 1.0 && q["oldest_seconds"].(float64) > 0.2 {
			return "" // it has waited far longer than a worker leaves anything
		}
		return fmt.Sprint("a paused queue: ", q)
	})
	p.Want(p.Do("POST", "/v1/queues/default/resume", "otto", ""), 200)
	if run := p.Want(p.Do("GET", "/v1/runs/"+id+"?wait=20", "ulf", ""), 200); run["state"] != "succeeded" {
		t.Errorf("after the resumption: %v", run)
	}
	audit := p.Want(p.Do("GET", "/v1/audit", "ann", ""), 200)["items"].([]any)
	acts := map[string]bool{}
	for _, e := range audit {
		acts[e.(map[string]any)["act"].(string)] = true
	}
	if !acts["POST /v1/queues/:queue/pause"] || !acts["POST /v1/queues/:queue/resume"] {
		t.Errorf("the audit log has %v", acts)
	}
}
