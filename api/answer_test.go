package api_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/client"
)

// answers is a flow that answers with its event and goes on, through the gate.
const answers = "trigger: webhook\nsteps: [{answer: {}}, {gate: {}}]"

func answer(status int, contentType, body string) string {
	return fmt.Sprintf(`{"Status":%d,"Headers":{"content-type":%q,"x-flow":"yes","set-cookie":"a=b","x-bad":"a\nb","content-length":"1","Content-Security-Policy":"x","penstock-run-id":"x","access-control-allow-origin":"*"},"Body":%q}`,
		status, contentType, base64.StdEncoding.EncodeToString([]byte(body)))
}

// At every door a flow's script goes out as text, in a sandbox.
func TestAFlowsScriptIsNotScript(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	p.deploy(1, "trigger: webhook\nsteps: [{answer: {}}]")
	r := p.do("POST", "/v1/flows/1/runs", "ulf", answer(200, "text/javascript", "alert(1)"))
	p.want(r, 200)
	if r.body != "alert(1)" || r.Header.Get("Content-Type") != "text/plain; charset=utf-8" || r.Header.Get("X-Content-Type-Options") != "nosniff" ||
		r.Header.Get("Content-Security-Policy") != "sandbox" {
		t.Errorf("%q %v", r.body, r.Header)
	}
}

func TestRespondAnswersNowAndTheRunContinues(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	p.deploy(1, answers)
	r := p.do("POST", "/v1/flows/1/runs", "ulf", answer(201, "text/html", "<script>1</script>"), "Idempotency-Key", "k")
	p.want(r, 201)
	id := r.Header.Get("Penstock-Run-Id")
	if r.body != "<script>1</script>" || r.Header.Get("Content-Type") != "text/html" || r.Header.Get("X-Flow") != "yes" {
		t.Errorf("%q %v", r.body, r.Header)
	}
	for _, name := range []string{"Set-Cookie", "X-Bad", "Access-Control-Allow-Origin"} {
		if r.Header.Get(name) != "" {
			t.Errorf("the flow set %s: %q", name, r.Header.Get(name))
		}
	}
	if r.Header.Get("Content-Security-Policy") != "sandbox" || r.Header.Get("X-Content-Type-Options") != "nosniff" || len(id) != 36 {
		t.Errorf("header %v", r.Header)
	}
	if timing := r.Header.Get("Server-Timing"); !strings.Contains(timing, "auth;dur=") || !strings.Contains(timing, "queue;dur=") {
		t.Errorf("Server-Timing %q", timing)
	}
	<-p.at
	if run := p.want(p.do("GET", "/v1/runs/"+id, "ulf", ""), 200); run["state"] != "running" {
		t.Errorf("the run is %v", run["state"])
	}
	equal := func() {
		t.Helper()
		again := p.do("POST", "/v1/flows/1/runs", "ulf", answer(201, "text/html", "<script>1</script>"), "Idempotency-Key", "k")
		if again.StatusCode != 201 || again.body != r.body || again.Header.Get("Idempotent-Replayed") != "true" || again.Header.Get("Penstock-Run-Id") != id {
			t.Errorf("an equal request: %d %q %v", again.StatusCode, again.body, again.Header)
		}
	}
	equal()
	p.gate <- struct{}{}
	if run := p.want(p.do("GET", "/v1/runs/"+id+"?wait=30", "ulf", ""), 200); run["state"] != "succeeded" {
		t.Errorf("the run is %v", run)
	}
	equal()
}

func TestTheRespondStep(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	p.deploy(1, "trigger: webhook\nsteps: [{respond: {status: 202, headers: {x-a: b}, json: {id: '${ .n }'}}}, {gate: {}}, {set: {m: 1}}]")
	r := p.do("POST", "/v1/flows/1/runs", "ulf", `{"n":12345678901234567890}`)
	if r.StatusCode != 202 || r.body != `{"id":12345678901234567890}` || r.Header.Get("X-A") != "b" || r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%d %s %v", r.StatusCode, r.body, r.Header)
	}
	<-p.at
	p.gate <- struct{}{}
	if run := p.want(p.do("GET", "/v1/runs/"+r.Header.Get("Penstock-Run-Id")+"?wait=30", "ulf", ""), 200); fmt.Sprint(run["output"]) != "[map[m:1]]" {
		t.Errorf("run %v", run)
	}
}

func TestRespondInTheFormOfTheDoor(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	p.deploy(1, answers)
	items := fmt.Sprintf(`{"Items":%q}`, base64.StdEncoding.EncodeToString([]byte(`[{"a":1}]`)))
	r := p.do("POST", "/v1/flows/1/runs", "ulf", items)
	p.want(r, 200)
	if want := `{"success":true,"run_id":"` + r.Header.Get("Penstock-Run-Id") + `","output":[{"a":1}]}`; r.body != want {
		t.Errorf("native door: %s, want %s", r.body, want)
	}
	c, err := client.New(client.Config{URL: p.url, Key: "key-one", Secret: "secret-of-key-one"})
	fatal(t, err)
	run, err := c.Execute(t.Context(), "1", []byte(items), nil)
	if err != nil || string(run.Output) != `[{"a":1}]` {
		t.Errorf("SmartSYNC door: %+v, %v", run, err)
	}
	r = p.do("POST", "/v1/flows/1/runs", "ulf", `{"Status":204}`)
	if r.StatusCode != http.StatusNoContent || r.body != "" || r.Header.Get("Content-Length") != "" {
		t.Errorf("204: %d %q %v", r.StatusCode, r.body, r.Header)
	}
	for range 3 {
		p.gate <- struct{}{}
	}
}

// Who answers early may go on for longer than anybody waits.
func TestAFlowThatAnswersKeepsItsLimit(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	p.deploy(1, "run: {limit: 2h}\n"+answers)
	r := p.do("POST", "/v1/flows/1/runs", "ulf", `{"Status":200}`)
	record, err := p.queue.Record(t.Context(), r.Header.Get("Penstock-Run-Id"))
	if err != nil || record.Limit != 2*time.Hour {
		t.Errorf("limit %v, %v", record.Limit, err)
	}
	p.gate <- struct{}{}
}

func TestAFailureAfterRespondIsNotTheCallers(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	p.deploy(1, "trigger: webhook\nsteps: [{answer: {}}, {fail: {message: too late}}]")
	r := p.do("POST", "/v1/flows/1/runs", "ulf", answer(200, "text/plain", "fine"), "Idempotency-Key", "k")
	if r.StatusCode != 200 || r.body != "fine" {
		t.Errorf("%d %s", r.StatusCode, r.body)
	}
	if run := p.want(p.do("GET", "/v1/runs/"+r.Header.Get("Penstock-Run-Id")+"?wait=30", "ulf", ""), 200); run["state"] != "failed" {
		t.Errorf("the run is %v", run)
	}
}
