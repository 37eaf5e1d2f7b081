package native_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
)

func TestRunFlow(t *testing.T) {
	t.Parallel()
	for _, ref := range []string{"69", "upsert"} {
		d := apitest.NewFakeAPI(t)
		w := d.Post("/v1/flows/"+ref+"/runs", "{\"a\": 1,\n\"b\":[]} ")
		if want := `{"success":true,"run_id":"` + apitest.RunID(0) + `","output":` + string(d.Queue.Result.Output) + `}`; w.Code != 200 || w.Body.String() != want {
			t.Errorf("%d %s, want %s", w.Code, w.Body, want)
		}
		want := queue.Submission{Spec: queue.Spec{
			Flow: 69, Version: "v69", Queue: "default", Principal: "key:" + apitest.KeyID,
			Event: []byte("{\"a\": 1,\n\"b\":[]} "), Accepted: apitest.Epoch, Limit: time.Minute, Sync: true,
		}}
		if diff := cmp.Diff(want, d.WantOne()); diff != "" {
			t.Error(diff)
		}
		if w.Header().Get(httpx.HeaderRun) != apitest.RunID(0) || w.Header().Get("Server-Timing") == "" {
			t.Errorf("header %v", w.Header())
		}
	}
}

func TestRunFlowWithoutEvent(t *testing.T) {
	t.Parallel()
	d := apitest.NewFakeAPI(t)
	if w := d.Post("/v1/flows/70/runs", ""); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if s := d.WantOne(); len(s.Event) != 0 {
		t.Errorf("event %q", s.Event)
	}
}

// A run may take longer than its caller waits, but not a run of SmartSYNC, whose document limits the execution.
func TestTheLimitOfARun(t *testing.T) {
	t.Parallel()
	d := apitest.NewFakeAPI(t)
	d.Flows[0].Limit = time.Hour
	d.Post("/v1/flows/69/runs", "")
	d.Call(apitest.Call{})
	d.Post("/v1/flows/69/runs", "", "Prefer", "respond-async")
	var limits []time.Duration
	for _, s := range d.Queue.Submitted() {
		limits = append(limits, s.Limit)
	}
	if diff := cmp.Diff([]time.Duration{time.Hour, time.Minute, time.Hour}, limits); diff != "" {
		t.Error(diff)
	}
}

func TestRunFlowFailed(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		result queue.Result
		status int
		code   string
		detail string
	}{
		{"a step failed", queue.Result{State: queue.Failed, Error: &flows.Error{Code: flows.CodeStepFailed, Step: "find", Message: "HTTP 500"}}, 422, "step_failed", "the step failed"},
		{"a fail step chose the status", queue.Result{State: queue.Failed, Error: &flows.Error{Code: flows.CodeFail, Step: "find", Message: "gone", Status: 410}}, 410, "fail", "gone"},
		{"a status beyond failure", queue.Result{State: queue.Failed, Error: &flows.Error{Code: flows.CodeFail, Step: "find", Message: "ok?", Status: 200}}, 422, "fail", "ok?"},
		{"a status of the log's own", queue.Result{State: queue.Failed, Error: &flows.Error{Code: flows.CodeFail, Step: "find", Message: "odd", Status: 499}}, 499, "fail", "odd"},
		{"limit reached", queue.Result{State: queue.TimedOut}, 504, "timeout", "execution limit"},
		{"cancelled", queue.Result{State: queue.Cancelled}, 422, "cancelled", "cancelled"},
		{"ours", queue.Result{State: queue.Failed, Error: &flows.Error{Code: flows.CodeInternal, Message: "dial 10.0.0.1"}}, 500, "internal", "a reason of ours"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := apitest.NewFakeAPI(t)
			d.Queue.Result = tc.result
			w := d.Post("/v1/flows/69/runs", "")
			got := d.WantProblem(w, tc.status, tc.code, tc.detail)
			if got.RunID != apitest.RunID(0) || got.Instance != "/v1/runs/"+apitest.RunID(0) || w.Header().Get("Link") != "</v1/runs/"+apitest.RunID(0)+`>; rel="status"` {
				t.Errorf("problem %+v, header %v", got, w.Header())
			}
			if e := tc.result.Error; e != nil && got.Step != e.Step {
				t.Errorf("step %q", got.Step)
			}
		})
	}
}

func TestRunFlowOverdue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := apitest.NewFakeAPI(t)
		d.Queue.Hold = true
		begin := time.Now()
		w := d.Post("/v1/flows/70/runs", "")
		if waited := time.Since(begin); waited != 10*time.Second+runner.AnswerGrace {
			t.Errorf("answered after %v", waited)
		}
		d.WantProblem(w, 504, "timeout", "execution limit")
	})
}

func TestPrefer(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, prefer, applied string
		hold                  bool
		status                int
		waited                time.Duration
	}{
		{"respond-async", "respond-async", "respond-async", true, 202, 0},
		{"respond-async, although it is done", "respond-async", "respond-async", false, 202, 0},
		{"wait, done in time", "wait=3", "wait=3", false, 200, 0},
		{"wait, not done", "wait=3", "wait=3", true, 202, 3 * time.Second},
		{"wait longer than the limit", "wait=600", "wait=600", true, 202, 10 * time.Second},
		{"wait=0", "wait=0", "wait=0", true, 202, 0},
		{"both", "respond-async, wait=2", "wait=2", true, 202, 2 * time.Second},
		{"both, the other way round", "wait=2, respond-async", "wait=2", true, 202, 2 * time.Second},
		{"among others", `return=minimal; a="b", Respond-Async;x=1`, "respond-async", true, 202, 0},
		{"unreadable: as if it were not there", "wait=soon", "", false, 200, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := apitest.NewFakeAPI(t)
				d.Queue.Hold = tc.hold
				begin := time.Now()
				w := d.Post("/v1/flows/70/runs", `{}`, "Prefer", tc.prefer)
				if waited := time.Since(begin); waited != tc.waited || w.Code != tc.status {
					t.Errorf("%d after %v: %s", w.Code, waited, w.Body)
				}
				if got := w.Header().Get("Preference-Applied"); got != tc.applied {
					t.Errorf("Preference-Applied %q", got)
				}
				if w.Code == 202 && (w.Header().Get("Location") != "/v1/runs/"+apitest.RunID(0) || !strings.Contains(w.Body.String(), apitest.RunID(0))) {
					t.Errorf("no handle: %v %s", w.Header(), w.Body)
				}
				if s := d.WantOne(); s.Sync != (tc.applied == "") {
					t.Errorf("Sync is %v", s.Sync)
				}
			})
		})
	}
}

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	d := apitest.NewFakeAPI(t)
	first := d.Post("/v1/flows/69/runs", `{"a":1}`, "Idempotency-Key", `"k \"1\""`)
	if first.Header().Get("Idempotent-Replayed") != "" {
		t.Error("the first is a replay")
	}
	for _, spelling := range []string{`"k \"1\""`, ` k "1" `} {
		again := d.Post("/v1/flows/69/runs", `{"a":1}`, "Idempotency-Key", spelling)
		if again.Code != 200 || again.Body.String() != first.Body.String() || again.Header().Get("Idempotent-Replayed") != "true" {
			t.Errorf("again: %d %s %v", again.Code, again.Body, again.Header())
		}
	}
	g := d.WantOne().IdempotencyKey
	if g.Reject || g.Window != 24*time.Hour || g.Fingerprint == "" {
		t.Errorf("guard %+v", g)
	}
	d.WantProblem(d.Post("/v1/flows/69/runs", `{"a":2}`, "Idempotency-Key", `"k \"1\""`), 422, "idempotency_mismatch", "another payload")
	d.WantOne()
	d.Post("/v1/flows/70/runs", `{"a":1}`, "Idempotency-Key", `"k \"1\""`)
	d.Post("/v1/flows/69/runs", `{"a":1}`, "Idempotency-Key", "k2")
	d.Post("/v1/flows/69/runs", `{"a":1}`)
	if n := len(d.Queue.Submitted()); n != 4 {
		t.Errorf("%d runs, want one for each flow, key and none", n)
	}
}

func TestBadIdempotencyKey(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"", `""`, `"a`, `"a"b"`, `"a\b"`, `"a\"`, "é", "a\tb", strings.Repeat("x", 256)} {
		d := apitest.NewFakeAPI(t)
		d.WantProblem(d.Post("/v1/flows/69/runs", "", "Idempotency-Key", key), 400, "bad_idempotency_key", "1 to 255")
		if len(d.Queue.Submitted()) != 0 {
			t.Errorf("%q was accepted", key)
		}
	}
	d := apitest.NewFakeAPI(t)
	d.WantProblem(d.Post("/v1/flows/69/runs", "", "Idempotency-Key", "a", "Idempotency-Key", "a"), 400, "bad_idempotency_key", "one value")
	if w := d.Post("/v1/flows/69/runs", "", "Idempotency-Key", strings.Repeat("x", 255)); w.Code != 200 {
		t.Errorf("the longest key: %s", w.Body)
	}
}

func TestRunFlowRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, path, body string
		header           []string
		status           int
		code             string
	}{
		{"unknown flow", "/v1/flows/4711/runs", "", nil, 404, "not_found"},
		{"flow of others", "/v1/flows/71/runs", "", nil, 404, "not_found"},
		{"bad JSON", "/v1/flows/69/runs", `{"a":1,"a":2}`, nil, 400, "bad_json"},
		{"too large", "/v1/flows/69/runs", strings.Repeat(" ", 1<<20+1), nil, 413, "too_large"},
		{"two types", "/v1/flows/69/runs", `{}`, []string{"Content-Type", "text/plain"}, 400, "bad_content_type"},
		{"unknown encoding", "/v1/flows/69/runs", `{}`, []string{"Content-Encoding", "compress"}, 415, "unsupported_media_type"},
		{"not in its encoding", "/v1/flows/69/runs", `{}`, []string{"Content-Encoding", "gzip"}, 400, "bad_coding"},
		{"undeclared parameter", "/v1/flows/69/runs?foo=1", "", nil, 400, "undeclared_parameters"},
		{"parameter that the signature does not cover", "/v1/flows/69/runs?debug=1", "", nil, 400, "unsigned_parameters"},
		{"bad query", "/v1/flows/69/runs?debug=1;x", "", nil, 400, "bad_query"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := apitest.NewFakeAPI(t)
			d.WantProblem(d.Post(tc.path, tc.body, tc.header...), tc.status, tc.code, "")
			if len(d.Queue.Submitted()) != 0 {
				t.Error("a run was submitted")
			}
		})
	}
}

func TestNoCredentials(t *testing.T) {
	t.Parallel()
	d := apitest.NewFakeAPI(t)
	d.WantProblem(d.Do(httptest.NewRequest("POST", "/v1/flows/69/runs", nil)), 401, "unauthorized", "credentials are required")
	r := httptest.NewRequest("POST", "/v1/flows/69/runs", nil)
	d.Sign(r, "another body")
	d.WantProblem(d.Do(r), 401, "unauthorized", "unknown key or wrong signature")
	d.Keys[apitest.KeyID].APIAccess = false
	d.WantProblem(d.Post("/v1/flows/69/runs", ""), 403, "forbidden", "switched off")
	if len(d.Queue.Submitted()) != 0 {
		t.Error("a run was submitted")
	}
}

func record(id, principal string, state queue.State) queue.Record {
	return queue.Record{
		Spec:    queue.Spec{ID: id, Flow: 69, Version: "v69", Queue: "default", Principal: principal, Accepted: apitest.Epoch},
		Result:  queue.Result{State: state, Output: []byte(`[{"a": "<1>"}]`), Times: queue.Times{Accepted: apitest.Epoch, Started: apitest.Epoch.Add(time.Second)}},
		Attempt: 1,
	}
}

func TestReadRun(t *testing.T) {
	t.Parallel()
	d := apitest.NewFakeAPI(t)
	d.Queue.SetRecord(record("r1", "key:"+apitest.KeyID, queue.Succeeded))
	w := d.Get("/v1/runs/r1")
	const want = `{"run_id":"r1","flow":69,"version":"v69","queue":"default","state":"succeeded","principal":"key:sdfjh435hh345454","attempt":1,"created_at":"2026-11-21T16:53:20Z","started_at":"2026-11-21T16:53:21Z","output":[{"a": "<1>"}]}`
	got := strings.ReplaceAll(w.Body.String(), apitest.Epoch.Format(time.RFC3339), "2026-11-21T16:53:20Z")
	got = strings.ReplaceAll(got, apitest.Epoch.Add(time.Second).Format(time.RFC3339), "2026-11-21T16:53:21Z")
	if w.Code != 200 || got != want || w.Header().Get(httpx.HeaderRun) != "r1" {
		t.Errorf("%d %s\nwant %s", w.Code, got, want)
	}
}

func TestReadRunOfOthers(t *testing.T) {
	t.Parallel()
	d := apitest.NewFakeAPI(t)
	d.Queue.SetRecord(record("r1", "key:other", queue.Succeeded))
	theirs := d.Get("/v1/runs/r1")
	if strings.Contains(theirs.Body.String(), "r1") {
		t.Errorf("says too much: %s", theirs.Body)
	}
	d.WantProblem(theirs, 404, "not_found", "no such run")
	d.WantProblem(d.Get("/v1/runs/r2"), 404, "not_found", "no such run")
}

func TestReadRunBadParameters(t *testing.T) {
	t.Parallel()
	d := apitest.NewFakeAPI(t)
	d.Queue.SetRecord(record("r1", "key:"+apitest.KeyID, queue.Succeeded))
	for _, query := range []string{"wait=soon", "wait=-1", "wait=", "foo=1", "wait=1&foo=1", "wait=1&wait=1"} {
		d.WantProblem(d.Get("/v1/runs/r1?"+query), 400, "bad_query", "")
	}
}

func TestLongPoll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := apitest.NewFakeAPI(t)
		d.Queue.SetRecord(record("r1", "key:"+apitest.KeyID, queue.Running))
		begin := time.Now()
		if w := d.Get("/v1/runs/r1?wait=5"); w.Code != 200 || !strings.Contains(w.Body.String(), `"state":"running"`) || strings.Contains(w.Body.String(), "output") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if waited := time.Since(begin); waited != 5*time.Second {
			t.Errorf("waited %v", waited)
		}
		time.AfterFunc(3*time.Second, func() { d.Queue.SetRecord(record("r1", "key:"+apitest.KeyID, queue.Succeeded)) })
		begin = time.Now()
		if w := d.Get("/v1/runs/r1?wait=60"); !strings.Contains(w.Body.String(), `"state":"succeeded"`) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if waited := time.Since(begin); waited < 3*time.Second || waited > 4*time.Second {
			t.Errorf("waited %v for an end after 3 s", waited)
		}
	})
}
