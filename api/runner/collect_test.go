package runner_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/client"
)

// A caller of a flow that collects its events gets the id of the run at once, whatever it prefers. APIs whose callers read nothing
// but outputs refuse it.
func TestAFlowThatCollectsAnswersAtOnce(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Secret("hook", "s3")
	p.Deploy(1, "run: {debounce: {key: '${ .id }', for: 1s}}\ntrigger: webhook\nsteps: [{set: {n: '${ .n }'}}]")
	p.Deploy(2, "slug: hooked\nrun: {batch: {size: 2, within: 1h}}\ntrigger: {webhook: {reply: ack, schema: {type: object, required: [n]}, verify: {scheme: github, secret: hook}}}\n"+
		"steps: [{transform: '[.events[].event.n]'}]")

	first := p.Want(p.Do("POST", "/v1/flows/1/runs", "ulf", `{"id":"a","n":1}`), 202)["run_id"].(string)
	waits := p.Want(p.Do("GET", "/v1/runs/"+first, "ulf", ""), 200)
	if collects, _ := waits["collects"].(map[string]any); waits["state"] != "waiting" || collects["until"] == nil {
		t.Errorf("while it waits: %v", waits)
	}
	r := p.Do("POST", "/v1/flows/1/runs", "ulf", `{"id":"a","n":2}`, "Prefer", "wait=20")
	last := p.Want(r, 202)["run_id"].(string)
	if first == last || r.Header.Get("Location") != "/v1/runs/"+last {
		t.Errorf("%s %v", last, r.Header)
	}
	if run := p.Want(p.Do("GET", "/v1/runs/"+last+"?wait=30", "ulf", ""), 200); run["state"] != "succeeded" {
		t.Errorf("the last one: %v", run)
	}
	replaced := p.Want(p.Do("GET", "/v1/runs/"+first, "ulf", ""), 200)
	if failure, _ := replaced["error"].(map[string]any); replaced["state"] != "cancelled" || replaced["resumed_by"] != last || failure["code"] != "replaced" {
		t.Errorf("the first one: %v", replaced)
	}
	again := p.Want(p.Do("POST", "/v1/runs/"+first+"/replay", "ulf", ""), 200) // at once: its caller waits
	if again["success"] != true {
		t.Errorf("a replay: %v", again)
	}

	one := p.Want(p.GitHub("/hooks/2", `{"n":1}`, "d-1"), 202)["run_id"].(string)
	if r := p.GitHub("/hooks/2", `{"n":1}`, "d-1"); p.Want(r, 202)["run_id"] != one || r.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("the same delivery again: %s", r.Text)
	}
	p.Want(p.GitHub("/hooks/2", `{"m":1}`, "d-2"), 422)
	if two := p.Want(p.Do("POST", "/v1/flows/2/runs", "ulf", `{"n":2}`), 202)["run_id"]; two != one {
		t.Errorf("another run: %s", two)
	}
	if run := p.Want(p.Do("GET", "/v1/runs/"+one+"?wait=30", "otto", ""), 200); run["state"] != "succeeded" || !strings.Contains(fmt.Sprint(run["output"]), "[1 2]") {
		t.Errorf("the batch: %v", run)
	}

	c, err := client.New(client.Config{URL: p.URL, Key: "key-one", Secret: "secret-of-key-one"})
	apitest.Fatal(t, err)
	if _, err := c.Execute(t.Context(), "1", []byte(`{"id":"a"}`), nil); err == nil || !strings.Contains(err.Error(), "waits for further events") {
		t.Errorf("the SmartSYNC API: %v", err)
	}
}

// The sender of a batch may read what it has so far. With an event of another principal in it, only those may who may read the runs of
// others.
func TestABatchOfSeveralPrincipals(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Secret("hook", "s3")
	p.Deploy(1, "slug: hooked\nrun: {batch: {size: 9, within: 1h}}\ntrigger: {webhook: {reply: ack, verify: {scheme: github, secret: hook}}}\nsteps: [{transform: '.'}]")
	run := p.Want(p.Do("POST", "/v1/flows/1/runs", "ulf", `{"n":1}`), 202)["run_id"].(string)
	p.Want(p.Do("GET", "/v1/runs/"+run, "ulf", ""), 200)
	if r := p.Do("GET", "/v1/runs/"+run+"/input", "ulf", ""); r.StatusCode != 200 || !strings.Contains(r.Text, `"event":{"n":1}`) {
		t.Errorf("the events so far: %d %s", r.StatusCode, r.Text)
	}
	if two := p.Want(p.GitHub("/hooks/1", `{"n":2}`, "d-1"), 202)["run_id"]; two != run {
		t.Fatalf("another run: %s", two)
	}
	for _, call := range []string{"GET ", "GET /input", "GET /output", "GET /steps", "POST /cancel", "POST /replay", "POST /resume"} {
		method, path, _ := strings.Cut(call, " ")
		if r := p.Do(method, "/v1/runs/"+run+path, "ulf", ""); r.StatusCode != 404 {
			t.Errorf("%s of a batch with events of others: %d %s", call, r.StatusCode, r.Text)
		}
	}
	if r := p.Do("GET", "/v1/runs/"+run+"/input", "otto", ""); r.StatusCode != 200 || !strings.Contains(r.Text, `"event":{"n":2}`) {
		t.Errorf("for an operator: %d %s", r.StatusCode, r.Text)
	}
}
