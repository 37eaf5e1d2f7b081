package api_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/penstock/penstock/api/apitest"
)

// The rows of section 2 of the contracts, by their names, on the complete product.
func TestNativeDoor(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, "trigger: webhook\nsteps: [{set: {n: '${ .n }'}}]")
	p.Deploy(2, "trigger: webhook\nrun: {limit: 1s}\nsteps: [{gate: {}}]")
	p.Deploy(3, "trigger: webhook\nsteps: [{name: check, fail: {message: no such person, status: 410}}]")
	p.Deploy(4, apitest.FlowWaits)

	t.Run("default", func(t *testing.T) {
		r := p.Do("POST", "/v1/flows/1/runs", "ulf", `{"n":1}`)
		run := p.Want(r, 200)
		if run["success"] != true || run["run_id"] != r.Header.Get("Penstock-Run-Id") || !strings.Contains(r.Text, `"output":[{"n":1}]`) {
			t.Errorf("%s %v", r.Text, r.Header)
		}
		for _, span := range []string{"auth;dur=", "queue;dur=", "run;dur=", "reply;dur="} {
			if !strings.Contains(r.Header.Get("Server-Timing"), span) {
				t.Errorf("Server-Timing %q lacks %s", r.Header.Get("Server-Timing"), span)
			}
		}
	})
	t.Run("run failed", func(t *testing.T) {
		r := p.Do("POST", "/v1/flows/3/runs", "ulf", "")
		problem := p.Want(r, 410)
		if problem["step"] != "check" || problem["code"] != "fail" || problem["run_id"] != r.Header.Get("Penstock-Run-Id") || r.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%v %v", problem, r.Header)
		}
	})
	t.Run("Prefer: respond-async", func(t *testing.T) {
		r := p.Do("POST", "/v1/flows/1/runs", "ulf", `{"n":1}`, "Prefer", "respond-async")
		run := p.Want(r, 202)
		if r.Header.Get("Location") != "/v1/runs/"+run["run_id"].(string) || r.Header.Get("Preference-Applied") != "respond-async" {
			t.Errorf("%v %v", run, r.Header)
		}
	})
	t.Run("Prefer: wait=N", func(t *testing.T) {
		r := p.Do("POST", "/v1/flows/4/runs", "ulf", `{"n":1}`, "Prefer", "wait=1")
		run := p.Want(r, 202)
		if r.Header.Get("Preference-Applied") != "wait=1" {
			t.Errorf("%v", r.Header)
		}
		<-p.At
		p.Gate <- struct{}{}
		if ended := p.Want(p.Do("GET", "/v1/runs/"+run["run_id"].(string)+"?wait=30", "ulf", ""), 200); ended["state"] != "succeeded" {
			t.Errorf("the run did not go on: %v", ended)
		}
	})
	t.Run("no preference, limit reached", func(t *testing.T) {
		r := p.Do("POST", "/v1/flows/2/runs", "ulf", "")
		problem := p.Want(r, 504)
		<-p.At
		id := r.Header.Get("Penstock-Run-Id")
		if problem["run_id"] != id || problem["instance"] != "/v1/runs/"+id || r.Header.Get("Link") != "</v1/runs/"+id+`>; rel="status"` {
			t.Errorf("%v %v", problem, r.Header)
		}
		if run := p.Want(p.Do("GET", "/v1/runs/"+id+"?wait=30", "ulf", ""), 200); run["state"] != "timed_out" {
			t.Errorf("the run is %v", run["state"])
		}
	})
	t.Run("caller disconnects", func(t *testing.T) {
		ctx, leave := context.WithCancel(t.Context())
		request := p.Request("POST", "/v1/flows/4/runs", "ulf", `{"n":1}`).WithContext(ctx)
		left := make(chan error, 1)
		go func() {
			w, err := http.DefaultClient.Do(request)
			if err == nil {
				_ = w.Body.Close()
			}
			left <- err
		}()
		<-p.At
		leave()
		if err := <-left; err == nil {
			t.Error("the caller was answered")
		}
		open := p.Want(p.Do("GET", `/v1/runs?filter=state+eq+"running"`, "ulf", ""), 200)["items"].([]any)
		if len(open) != 1 {
			t.Fatalf("open runs %v", open)
		}
		id := open[0].(map[string]any)["run_id"].(string)
		p.Gate <- struct{}{}
		if run := p.Want(p.Do("GET", "/v1/runs/"+id+"?wait=30", "ulf", ""), 200); run["state"] != "succeeded" || run["output"] == nil {
			t.Errorf("run %v", run)
		}
	})
	t.Run("Idempotency-Key", func(t *testing.T) {
		first := p.Do("POST", "/v1/flows/1/runs", "ulf", `{"n":1}`, "Idempotency-Key", `"a key"`)
		again := p.Do("POST", "/v1/flows/1/runs", "ulf", `{"n":1}`, "Idempotency-Key", `a key`)
		if first.StatusCode != 200 || again.Text != first.Text || again.Header.Get("Idempotent-Replayed") != "true" || first.Header.Get("Idempotent-Replayed") != "" {
			t.Errorf("%s, then %s %v", first.Text, again.Text, again.Header)
		}
		p.Want(p.Do("POST", "/v1/flows/1/runs", "ulf", `{"n":2}`, "Idempotency-Key", `a key`), 422)
		if other := p.Do("POST", "/v1/flows/1/runs", "ann", `{"n":2}`, "Idempotency-Key", `a key`); other.StatusCode != 200 {
			t.Errorf("somebody else's key: %d %s", other.StatusCode, other.Text)
		}
	})
}
