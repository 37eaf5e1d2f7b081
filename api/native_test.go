package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
)

// post signs and sends a request to the native door.
func (d *door) post(path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	d.sign(r, body)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return d.do(r)
}

func (d *door) get(path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", path, nil)
	d.sign(r, "")
	return d.do(r)
}

func (d *door) sign(r *http.Request, body string) {
	r.Header.Set(auth.HeaderKey, keyID)
	r.Header.Set(auth.HeaderSignature, auth.Sign("1795280000", []byte(body), secret))
}

// wantProblem checks a whole problem document.
func (d *door) wantProblem(w *httptest.ResponseRecorder, status int, code, detail string) httpx.Problem {
	d.t.Helper()
	var got httpx.Problem
	dec := json.NewDecoder(w.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&got); err != nil {
		d.t.Fatalf("problem: %v", err)
	}
	if w.Code != status || got.Status != status || got.Code != code || !strings.Contains(got.Detail, detail) {
		d.t.Errorf("%d %+v, want %d %s %q", w.Code, got, status, code, detail)
	}
	if got.Type != "/docs#problem-"+code || got.Title != http.StatusText(status) || got.RequestID != w.Header().Get("X-Request-Id") || got.RequestID == "" {
		d.t.Errorf("problem %+v", got)
	}
	if w.Header().Get("Content-Type") != "application/problem+json" {
		d.t.Errorf("Content-Type %q", w.Header().Get("Content-Type"))
	}
	if challenge := w.Header().Values("WWW-Authenticate"); (status == 401) != (len(challenge) == 2) {
		d.t.Errorf("WWW-Authenticate %q", challenge)
	}
	return got
}

func TestRunFlow(t *testing.T) {
	t.Parallel()
	for _, ref := range []string{"69", "upsert"} {
		d := newDoor(t)
		w := d.post("/v1/flows/"+ref+"/runs", "{\"a\": 1,\n\"b\":[]} ")
		if want := `{"success":true,"run_id":"` + runID(0) + `","output":` + string(d.queue.result.Output) + `}`; w.Code != 200 || w.Body.String() != want {
			t.Errorf("%d %s, want %s", w.Code, w.Body, want)
		}
		want := queue.Submission{Spec: queue.Spec{
			Flow: 69, Version: "v69", Queue: "default", Principal: "key:" + keyID,
			Event: []byte("{\"a\": 1,\n\"b\":[]} "), Accepted: epoch, Limit: time.Minute, Sync: true,
		}}
		if diff := cmp.Diff(want, d.wantOne()); diff != "" {
			t.Error(diff)
		}
		if w.Header().Get(httpx.HeaderRun) != runID(0) || w.Header().Get("Server-Timing") == "" {
			t.Errorf("header %v", w.Header())
		}
	}
}

func TestRunFlowWithoutEvent(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	if w := d.post("/v1/flows/70/runs", ""); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if s := d.wantOne(); len(s.Event) != 0 {
		t.Errorf("event %q", s.Event)
	}
}

func TestNobodyWaitsLongerThanAMinute(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	d.flows[0].Limit = time.Hour
	d.post("/v1/flows/69/runs", "")
	d.call(call{})
	d.post("/v1/flows/69/runs", "", "Prefer", "respond-async")
	var limits []time.Duration
	for _, s := range d.queue.submitted() {
		limits = append(limits, s.Limit)
	}
	if diff := cmp.Diff([]time.Duration{time.Minute, time.Minute, time.Hour}, limits); diff != "" {
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
		{"a step failed", queue.Result{State: queue.Failed, Error: &flows.Error{Code: flows.CodeStepFailed, Step: "find", Message: "HTTP 500"}}, 422, "step_failed", "HTTP 500"},
		{"a fail step chose the status", queue.Result{State: queue.Failed, Error: &flows.Error{Code: flows.CodeFail, Step: "find", Message: "gone", Status: 410}}, 410, "fail", "gone"},
		{"a status beyond failure", queue.Result{State: queue.Failed, Error: &flows.Error{Code: flows.CodeFail, Step: "find", Message: "ok?", Status: 200}}, 422, "fail", "ok?"},
		{"a status of the log's own", queue.Result{State: queue.Failed, Error: &flows.Error{Code: flows.CodeFail, Step: "find", Message: "odd", Status: 499}}, 499, "fail", "odd"},
		{"limit reached", queue.Result{State: queue.TimedOut}, 504, "timeout", "execution limit"},
		{"cancelled", queue.Result{State: queue.Cancelled}, 422, "cancelled", "cancelled"},
		{"ours", queue.Result{State: queue.Failed, Error: &flows.Error{Code: flows.CodeInternal, Message: "dial 10.0.0.1"}}, 500, "internal", "a reason of ours"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := newDoor(t)
			d.queue.result = tc.result
			w := d.post("/v1/flows/69/runs", "")
			got := d.wantProblem(w, tc.status, tc.code, tc.detail)
			if got.RunID != runID(0) || got.Instance != "/v1/runs/"+runID(0) || w.Header().Get("Link") != "</v1/runs/"+runID(0)+`>; rel="status"` {
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
		d := newDoor(t)
		d.queue.hold = true
		begin := time.Now()
		w := d.post("/v1/flows/70/runs", "")
		if waited := time.Since(begin); waited != 10*time.Second+runner.AnswerGrace {
			t.Errorf("answered after %v", waited)
		}
		d.wantProblem(w, 504, "timeout", "execution limit")
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
				d := newDoor(t)
				d.queue.hold = tc.hold
				begin := time.Now()
				w := d.post("/v1/flows/70/runs", `{}`, "Prefer", tc.prefer)
				if waited := time.Since(begin); waited != tc.waited || w.Code != tc.status {
					t.Errorf("%d after %v: %s", w.Code, waited, w.Body)
				}
				if got := w.Header().Get("Preference-Applied"); got != tc.applied {
					t.Errorf("Preference-Applied %q", got)
				}
				if w.Code == 202 && (w.Header().Get("Location") != "/v1/runs/"+runID(0) || !strings.Contains(w.Body.String(), runID(0))) {
					t.Errorf("no handle: %v %s", w.Header(), w.Body)
				}
				if s := d.wantOne(); s.Sync != (tc.applied == "") {
					t.Errorf("Sync is %v", s.Sync)
				}
			})
		})
	}
}

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	first := d.post("/v1/flows/69/runs", `{"a":1}`, "Idempotency-Key", `"k \"1\""`)
	if first.Header().Get("Idempotent-Replayed") != "" {
		t.Error("the first is a replay")
	}
	for _, spelling := range []string{`"k \"1\""`, ` k "1" `} {
		again := d.post("/v1/flows/69/runs", `{"a":1}`, "Idempotency-Key", spelling)
		if again.Code != 200 || again.Body.String() != first.Body.String() || again.Header().Get("Idempotent-Replayed") != "true" {
			t.Errorf("again: %d %s %v", again.Code, again.Body, again.Header())
		}
	}
	g := d.wantOne().Guard
	if g.Refuse || g.Window != 24*time.Hour || g.Fingerprint == "" {
		t.Errorf("guard %+v", g)
	}
	d.wantProblem(d.post("/v1/flows/69/runs", `{"a":2}`, "Idempotency-Key", `"k \"1\""`), 422, "idempotency_mismatch", "another payload")
	d.wantOne()
	d.post("/v1/flows/70/runs", `{"a":1}`, "Idempotency-Key", `"k \"1\""`)
	d.post("/v1/flows/69/runs", `{"a":1}`, "Idempotency-Key", "k2")
	d.post("/v1/flows/69/runs", `{"a":1}`)
	if n := len(d.queue.submitted()); n != 4 {
		t.Errorf("%d runs, want one for each flow, key and none", n)
	}
}

func TestBadIdempotencyKey(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"", `""`, `"a`, `"a"b"`, `"a\b"`, `"a\"`, "é", "a\tb", strings.Repeat("x", 256)} {
		d := newDoor(t)
		d.wantProblem(d.post("/v1/flows/69/runs", "", "Idempotency-Key", key), 400, "bad_idempotency_key", "1 to 255")
		if len(d.queue.submitted()) != 0 {
			t.Errorf("%q was accepted", key)
		}
	}
	d := newDoor(t)
	d.wantProblem(d.post("/v1/flows/69/runs", "", "Idempotency-Key", "a", "Idempotency-Key", "a"), 400, "bad_idempotency_key", "one value")
	if w := d.post("/v1/flows/69/runs", "", "Idempotency-Key", strings.Repeat("x", 255)); w.Code != 200 {
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
		{"white space", "/v1/flows/69/runs", ` `, nil, 400, "bad_json"},
		{"too large", "/v1/flows/69/runs", strings.Repeat(" ", 1<<20+1), nil, 413, "too_large"},
		{"wrong type", "/v1/flows/69/runs", `{}`, []string{"Content-Type", "text/plain"}, 415, "unsupported_media_type"},
		{"encoded", "/v1/flows/69/runs", `{}`, []string{"Content-Encoding", "gzip"}, 415, "unsupported_media_type"},
		{"undeclared parameter", "/v1/flows/69/runs?foo=1", "", nil, 400, "undeclared_parameters"},
		{"parameter that the signature does not cover", "/v1/flows/69/runs?debug=1", "", nil, 400, "unsigned_parameters"},
		{"bad query", "/v1/flows/69/runs?debug=1;x", "", nil, 400, "bad_query"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := newDoor(t)
			d.wantProblem(d.post(tc.path, tc.body, tc.header...), tc.status, tc.code, "")
			if len(d.queue.submitted()) != 0 {
				t.Error("a run was submitted")
			}
		})
	}
}

func TestNoCredentials(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	d.wantProblem(d.do(httptest.NewRequest("POST", "/v1/flows/69/runs", nil)), 401, "unauthorized", "credentials are required")
	r := httptest.NewRequest("POST", "/v1/flows/69/runs", nil)
	d.sign(r, "another body")
	d.wantProblem(d.do(r), 401, "unauthorized", "unknown key or wrong signature")
	d.keys[keyID].APIAccess = false
	d.wantProblem(d.post("/v1/flows/69/runs", ""), 403, "forbidden", "switched off")
	if len(d.queue.submitted()) != 0 {
		t.Error("a run was submitted")
	}
}

func record(id, principal string, state queue.State) queue.Record {
	return queue.Record{
		Spec:    queue.Spec{ID: id, Flow: 69, Version: "v69", Queue: "default", Principal: principal, Accepted: epoch},
		Result:  queue.Result{State: state, Output: []byte(`[{"a": "<1>"}]`), Times: queue.Times{Accepted: epoch, Started: epoch.Add(time.Second)}},
		Attempt: 1,
	}
}

func TestReadRun(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	d.queue.setRecord(record("r1", "key:"+keyID, queue.Succeeded))
	w := d.get("/v1/runs/r1")
	const want = `{"run_id":"r1","flow":69,"version":"v69","queue":"default","state":"succeeded","principal":"key:sdfjh435hh345454","attempt":1,"created_at":"2026-11-21T16:53:20Z","started_at":"2026-11-21T16:53:21Z","output":[{"a": "<1>"}]}`
	got := strings.ReplaceAll(w.Body.String(), epoch.Format(time.RFC3339), "2026-11-21T16:53:20Z")
	got = strings.ReplaceAll(got, epoch.Add(time.Second).Format(time.RFC3339), "2026-11-21T16:53:21Z")
	if w.Code != 200 || got != want || w.Header().Get(httpx.HeaderRun) != "r1" {
		t.Errorf("%d %s\nwant %s", w.Code, got, want)
	}
}

func TestReadRunOfOthers(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	d.queue.setRecord(record("r1", "key:other", queue.Succeeded))
	theirs := d.get("/v1/runs/r1")
	if strings.Contains(theirs.Body.String(), "r1") {
		t.Errorf("says too much: %s", theirs.Body)
	}
	d.wantProblem(theirs, 404, "not_found", "no such run")
	d.wantProblem(d.get("/v1/runs/r2"), 404, "not_found", "no such run")
}

func TestReadRunBadParameters(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	d.queue.setRecord(record("r1", "key:"+keyID, queue.Succeeded))
	for _, query := range []string{"wait=soon", "wait=-1", "wait=", "foo=1", "wait=1&foo=1", "wait=1&wait=1"} {
		d.wantProblem(d.get("/v1/runs/r1?"+query), 400, "bad_query", "")
	}
}

func TestLongPoll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t)
		d.queue.setRecord(record("r1", "key:"+keyID, queue.Running))
		begin := time.Now()
		if w := d.get("/v1/runs/r1?wait=5"); w.Code != 200 || !strings.Contains(w.Body.String(), `"state":"running"`) || strings.Contains(w.Body.String(), "output") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if waited := time.Since(begin); waited != 5*time.Second {
			t.Errorf("waited %v", waited)
		}
		time.AfterFunc(3*time.Second, func() { d.queue.setRecord(record("r1", "key:"+keyID, queue.Succeeded)) })
		begin = time.Now()
		if w := d.get("/v1/runs/r1?wait=60"); !strings.Contains(w.Body.String(), `"state":"succeeded"`) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if waited := time.Since(begin); waited < 3*time.Second || waited > 4*time.Second {
			t.Errorf("waited %v for an end after 3 s", waited)
		}
	})
}
