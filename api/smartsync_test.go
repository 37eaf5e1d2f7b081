package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/limits"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

func TestGood(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/apis/execute.php", "/apis/execute"} {
		d := newDoor(t)
		w := d.call(call{path: path, body: "\r\n {\"a\": 1,\n \"b\": [1,2] }\n ", params: map[string]string{"debug": "1"},
			header: http.Header{"X-Event-Id": {"e1"}, "X-Secret": {"s"}}})
		if w.Code != http.StatusOK {
			t.Fatalf("status %d: %s", w.Code, w.Body)
		}
		if want := `{"success":true,"output":` + string(d.queue.result.Output) + `}`; w.Body.String() != want {
			t.Errorf("body %s, want the stored bytes %s", w.Body, want)
		}
		want := queue.Submission{
			Spec: queue.Spec{
				Flow: 69, Version: "v69", Queue: "default", Principal: "key:" + keyID,
				Event: []byte(`{"a": 1, "b": [1,2] }`), Params: map[string]string{"debug": "1"},
				Headers: map[string]string{"x-event-id": "e1"}, Accepted: epoch, Limit: time.Minute, Sync: true,
			},
			Guard: &queue.Guard{Key: d.wantOne().Guard.Key, Window: 601 * time.Second, Refuse: true},
		}
		if diff := cmp.Diff(want, d.wantOne()); diff != "" {
			t.Error(diff)
		}
		wantHeader := http.Header{
			"Content-Type": {"application/json"}, "Content-Length": {w.Header().Get("Content-Length")}, "Cache-Control": {"no-store"},
			"X-Content-Type-Options": {"nosniff"}, "Penstock-Run-Id": {runID(0)}, "X-Request-Id": {w.Header().Get("X-Request-Id")},
			"Server-Timing": {"auth;dur=0.000, queue;dur=2.000, run;dur=3.000, reply;dur=0.000"},
		}
		if diff := cmp.Diff(wantHeader, w.Header()); diff != "" {
			t.Error(diff)
		}
		if d.queue.closed != 1 {
			t.Errorf("%d tickets were let go of, want 1", d.queue.closed)
		}
	}
}

func TestGoodWithoutData(t *testing.T) {
	t.Parallel()
	for name, k := range map[string]call{
		"GET":                            {},
		"GET of a flow without webhook":  {params: map[string]string{"flow": "70"}},
		"GET by slug":                    {params: map[string]string{"flow": "upsert"}},
		"POST without a body":            {method: http.MethodPost},
		"POST of white space":            {body: " \r\n\t", header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}},
		"POST without a body, no hook":   {method: http.MethodPost, params: map[string]string{"flow": "70"}},
		"upper-case check":               {check: strings.ToUpper(sign(map[string]string{"flow": "69", "key": keyID, "ts": "1795280000"}, "", "GET", ""))},
		"ts at the window's end":         {params: map[string]string{"ts": "1795279700"}},
		"ts at the window's other end":   {params: map[string]string{"ts": "1795280300"}},
		"Content-Length zero with a GET": {header: http.Header{"Content-Length": {"0"}}},
	} {
		d := newDoor(t)
		if w := d.call(k); w.Code != http.StatusOK {
			t.Errorf("%s: status %d: %s", name, w.Code, w.Body)
		}
		if s := d.wantOne(); len(s.Event) > 0 {
			t.Errorf("%s: event %q, want none", name, s.Event)
		}
	}
}

func TestOutputIsAlwaysAnArray(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	d.queue.result.Output = nil
	if w := d.call(call{}); w.Body.String() != `{"success":true,"output":[]}` {
		t.Errorf("body %s", w.Body)
	}
}

func TestRunFailed(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		result  queue.Result
		status  int
		message string
	}{
		{"a step failed", queue.Result{State: queue.Failed, Error: &flows.Error{Code: flows.CodeStepFailed, Step: "find", Message: "HTTP 500"}}, 400, "step find: HTTP 500"},
		{"a fail step chose message and status", queue.Result{State: queue.Failed, Error: &flows.Error{Code: flows.CodeFail, Step: "steps[1]", Message: "no such person", Status: 404}}, 400, "no such person"},
		{"a fail step chose a status of the log's own", queue.Result{State: queue.Failed, Error: &flows.Error{Code: flows.CodeFail, Message: "odd", Status: 499}}, 400, "odd"},
		{"hit its execution limit", queue.Result{State: queue.TimedOut}, 400, "execution limit"},
		{"hit its execution limit in a step", queue.Result{State: queue.TimedOut, Error: &flows.Error{Code: flows.CodeTimeout, Step: "find", Message: "too slow"}}, 400, "step find: too slow"},
		{"cancelled", queue.Result{State: queue.Cancelled}, 400, "cancelled"},
		{"crashed", queue.Result{State: queue.Failed, Error: &flows.Error{Code: flows.CodeCrashed, Message: "three workers were lost"}}, 400, "three workers"},
		{"for a reason of ours", queue.Result{State: queue.Failed, Error: &flows.Error{Code: flows.CodeInternal, Message: "dial 10.0.0.1"}}, 500, "a reason of ours"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := newDoor(t)
			d.queue.result = tc.result
			w := d.call(call{})
			got := d.wantEnvelope(w, tc.status, tc.message)
			if strings.Contains(got.Error.Msg, "dial") {
				t.Errorf("the message %q is for the log", got.Error.Msg)
			}
			if tc.name == "a fail step chose message and status" && got.Error.Msg != "no such person" {
				t.Errorf("message %q", got.Error.Msg)
			}
			if got.Error.RunID != runID(0) || w.Header().Get(httpx.HeaderRun) != runID(0) {
				t.Errorf("run id %q in the body, %q in the header", got.Error.RunID, w.Header().Get(httpx.HeaderRun))
			}
		})
	}
}

func TestResultOverdue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t, func(c *Config) { c.Now = time.Now })
		d.keys[keyID].Window = 100 * 365 * 24 * time.Hour // the bubble's clock starts in 2000
		d.queue.hold = true
		begin := time.Now()
		w := d.call(call{params: map[string]string{"flow": "70"}})
		if waited := time.Since(begin); waited != 10*time.Second+runner.AnswerGrace {
			t.Errorf("answered after %v, want the limit and %v", waited, runner.AnswerGrace)
		}
		if got := d.wantEnvelope(w, 400, "execution limit"); got.Error.RunID == "" {
			t.Error("no run id")
		}
	})
}

func TestUnknownKeyAndBadCheckAreOneAnswer(t *testing.T) {
	t.Parallel()
	var bodies []string
	for name, k := range map[string]call{
		"unknown key":               {params: map[string]string{"key": "nobody"}},
		"no key":                    {without: "key"},
		"bad check":                 {check: strings.Repeat("0", 32)},
		"check of another secret":   {secret: "x"},
		"check of a changed body":   {body: `{"a":2}`, check: sign(map[string]string{"flow": "69", "key": keyID, "ts": "1795280000"}, `{"a":1}`, "POST", "")},
		"check without the body":    {body: `{"a":2}`, check: sign(map[string]string{"flow": "69", "key": keyID, "ts": "1795280000"}, "", "POST", "")},
		"short check":               {check: "00"},
		"bad check, ts out of date": {check: strings.Repeat("0", 32), params: map[string]string{"ts": "1"}},
		"bad check, unknown flow":   {check: strings.Repeat("0", 32), params: map[string]string{"flow": "1"}},
		"bad check, bad JSON":       {check: strings.Repeat("0", 32), body: `{`},
		"bad check, not JSON":       {check: strings.Repeat("0", 32), body: `a=1`, header: http.Header{"Content-Type": {"text/plain"}}},
		"bad check, no webhook":     {check: strings.Repeat("0", 32), body: `{}`, params: map[string]string{"flow": "70"}},
		"bad check, undeclared":     {check: strings.Repeat("0", 32), params: map[string]string{"foo": "1"}},
	} {
		d := newDoor(t)
		w := d.call(k)
		bodies = append(bodies, w.Body.String())
		if len(w.Header().Values("WWW-Authenticate")) != 2 { // RFC 9110: every 401 says what would do
			t.Errorf("%s: header %v", name, w.Header())
		}
		d.wantFailure(w, 401, "unknown key or wrong check value")
		if bodies[0] != bodies[len(bodies)-1] {
			t.Errorf("%s: %s, others get %s", name, bodies[len(bodies)-1], bodies[0])
		}
	}
}

func TestNoCheck(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	d.wantFailure(d.do(httptest.NewRequest("GET", "/apis/execute?flow=69&ts=1795280000&key="+keyID, nil)), 401, "unknown key or wrong check value")
}

func TestAccessOffSaysNothingBeforeTheMatch(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	d.keys[keyID].APIAccess = false
	d.wantFailure(d.call(call{check: strings.Repeat("0", 32)}), 401, "unknown key or wrong check value")
}

func TestTimestamp(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ ts, message string }{
		{"1795279699", "301 s in the past"},
		{"1795280301", "301 s in the future"},
		{"9348579834", "in the future"},
		{"1795280000.0", "digits"},
		{"1795280000000", "digits"},
		{"", "digits"},
		{"now", "digits"},
	} {
		d := newDoor(t)
		d.wantFailure(d.call(call{params: map[string]string{"ts": tc.ts}}), 401, tc.message)
	}
	d := newDoor(t)
	d.wantFailure(d.call(call{without: "ts"}), 401, "digits")
	d = newDoor(t)
	d.keys[keyID].Window = 10 * time.Second
	d.wantFailure(d.call(call{params: map[string]string{"ts": "1795279989"}}), 401, "11 s in the past, the window is 10 s")
}

func TestPreviousSecret(t *testing.T) {
	t.Parallel()
	var counted meter
	d := newDoor(t, func(c *Config) { c.Meter = &counted })
	k := d.keys[keyID]
	k.Secret, k.Previous, k.PreviousUntil = "the new secret", secret, epoch.Add(time.Second)
	if w := d.call(call{}); w.Code != 200 {
		t.Errorf("during the overlap: %s", w.Body)
	}
	if w := d.call(call{secret: "the new secret"}); w.Code != 200 {
		t.Errorf("with the new secret: %s", w.Body)
	}
	k.PreviousUntil = epoch
	if w := d.call(call{params: map[string]string{"ts": "1795280001"}}); w.Code != 401 {
		t.Errorf("after the overlap: %s", w.Body)
	}
	if want := (meter{true, false}); !slices.Equal(counted, want) {
		t.Errorf("counted %v, want %v", counted, want)
	}
}

// meter notes whether calls were signed with the old secret.
type meter []bool

func (m *meter) Count(_ *store.Key, previous bool) { *m = append(*m, previous) }

func TestReplayed(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	if w := d.call(call{}); w.Code != 200 {
		t.Fatal(w.Body)
	}
	for name, k := range map[string]call{
		"same request":     {},
		"upper-case check": {check: strings.ToUpper(sign(map[string]string{"flow": "69", "key": keyID, "ts": "1795280000"}, "", "GET", ""))},
		"as a POST":        {method: http.MethodPost},
	} {
		w := d.call(k)
		if got := d.wantEnvelope(w, 401, "replayed"); got.Error.RunID != "" {
			t.Errorf("%s: run id %q", name, got.Error.RunID)
		}
	}
	d.wantOne()
	if w := d.call(call{params: map[string]string{"ts": "1795280001"}}); w.Code != 200 {
		t.Errorf("another check: %s", w.Body)
	}
}

func TestReplayGuardsAreApart(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	other := *d.keys[keyID]
	other.Key = "k2"
	d.keys["k2"] = &other
	d.call(call{})
	d.call(call{params: map[string]string{"key": "k2"}})
	all := d.queue.submitted()
	if len(all) != 2 || all[0].Guard.Key == all[1].Guard.Key {
		t.Errorf("submissions %+v", all)
	}
}

func TestAttach(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	d.keys[keyID].OnReplay = "attach"
	first, second := d.call(call{}), d.call(call{})
	if second.Code != 200 || second.Body.String() != first.Body.String() || second.Header().Get(httpx.HeaderRun) != runID(0) {
		t.Errorf("the second got %d %s of run %s, the first %s", second.Code, second.Body, second.Header().Get(httpx.HeaderRun), first.Body)
	}
	d.wantOne()
}

func TestAccessOff(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	d.keys[keyID].APIAccess = false
	d.wantFailure(d.call(call{}), 403, "switched off")
}

func TestUnknownAndForbiddenFlowAreOneAnswer(t *testing.T) {
	t.Parallel()
	var bodies []string
	for _, k := range []call{
		{params: map[string]string{"flow": "4711"}}, {params: map[string]string{"flow": "71"}}, {params: map[string]string{"flow": "other"}},
		{params: map[string]string{"flow": ""}}, {without: "flow"},
	} {
		d := newDoor(t)
		w := d.call(k)
		bodies = append(bodies, w.Body.String())
		d.wantFailure(w, 404, "no such flow")
		if bodies[len(bodies)-1] != bodies[0] {
			t.Errorf("%s, others get %s", bodies[len(bodies)-1], bodies[0])
		}
	}
}

func TestFlowDisabled(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	d.flows[0].Enabled = false
	if w := d.call(call{}); w.Code != 200 {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
	d.wantOne()
}

func TestDataForAFlowWithoutWebhook(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	d.wantFailure(d.call(call{body: `{}`, params: map[string]string{"flow": "70"}}), 400, "does not start with a webhook")
}

func TestGETWithABody(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	d.wantFailure(d.call(call{method: "GET", body: `{"a":1}`}), 400, "a GET has no body")
	r := call{method: "GET", body: `{"a":1}`}.request()
	r.ContentLength = -1 // chunked
	d.wantFailure(d.do(r), 400, "a GET has no body")
}

func TestBadBody(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, body string
		status     int
		message    string
	}{
		{"not JSON", `{"a":`, 400, "ends too early"},
		{"a form", `a=1`, 400, "JSON value is expected"},
		{"trailing data", `{} {}`, 400, "data after"},
		{"deeper than 64", strings.Repeat("[", 65) + strings.Repeat("]", 65), 400, "too deep"},
		{"duplicate member names", `{"a":1,"\u0061":2}`, 400, "duplicate member"},
		{"invalid UTF-8", "{\"a\":\"\xff\"}", 400, "UTF-8"},
		{"larger than the limit", `"` + strings.Repeat("x", 1<<20) + `"`, 413, "larger than 1048576 bytes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := newDoor(t)
			d.wantFailure(d.call(call{body: tc.body}), tc.status, tc.message)
			d = newDoor(t)
			r := call{body: tc.body}.request()
			r.ContentLength = -1 // chunked
			d.wantFailure(d.do(r), tc.status, tc.message)
		})
	}
}

func TestLargestBodyAndDepth(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`"` + strings.Repeat("x", 1<<20-2) + `"`,
		strings.Repeat("[", 64) + strings.Repeat("]", 64),
	} {
		d := newDoor(t)
		if w := d.call(call{body: body}); w.Code != 200 {
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
		if got := d.wantOne().Event; string(got) != body {
			t.Errorf("the event is not the body: %d bytes of %d", len(got), len(body))
		}
	}
}

func TestWhatWasSignedIsWhatRuns(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	if w := d.call(call{body: "\x00\x0b{\"n\":1\r\n2,\"s\":\"a\nb\",\"e\":\"\\r\\n\", \"big\":1e400}\r"}); w.Code != 200 {
		t.Fatal(w.Body)
	}
	if got, want := string(d.wantOne().Event), `{"n":12,"s":"ab","e":"\r\n", "big":1e400}`; got != want {
		t.Errorf("event %s, want %s", got, want)
	}
}

func TestMediaType(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		header http.Header
		status int
	}{
		{"json", http.Header{"Content-Type": {"application/json"}}, 200},
		{"json with charset", http.Header{"Content-Type": {`Application/JSON; Charset="UTF-8"`}}, 200},
		{"+json", http.Header{"Content-Type": {"application/vnd.api+json"}}, 200},
		{"identity", http.Header{"Content-Encoding": {"identity"}}, 200},
		{"none", http.Header{"Content-Type": nil}, 415},
		{"form", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, 415},
		{"text", http.Header{"Content-Type": {"text/json"}}, 415},
		{"almost json", http.Header{"Content-Type": {"application/jsonx"}}, 415},
		{"two types", http.Header{"Content-Type": {"application/json", "text/plain"}}, 415},
		{"unreadable", http.Header{"Content-Type": {"application/json; charset"}}, 415},
		{"latin-1", http.Header{"Content-Type": {"application/json; charset=iso-8859-1"}}, 415},
		{"utf-16", http.Header{"Content-Type": {"application/json; charset=utf-16"}}, 415},
		{"gzip", http.Header{"Content-Encoding": {"gzip"}}, 415},
		{"gzip behind identity", http.Header{"Content-Encoding": {"identity, gzip"}}, 415},
		{"gzip in a second line", http.Header{"Content-Encoding": {"identity", "gzip"}}, 415},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := newDoor(t)
			w := d.call(call{body: `{"a":1}`, header: tc.header})
			if tc.status == 200 {
				if w.Code != 200 {
					t.Errorf("status %d: %s", w.Code, w.Body)
				}
				return
			}
			d.wantFailure(w, 415, "")
		})
	}
}

func TestAnyOtherMethod(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "BREW"} {
		d := newDoor(t)
		w := d.call(call{method: method})
		if allow := w.Header().Get("Allow"); allow != "GET, POST" {
			t.Errorf("%s: Allow %q", method, allow)
		}
		d.wantFailure(w, 405, "GET, POST")
	}
}

func TestBadQuery(t *testing.T) {
	t.Parallel()
	good := call{}.request().URL.RawQuery
	for _, tc := range []struct{ name, query, message string }{
		{"duplicate name", good + "&flow=69", `"flow" comes twice`},
		{"bad escape", good + "&debug=%zz", "bad % escape"},
		{"semicolon", good + ";debug=1", `";"`},
		{"invalid UTF-8", good + "&debug=%ff", "not UTF-8"},
		{"odd name", good + "&a.b=1", "a name has"},
		{"separator in a value", good + "&debug=a%7Cb", `holds "|"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := newDoor(t)
			d.wantFailure(d.do(httptest.NewRequest("GET", "/apis/execute.php?"+tc.query, nil)), 400, tc.message)
		})
	}
}

func TestUndeclaredParameters(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	d.wantFailure(d.call(call{params: map[string]string{"debug": "1", "dbug": "1", "Debug": "2"}}), 400, "no such parameters: Debug, dbug")
	d.wantFailure(d.call(call{params: map[string]string{"flow": "70", "debug": "1"}}), 400, "no such parameters: debug")
}

// limiter refuses everybody for a while, or fails.
type limiter struct {
	wait time.Duration
	err  error
}

func (l limiter) Take(context.Context, limits.Use) (limits.Quota, error) {
	return limits.Quota{Rate: limits.Rate{Limit: 1, Window: time.Second}, Wait: l.wait}, l.err
}

func TestTooMuch(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		change  func(*Config)
		fail    error
		status  int
		retry   string
		message string
	}{
		{"too many requests", func(c *Config) { c.Limiter = limiter{wait: 1500 * time.Millisecond} }, nil, 429, "2", "too many"},
		{"limits cannot be counted", func(c *Config) { c.Limiter = limiter{err: errors.New("dial 10.0.0.1")} }, nil, 503, "1", "try again"},
		{"queue too deep", nil, queue.ErrFull, 503, "2", "too much work"},
		{"Redis away", nil, queue.ErrUnavailable, 503, "1", "try again"},
		{"Redis away while the key is looked up", func(c *Config) { c.Keys = noKeys{} }, nil, 503, "1", "try again"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var change []func(*Config)
			if tc.change != nil {
				change = append(change, tc.change)
			}
			d := newDoor(t, change...)
			d.queue.fail = tc.fail
			w := d.call(call{})
			if got := w.Header().Get("Retry-After"); got != tc.retry {
				t.Errorf("Retry-After %q, want %q", got, tc.retry)
			}
			if strings.Contains(w.Body.String(), "dial") {
				t.Errorf("the cause is for the log: %s", w.Body)
			}
			d.wantFailure(w, tc.status, tc.message)
		})
	}
}

func TestInternal(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	d.queue.fail = errors.New("dial 10.0.0.1")
	w := d.call(call{})
	if strings.Contains(w.Body.String(), "dial") {
		t.Errorf("the cause is for the log: %s", w.Body)
	}
	d.wantFailure(w, 500, "internal")
	if !strings.Contains(d.log.String(), "dial 10.0.0.1") {
		t.Errorf("the log does not say why: %s", d.log)
	}
}

func TestPanic(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(c *Config) {
		c.Submit = func(context.Context, queue.Submission) (runner.Ticket, error) { panic("with " + secret) }
	})
	w := d.call(call{body: `{"a":1}`})
	if strings.Contains(w.Body.String(), "goroutine") || strings.Contains(w.Body.String(), ".go:") {
		t.Errorf("the stack is for the log: %s", w.Body)
	}
	d.wantFailure(w, 500, "internal")
	if !strings.Contains(d.log.String(), "goroutine") {
		t.Error("the log has no stack")
	}
}

func TestCallerGone(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	d.queue.hold = true
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := d.do(call{}.request().WithContext(ctx))
	if w.Body.Len() != 0 {
		t.Errorf("wrote %s to nobody", w.Body)
	}
	d.wantOne() // the run goes on
	var line struct {
		Status int    `json:"status"`
		Fault  string `json:"fault"`
		Run    string `json:"run_id"`
	}
	if err := json.Unmarshal([]byte(d.log.String()), &line); err != nil || line.Status != 499 || line.Fault != "caller_gone" || line.Run != runID(0) {
		t.Errorf("log %s", d.log)
	}
}

func TestHandedOver(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	d.queue.hold = true
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(httpx.ErrHandOver)
	w := d.do(call{}.request().WithContext(ctx))
	if got := d.wantEnvelope(w, 504, "the run goes on"); got.Error.RunID != runID(0) {
		t.Errorf("run id %q", got.Error.RunID)
	}
}
