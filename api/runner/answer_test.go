package runner_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/client"
)

// answer returns a flow that responds with its event and continues with a step of kind gate.
const answers = "trigger: webhook\nsteps: [{answer: {}}, {gate: {}}]"

func answer(status int, contentType, body string) string {
	return fmt.Sprintf(`{"Status":%d,"Headers":{"content-type":%q,"x-flow":"yes","set-cookie":"a=b","x-bad":"a\nb","content-length":"1","Content-Security-Policy":"x","penstock-run-id":"x","access-control-allow-origin":"*"},"Body":%q}`,
		status, contentType, base64.StdEncoding.EncodeToString([]byte(body)))
}

// In every API the script of a flow is sent as text, with a sandbox policy.
func TestAFlowsScriptIsNotScript(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, "trigger: webhook\nsteps: [{answer: {}}]")
	r := p.Do("POST", "/v1/flows/1/runs", "ulf", answer(200, "text/javascript", "alert(1)"))
	p.Want(r, 200)
	if r.Text != "alert(1)" || r.Header.Get("Content-Type") != "text/plain; charset=utf-8" || r.Header.Get("X-Content-Type-Options") != "nosniff" ||
		r.Header.Get("Content-Security-Policy") != "sandbox" {
		t.Errorf("%q %v", r.Text, r.Header)
	}
}

func TestRespondAnswersNowAndTheRunContinues(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, answers)
	r := p.Do("POST", "/v1/flows/1/runs", "ulf", answer(201, "text/html", "<script>1</script>"), "Idempotency-Key", "k")
	p.Want(r, 201)
	id := r.Header.Get("Penstock-Run-Id")
	if r.Text != "<script>1</script>" || r.Header.Get("Content-Type") != "text/html" || r.Header.Get("X-Flow") != "yes" {
		t.Errorf("%q %v", r.Text, r.Header)
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
	<-p.At
	if run := p.Want(p.Do("GET", "/v1/runs/"+id, "ulf", ""), 200); run["state"] != "running" {
		t.Errorf("the run is %v", run["state"])
	}
	equal := func() {
		t.Helper()
		again := p.Do("POST", "/v1/flows/1/runs", "ulf", answer(201, "text/html", "<script>1</script>"), "Idempotency-Key", "k")
		if again.StatusCode != 201 || again.Text != r.Text || again.Header.Get("Idempotent-Replayed") != "true" || again.Header.Get("Penstock-Run-Id") != id {
			t.Errorf("an equal request: %d %q %v", again.StatusCode, again.Text, again.Header)
		}
	}
	equal()
	p.Gate <- struct{}{}
	if run := p.Want(p.Do("GET", "/v1/runs/"+id+"?wait=30", "ulf", ""), 200); run["state"] != "succeeded" {
		t.Errorf("the run is %v", run)
	}
	equal()
}

func TestTheRespondStep(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, "trigger: webhook\nsteps: [{respond: {status: 202, headers: {x-a: b}, json: {id: '${ .n }'}}}, {gate: {}}, {set: {m: 1}}]")
	r := p.Do("POST", "/v1/flows/1/runs", "ulf", `{"n":12345678901234567890}`)
	if r.StatusCode != 202 || r.Text != `{"id":12345678901234567890}` || r.Header.Get("X-A") != "b" || r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%d %s %v", r.StatusCode, r.Text, r.Header)
	}
	<-p.At
	p.Gate <- struct{}{}
	if run := p.Want(p.Do("GET", "/v1/runs/"+r.Header.Get("Penstock-Run-Id")+"?wait=30", "ulf", ""), 200); fmt.Sprint(run["output"]) != "[map[m:1]]" {
		t.Errorf("run %v", run)
	}
}

func TestRespondInTheFormOfTheDoor(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, answers)
	items := fmt.Sprintf(`{"Items":%q}`, base64.StdEncoding.EncodeToString([]byte(`[{"a":1}]`)))
	r := p.Do("POST", "/v1/flows/1/runs", "ulf", items)
	p.Want(r, 200)
	if want := `{"success":true,"run_id":"` + r.Header.Get("Penstock-Run-Id") + `","output":[{"a":1}]}`; r.Text != want {
		t.Errorf("native door: %s, want %s", r.Text, want)
	}
	c, err := client.New(client.Config{URL: p.URL, Key: "key-one", Secret: "secret-of-key-one"})
	apitest.Fatal(t, err)
	run, err := c.Execute(t.Context(), "1", []byte(items), nil)
	if err != nil || string(run.Output) != `[{"a":1}]` {
		t.Errorf("SmartSYNC door: %+v, %v", run, err)
	}
	r = p.Do("POST", "/v1/flows/1/runs", "ulf", `{"Status":204}`)
	if r.StatusCode != http.StatusNoContent || r.Text != "" || r.Header.Get("Content-Length") != "" {
		t.Errorf("204: %d %q %v", r.StatusCode, r.Text, r.Header)
	}
	for range 3 {
		p.Gate <- struct{}{}
	}
}

// A run that has responded may continue for longer than the longest wait of a caller.
func TestAFlowThatAnswersKeepsItsLimit(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, "run: {limit: 2h}\n"+answers)
	r := p.Do("POST", "/v1/flows/1/runs", "ulf", `{"Status":200}`)
	record, err := p.Queue.Record(t.Context(), r.Header.Get("Penstock-Run-Id"))
	if err != nil || record.Limit != 2*time.Hour {
		t.Errorf("limit %v, %v", record.Limit, err)
	}
	p.Gate <- struct{}{}
}

func TestAFailureAfterRespondIsNotTheCallers(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, "trigger: webhook\nsteps: [{answer: {}}, {fail: {message: too late}}]")
	r := p.Do("POST", "/v1/flows/1/runs", "ulf", answer(200, "text/plain", "fine"), "Idempotency-Key", "k")
	if r.StatusCode != 200 || r.Text != "fine" {
		t.Errorf("%d %s", r.StatusCode, r.Text)
	}
	if run := p.Want(p.Do("GET", "/v1/runs/"+r.Header.Get("Penstock-Run-Id")+"?wait=30", "ulf", ""), 200); run["state"] != "failed" {
		t.Errorf("the run is %v", run)
	}
}
