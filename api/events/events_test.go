package events_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/internal/testenv"
)

const subscriber = "slug: s\ntrigger: {topic: order.paid}\nsteps: [{transform: .order}]\n"

func TestPublish(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, subscriber)
	p.Deploy(2, "trigger: manual\nsteps: [{wait_for: {event: order.paid, where: {order: \"${ .id }\"}}}]\n")
	waiting := p.Start("ann", 2, `{"id":7}`)
	p.Until(waiting, "waiting")
	path := "/v1/events/order.paid"
	first := p.Want(p.Do("POST", path, "otto", `{"order":7}`, "Idempotency-Key", "k"), 200)
	again := p.Want(p.Do("POST", path, "otto", `{"order":7}`, "Idempotency-Key", "k"), 200)
	runs, _ := first["runs"].([]any)
	if len(runs) != 1 || fmt.Sprint(again["runs"]) != fmt.Sprint(runs) || fmt.Sprint(first["resumed"], again["resumed"]) != "1 0" {
		t.Errorf("%v, then %v", first, again)
	}
	for _, run := range []string{runs[0].(map[string]any)["run_id"].(string), waiting} {
		p.Until(run, "succeeded")
	}
	record := p.Want(p.Do("GET", "/v1/runs/"+runs[0].(map[string]any)["run_id"].(string), "ann", ""), 200)
	if record["principal"] != "user:otto" || fmt.Sprint(record["output"]) != "[7]" {
		t.Errorf("%v", record)
	}
	if problem := p.Want(p.Do("POST", path, "otto", `{"order":8}`, "Idempotency-Key", "k"), 422); problem["code"] != "bad_event" {
		t.Errorf("%v", problem)
	}
	other := p.Want(p.Do("POST", path, "ann", `{"order":7}`, "Idempotency-Key", "k"), 200)
	if fmt.Sprint(other["runs"]) == fmt.Sprint(runs) {
		t.Error("two callers share a key")
	}
	p.Want(p.Do("POST", "/v1/events/-", "otto", `{}`), 400)
	p.Want(p.Do("POST", path, "otto", `{`), 400)
	if problem := p.Want(p.Do("POST", path, "otto", `"`+strings.Repeat("x", 300<<10)+`"`), 422); !strings.Contains(fmt.Sprint(problem["detail"]), "262144 are allowed") {
		t.Errorf("%v", problem)
	}
}

func TestWhoMayPublish(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, subscriber)
	for who, want := range map[string][2]int{"": {401, 401}, "key-one": {403, 403}, "ulf": {403, 403}, "vera": {403, 200}, "otto": {200, 200}, "ann": {200, 200}} {
		if got := p.Do("POST", "/v1/events/order.paid", who, `{}`).StatusCode; got != want[0] {
			t.Errorf("%s publishes: %d, want %d", who, got, want[0])
		}
		// vera is staff, and an API user: she may run flows.
		if got := p.Do("POST", "/v1/flows/1/runs", who, `{}`).StatusCode; got != want[1] {
			t.Errorf("%s runs the subscriber: %d, want %d", who, got, want[1])
		}
	}
	testenv.Eventually(t, func() string { // entries are written after the response
		audit := p.Want(p.Do("GET", "/v1/audit", "ann", ""), 200)
		if text := fmt.Sprint(audit["items"]); !strings.Contains(text, "POST /v1/events/:topic") {
			return text
		}
		return ""
	})
}

// A disabled flow gets no event; the flow's view says who publishes to whom.
func TestTopicsOfFlows(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, subscriber)
	p.Deploy(2, "trigger: webhook\nsteps: [{publish: order.paid}]\n")
	subscribers := func() string {
		return fmt.Sprint(p.Want(p.Do("GET", "/v1/flows/2", "ann", ""), 200)["publishes"])
	}
	if got := subscribers(); got != "[map[subscribers:[1] topic:order.paid]]" {
		t.Error(got)
	}
	if flow := p.Want(p.Do("GET", "/v1/flows/1", "ann", ""), 200); flow["topic"] != "order.paid" || flow["trigger"] != "topic" {
		t.Errorf("%v", flow)
	}
	p.Want(p.Do("POST", "/v1/flows/1/disable", "ann", ""), 200)
	if done := p.Want(p.Do("POST", "/v1/events/order.paid", "otto", `{}`), 200); fmt.Sprint(done["runs"]) != "[]" {
		t.Errorf("%v", done)
	}
	if got := subscribers(); got != "[map[subscribers:[] topic:order.paid]]" {
		t.Error(got)
	}
}

func TestSnapshotsOfFlows(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, "trigger: webhook\nsteps: [{split: '.[]'}, {changes: pupils, key: \"${ . }\", steps: [{transform: .key}]}]\n")
	path := "/v1/flows/1/snapshots"
	list := func() string { return fmt.Sprint(p.Want(p.Do("GET", path, "vera", ""), 200)["items"]) }
	if got := list(); got != "[map[keys:0 name:pupils]]" {
		t.Error(got)
	}
	if output := p.Want(p.Do("POST", "/v1/flows/1/runs", "ann", `["a","b"]`), 200)["output"]; fmt.Sprint(output) != "[a b]" {
		t.Errorf("%v", output)
	}
	if got := list(); !strings.Contains(got, "keys:2") || !strings.Contains(got, "at:"+time.Now().UTC().Format("2006")) || !strings.Contains(got, "run_id:") {
		t.Error(got)
	}
	if output := p.Want(p.Do("POST", "/v1/flows/1/runs", "ann", `["a","b"]`), 200)["output"]; fmt.Sprint(output) != "[]" {
		t.Errorf("%v", output)
	}
	p.Want(p.Do("DELETE", path+"/pupils", "vera", ""), 403)
	p.Want(p.Do("DELETE", path+"/others", "ann", ""), 404)
	if got := p.Do("DELETE", path+"/pupils", "ann", "").StatusCode; got != 204 {
		t.Errorf("%d", got)
	}
	if output := p.Want(p.Do("POST", "/v1/flows/1/runs", "ann", `["a"]`), 200)["output"]; fmt.Sprint(output) != "[a]" {
		t.Errorf("%v", output)
	}
}
