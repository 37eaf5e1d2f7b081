package api_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
)

// The rows of section 2 of the contracts, by their names, on the whole product.
func TestNativeDoor(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	p.deploy(1, "trigger: webhook\nsteps: [{set: {n: '${ .n }'}}]")
	p.deploy(2, "trigger: webhook\nrun: {limit: 1s}\nsteps: [{gate: {}}]")
	p.deploy(3, "trigger: webhook\nsteps: [{name: check, fail: {message: no such person, status: 410}}]")
	p.deploy(4, waits)

	t.Run("default", func(t *testing.T) {
		r := p.do("POST", "/v1/flows/1/runs", "ulf", `{"n":1}`)
		run := p.want(r, 200)
		if run["success"] != true || run["run_id"] != r.Header.Get("Penstock-Run-Id") || !strings.Contains(r.body, `"output":[{"n":1}]`) {
			t.Errorf("%s %v", r.body, r.Header)
		}
		for _, span := range []string{"auth;dur=", "queue;dur=", "run;dur=", "reply;dur="} {
			if !strings.Contains(r.Header.Get("Server-Timing"), span) {
				t.Errorf("Server-Timing %q lacks %s", r.Header.Get("Server-Timing"), span)
			}
		}
	})
	t.Run("run failed", func(t *testing.T) {
		r := p.do("POST", "/v1/flows/3/runs", "ulf", "")
		problem := p.want(r, 410)
		if problem["step"] != "check" || problem["code"] != "fail" || problem["run_id"] != r.Header.Get("Penstock-Run-Id") || r.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%v %v", problem, r.Header)
		}
	})
	t.Run("Prefer: respond-async", func(t *testing.T) {
		r := p.do("POST", "/v1/flows/1/runs", "ulf", `{"n":1}`, "Prefer", "respond-async")
		run := p.want(r, 202)
		if r.Header.Get("Location") != "/v1/runs/"+run["run_id"].(string) || r.Header.Get("Preference-Applied") != "respond-async" {
			t.Errorf("%v %v", run, r.Header)
		}
	})
	t.Run("Prefer: wait=N", func(t *testing.T) {
		r := p.do("POST", "/v1/flows/4/runs", "ulf", `{"n":1}`, "Prefer", "wait=1")
		run := p.want(r, 202)
		if r.Header.Get("Preference-Applied") != "wait=1" {
			t.Errorf("%v", r.Header)
		}
		<-p.at
		p.gate <- struct{}{}
		if ended := p.want(p.do("GET", "/v1/runs/"+run["run_id"].(string)+"?wait=30", "ulf", ""), 200); ended["state"] != "succeeded" {
			t.Errorf("the run did not go on: %v", ended)
		}
	})
	t.Run("no preference, limit reached", func(t *testing.T) {
		r := p.do("POST", "/v1/flows/2/runs", "ulf", "")
		problem := p.want(r, 504)
		<-p.at
		id := r.Header.Get("Penstock-Run-Id")
		if problem["run_id"] != id || problem["instance"] != "/v1/runs/"+id || r.Header.Get("Link") != "</v1/runs/"+id+`>; rel="status"` {
			t.Errorf("%v %v", problem, r.Header)
		}
		if run := p.want(p.do("GET", "/v1/runs/"+id+"?wait=30", "ulf", ""), 200); run["state"] != "timed_out" {
			t.Errorf("the run is %v", run["state"])
		}
	})
	t.Run("caller disconnects", func(t *testing.T) {
		ctx, leave := context.WithCancel(t.Context())
		request := p.request("POST", "/v1/flows/4/runs", "ulf", `{"n":1}`).WithContext(ctx)
		left := make(chan error, 1)
		go func() {
			w, err := http.DefaultClient.Do(request)
			if err == nil {
				_ = w.Body.Close()
			}
			left <- err
		}()
		<-p.at
		leave()
		if err := <-left; err == nil {
			t.Error("the caller was answered")
		}
		open := p.want(p.do("GET", `/v1/runs?filter=state+eq+"running"`, "ulf", ""), 200)["items"].([]any)
		if len(open) != 1 {
			t.Fatalf("open runs %v", open)
		}
		id := open[0].(map[string]any)["run_id"].(string)
		p.gate <- struct{}{}
		if run := p.want(p.do("GET", "/v1/runs/"+id+"?wait=30", "ulf", ""), 200); run["state"] != "succeeded" || run["output"] == nil {
			t.Errorf("run %v", run)
		}
	})
	t.Run("Idempotency-Key", func(t *testing.T) {
		first := p.do("POST", "/v1/flows/1/runs", "ulf", `{"n":1}`, "Idempotency-Key", `"a key"`)
		again := p.do("POST", "/v1/flows/1/runs", "ulf", `{"n":1}`, "Idempotency-Key", `a key`)
		if first.StatusCode != 200 || again.body != first.body || again.Header.Get("Idempotent-Replayed") != "true" || first.Header.Get("Idempotent-Replayed") != "" {
			t.Errorf("%s, then %s %v", first.body, again.body, again.Header)
		}
		p.want(p.do("POST", "/v1/flows/1/runs", "ulf", `{"n":2}`, "Idempotency-Key", `a key`), 422)
		if other := p.do("POST", "/v1/flows/1/runs", "ann", `{"n":2}`, "Idempotency-Key", `a key`); other.StatusCode != 200 {
			t.Errorf("somebody else's key: %d %s", other.StatusCode, other.body)
		}
	})
}
