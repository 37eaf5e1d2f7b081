package smartsync_test

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

	"github.com/penstock/penstock/api"
	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/api/fault"
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
		d := apitest.NewFakeAPI(t)
		w := d.Call(apitest.Call{Path: path, Body: "\r\n {\"a\": 1,\n \"b\": [1,2] }\n ", Params: map[string]string{"debug": "1"},
			Header: http.Header{"X-Event-Id": {"e1"}, "X-Secret": {"s"}}})
		if w.Code != http.StatusOK {
			t.Fatalf("status %d: %s", w.Code, w.Body)
		}
		if want := `{"success":true,"output":` + string(d.Queue.Result.Output) + `}`; w.Body.String() != want {
			t.Errorf("body %s, want the stored bytes %s", w.Body, want)
		}
		want := queue.Submission{
			Spec: queue.Spec{
				Flow: 69, Version: "v69", Queue: "default", Principal: "key:" + apitest.KeyID,
				Event: []byte(`{"a": 1, "b": [1,2] }`), Params: map[string]string{"debug": "1"},
				Headers: map[string]string{"x-event-id": "e1"}, Accepted: apitest.Epoch, Limit: time.Minute, Sync: true,
			},
			IdempotencyKey: &queue.IdempotencyKey{Key: d.WantOne().IdempotencyKey.Key, Window: 601 * time.Second, Reject: true},
		}
		if diff := cmp.Diff(want, d.WantOne()); diff != "" {
			t.Error(diff)
		}
		wantHeader := http.Header{
			"Content-Type": {"application/json"}, "Content-Length": {w.Header().Get("Content-Length")}, "Cache-Control": {"no-store"},
			"X-Content-Type-Options": {"nosniff"}, "Penstock-Run-Id": {apitest.RunID(0)}, "X-Request-Id": {w.Header().Get("X-Request-Id")},
			"Server-Timing": {"auth;dur=0.000, queue;dur=2.000, run;dur=3.000, reply;dur=0.000"},
		}
		if diff := cmp.Diff(wantHeader, w.Header()); diff != "" {
			t.Error(diff)
		}
		if d.Queue.Closed != 1 {
			t.Errorf("%d tickets were let go of, want 1", d.Queue.Closed)
		}
	}
}

func TestGoodWithoutData(t *testing.T) {
	t.Parallel()
	for name, k := range map[string]apitest.Call{
		"GET":                            {},
		"GET of a flow without webhook":  {Params: map[string]string{"flow": "70"}},
		"GET by slug":                    {Params: map[string]string{"flow": "upsert"}},
		"POST without a body":            {Method: http.MethodPost},
		"POST of white space":            {Body: " \r\n\t", Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}},
		"POST without a body, no hook":   {Method: http.MethodPost, Params: map[string]string{"flow": "70"}},
		"upper-case check":               {Check: strings.ToUpper(apitest.SignCheck(map[string]string{"flow": "69", "key": apitest.KeyID, "ts": "1795280000"}, "", "GET", ""))},
		"ts at the window's end":         {Params: map[string]string{"ts": "1795279700"}},
		"ts at the window's other end":   {Params: map[string]string{"ts": "1795280300"}},
		"Content-Length zero with a GET": {Header: http.Header{"Content-Length": {"0"}}},
	} {
		d := apitest.NewFakeAPI(t)
		if w := d.Call(k); w.Code != http.StatusOK {
			t.Errorf("%s: status %d: %s", name, w.Code, w.Body)
		}
		if s := d.WantOne(); len(s.Event) > 0 {
			t.Errorf("%s: event %q, want none", name, s.Event)
		}
	}
}

func TestOutputIsAlwaysAnArray(t *testing.T) {
	t.Parallel()
	d := apitest.NewFakeAPI(t)
	d.Queue.Result.Output = nil
	if w := d.Call(apitest.Call{}); w.Body.String() != `{"success":true,"output":[]}` {
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
		{"a step failed", queue.Result{State: queue.Failed, Error: &flows.Error{Code: flows.CodeStepFailed, Step: "find", Message: "dial 10.0.0.1"}}, 400, "step find: the step failed"},
		{"another system failed", queue.Result{State: queue.Failed, Error: &flows.Error{Code: flows.CodeStepFailed, Step: "find", Message: "dial 10.0.0.1", Upstream: 500}}, 400, "step find: a system that the flow calls does not work"},
		{"a fail step chose message and status", queue.Result{State: queue.Failed, Error: &flows.Error{Code: flows.CodeFail, Step: "steps[1]", Message: "no such person", Status: 404}}, 400, "no such person"},
		{"a fail step chose a code", queue.Result{State: queue.Failed, Error: &flows.Error{Code: "no_such_person", Step: "steps[1]", Message: "nobody is called so", Status: 404}}, 400, "nobody is called so"},
		{"a fail step chose a status of the log's own", queue.Result{State: queue.Failed, Error: &flows.Error{Code: flows.CodeFail, Message: "odd", Status: 499}}, 400, "odd"},
		{"hit its execution limit", queue.Result{State: queue.TimedOut}, 400, "execution limit"},
		{"hit its execution limit in a step", queue.Result{State: queue.TimedOut, Error: &flows.Error{Code: flows.CodeTimeout, Step: "find", Message: "too slow"}}, 400, "step find: too slow"},
		{"cancelled", queue.Result{State: queue.Cancelled}, 400, "cancelled"},
		{"crashed", queue.Result{State: queue.Failed, Error: &flows.Error{Code: flows.CodeCrashed, Message: "three workers were lost"}}, 400, "three workers"},
		{"for a reason of ours", queue.Result{State: queue.Failed, Error: &flows.Error{Code: flows.CodeInternal, Message: "dial 10.0.0.1"}}, 500, "a reason of ours"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := apitest.NewFakeAPI(t)
			d.Queue.Result = tc.result
			w := d.Call(apitest.Call{})
			got := d.WantEnvelope(w, tc.status, tc.message)
			if strings.Contains(got.Error.Msg, "dial") {
				t.Errorf("the message %q is for the log", got.Error.Msg)
			}
			if strings.HasPrefix(tc.name, "a fail step") && got.Error.Msg != tc.message {
				t.Errorf("message %q, want that of the flow alone: %q", got.Error.Msg, tc.message)
			}
			if got.Error.RunID != apitest.RunID(0) || w.Header().Get(httpx.HeaderRun) != apitest.RunID(0) {
				t.Errorf("run id %q in the body, %q in the header", got.Error.RunID, w.Header().Get(httpx.HeaderRun))
			}
		})
	}
}

func TestAFlowThatRespondsEarlyKeepsTheEnvelope(t *testing.T) {
	t.Parallel()
	typed := func(kind string) map[string]string { return map[string]string{"content-type": kind, "x-own": "1"} }
	const problem = "{\"success\":false,\"error\":{\"code\":400,\"msg\":"
	for _, tc := range []struct {
		name   string
		answer flows.Response
		status int
		body   string
	}{
		{"its items", flows.Response{Items: []byte(`[{"a":1}]`)}, 200, `{"success":true,"output":[{"a":1}]}`},
		{"its items alone", flows.Response{Items: []byte(`[{"a":1}]`), Bare: true}, 200, `[{"a":1}]`},
		{"an object", flows.Response{Status: 202, Headers: typed("application/json"), Body: []byte(`{"id":7}`)}, 202, `{"success":true,"output":[{"id":7}]}`},
		{"an object alone", flows.Response{Status: 202, Headers: typed("application/json"), Body: []byte(`{"id":7}`), Bare: true}, 202, `{"id":7}`},
		{"an array", flows.Response{Headers: typed("application/vnd.api+json"), Body: []byte(` [1,2]`)}, 200, `{"success":true,"output":[1,2]}`},
		{"a text", flows.Response{Headers: typed("text/plain; charset=utf-8"), Body: []byte(`say "<hi>"`)}, 200, "{\"success\":true,\"output\":[\"say \\\"\\u003chi\\u003e\\\"\"]}"},
		{"JSON that is none", flows.Response{Headers: typed("application/json"), Body: []byte(`{`)}, 200, `{"success":true,"output":["{"]}`},
		{"bytes", flows.Response{Headers: typed("application/octet-stream"), Body: []byte{0xff, 0xfe}}, 200, `{"success":true,"output":["//4="]}`},
		{"nothing", flows.Response{Status: 204}, 200, `{"success":true,"output":[]}`},
		{"not modified", flows.Response{Status: 304, Bare: true}, 304, ``},
		{"a failure", flows.Response{Status: 404, Headers: typed("application/json"), Body: []byte(`"nobody"`)}, 400, problem + `"nobody","run_id":"` + apitest.RunID(0) + `"}}`},
		{"a failure without a body", flows.Response{Status: 500}, 400, problem + `"the flow responded with a failure","run_id":"` + apitest.RunID(0) + `"}}`},
		{"a failure alone", flows.Response{Status: 404, Headers: typed("text/plain"), Body: []byte(`nobody`), Bare: true}, 404, `nobody`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := apitest.NewFakeAPI(t)
			d.Queue.Result = queue.Result{State: queue.Succeeded, Early: &tc.answer}
			w := d.Call(apitest.Call{})
			if w.Code != tc.status || w.Body.String() != tc.body {
				t.Errorf("%d %s, want %d %s", w.Code, w.Body, tc.status, tc.body)
			}
			if strings.HasPrefix(tc.body, "{\"success") && w.Header().Get("Content-Type") != "application/json" || w.Header().Get("X-Own") != tc.answer.Headers["x-own"] {
				t.Errorf("header %v", w.Header())
			}
		})
	}
}

func TestResultOverdue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := apitest.NewFakeAPI(t, func(c *api.Config) { c.Now = time.Now })
		d.Keys[apitest.KeyID].Window = 100 * 365 * 24 * time.Hour // the bubble's clock starts in 2000
		d.Queue.Hold = true
		begin := time.Now()
		w := d.Call(apitest.Call{Params: map[string]string{"flow": "70"}})
		if waited := time.Since(begin); waited != 10*time.Second+runner.AnswerGrace {
			t.Errorf("answered after %v, want the limit and %v", waited, runner.AnswerGrace)
		}
		if got := d.WantEnvelope(w, 400, "execution limit"); got.Error.RunID == "" {
			t.Error("no run id")
		}
	})
}

func TestUnknownKeyAndBadCheckAreOneAnswer(t *testing.T) {
	t.Parallel()
	var bodies []string
	for name, k := range map[string]apitest.Call{
		"unknown key":               {Params: map[string]string{"key": "nobody"}},
		"no key":                    {Without: "key"},
		"bad check":                 {Check: strings.Repeat("0", 32)},
		"check of another secret":   {Secret: "x"},
		"check of a changed body":   {Body: `{"a":2}`, Check: apitest.SignCheck(map[string]string{"flow": "69", "key": apitest.KeyID, "ts": "1795280000"}, `{"a":1}`, "POST", "")},
		"check without the body":    {Body: `{"a":2}`, Check: apitest.SignCheck(map[string]string{"flow": "69", "key": apitest.KeyID, "ts": "1795280000"}, "", "POST", "")},
		"short check":               {Check: "00"},
		"bad check, ts out of date": {Check: strings.Repeat("0", 32), Params: map[string]string{"ts": "1"}},
		"bad check, unknown flow":   {Check: strings.Repeat("0", 32), Params: map[string]string{"flow": "1"}},
		"bad check, bad JSON":       {Check: strings.Repeat("0", 32), Body: `{`},
		"bad check, not JSON":       {Check: strings.Repeat("0", 32), Body: `a=1`, Header: http.Header{"Content-Type": {"text/plain"}}},
		"bad check, no webhook":     {Check: strings.Repeat("0", 32), Body: `{}`, Params: map[string]string{"flow": "70"}},
		"bad check, undeclared":     {Check: strings.Repeat("0", 32), Params: map[string]string{"foo": "1"}},
	} {
		d := apitest.NewFakeAPI(t)
		w := d.Call(k)
		bodies = append(bodies, w.Body.String())
		if len(w.Header().Values("WWW-Authenticate")) != 2 { // RFC 9110: every 401 says what would do
			t.Errorf("%s: header %v", name, w.Header())
		}
		d.WantFailure(w, 401, "unknown key or wrong check value")
		if bodies[0] != bodies[len(bodies)-1] {
			t.Errorf("%s: %s, others get %s", name, bodies[len(bodies)-1], bodies[0])
		}
	}
}

func TestNoCheck(t *testing.T) {
	t.Parallel()
	d := apitest.NewFakeAPI(t)
	d.WantFailure(d.Do(httptest.NewRequest("GET", "/apis/execute?flow=69&ts=1795280000&key="+apitest.KeyID, nil)), 401, "unknown key or wrong check value")
}

func TestAccessOffSaysNothingBeforeTheMatch(t *testing.T) {
	t.Parallel()
	d := apitest.NewFakeAPI(t)
	d.Keys[apitest.KeyID].APIAccess = false
	d.WantFailure(d.Call(apitest.Call{Check: strings.Repeat("0", 32)}), 401, "unknown key or wrong check value")
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
		d := apitest.NewFakeAPI(t)
		d.WantFailure(d.Call(apitest.Call{Params: map[string]string{"ts": tc.ts}}), 401, tc.message)
	}
	d := apitest.NewFakeAPI(t)
	d.WantFailure(d.Call(apitest.Call{Without: "ts"}), 401, "digits")
	d = apitest.NewFakeAPI(t)
	d.Keys[apitest.KeyID].Window = 10 * time.Second
	d.WantFailure(d.Call(apitest.Call{Params: map[string]string{"ts": "1795279989"}}), 401, "11 s in the past, the window is 10 s")
}

func TestPreviousSecret(t *testing.T) {
	t.Parallel()
	var counted meter
	d := apitest.NewFakeAPI(t, func(c *api.Config) { c.Usage = &counted })
	k := d.Keys[apitest.KeyID]
	k.Secret, k.Previous, k.PreviousUntil = "the new secret", apitest.KeySecret, apitest.Epoch.Add(time.Second)
	if w := d.Call(apitest.Call{}); w.Code != 200 {
		t.Errorf("during the overlap: %s", w.Body)
	}
	if w := d.Call(apitest.Call{Secret: "the new secret"}); w.Code != 200 {
		t.Errorf("with the new secret: %s", w.Body)
	}
	k.PreviousUntil = apitest.Epoch
	if w := d.Call(apitest.Call{Params: map[string]string{"ts": "1795280001"}}); w.Code != 401 {
		t.Errorf("after the overlap: %s", w.Body)
	}
	if want := (meter{true, false}); !slices.Equal(counted, want) {
		t.Errorf("counted %v, want %v", counted, want)
	}
}

// meter records whether calls were signed with the previous secret.
type meter []bool

func (m *meter) Count(_ *store.Key, previous bool) { *m = append(*m, previous) }

func TestReplayed(t *testing.T) {
	t.Parallel()
	d := apitest.NewFakeAPI(t)
	if w := d.Call(apitest.Call{}); w.Code != 200 {
		t.Fatal(w.Body)
	}
	for name, k := range map[string]apitest.Call{
		"same request":     {},
		"upper-case check": {Check: strings.ToUpper(apitest.SignCheck(map[string]string{"flow": "69", "key": apitest.KeyID, "ts": "1795280000"}, "", "GET", ""))},
		"as a POST":        {Method: http.MethodPost},
	} {
		w := d.Call(k)
		if got := d.WantEnvelope(w, 401, "replayed"); got.Error.RunID != "" {
			t.Errorf("%s: run id %q", name, got.Error.RunID)
		}
	}
	d.WantOne()
	if w := d.Call(apitest.Call{Params: map[string]string{"ts": "1795280001"}}); w.Code != 200 {
		t.Errorf("another check: %s", w.Body)
	}
}

func TestReplayGuardsAreApart(t *testing.T) {
	t.Parallel()
	d := apitest.NewFakeAPI(t)
	other := *d.Keys[apitest.KeyID]
	other.Key = "k2"
	d.Keys["k2"] = &other
	d.Call(apitest.Call{})
	d.Call(apitest.Call{Params: map[string]string{"key": "k2"}})
	all := d.Queue.Submitted()
	if len(all) != 2 || all[0].IdempotencyKey.Key == all[1].IdempotencyKey.Key {
		t.Errorf("submissions %+v", all)
	}
}

func TestAttach(t *testing.T) {
	t.Parallel()
	d := apitest.NewFakeAPI(t)
	d.Keys[apitest.KeyID].OnReplay = "attach"
	first, second := d.Call(apitest.Call{}), d.Call(apitest.Call{})
	if second.Code != 200 || second.Body.String() != first.Body.String() || second.Header().Get(httpx.HeaderRun) != apitest.RunID(0) {
		t.Errorf("the second got %d %s of run %s, the first %s", second.Code, second.Body, second.Header().Get(httpx.HeaderRun), first.Body)
	}
	d.WantOne()
}

func TestAccessOff(t *testing.T) {
	t.Parallel()
	d := apitest.NewFakeAPI(t)
	d.Keys[apitest.KeyID].APIAccess = false
	d.WantFailure(d.Call(apitest.Call{}), 403, "switched off")
}

func TestUnknownAndForbiddenFlowAreOneAnswer(t *testing.T) {
	t.Parallel()
	var bodies []string
	for _, k := range []apitest.Call{
		{Params: map[string]string{"flow": "4711"}}, {Params: map[string]string{"flow": "71"}}, {Params: map[string]string{"flow": "other"}},
		{Params: map[string]string{"flow": ""}}, {Without: "flow"},
	} {
		d := apitest.NewFakeAPI(t)
		w := d.Call(k)
		bodies = append(bodies, w.Body.String())
		d.WantFailure(w, 404, "no such flow")
		if bodies[len(bodies)-1] != bodies[0] {
			t.Errorf("%s, others get %s", bodies[len(bodies)-1], bodies[0])
		}
	}
}

func TestFlowDisabled(t *testing.T) {
	t.Parallel()
	d := apitest.NewFakeAPI(t)
	d.Flows[0].Enabled = false
	if w := d.Call(apitest.Call{}); w.Code != 200 {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
	d.WantOne()
}

func TestDataForAFlowWithoutWebhook(t *testing.T) {
	t.Parallel()
	d := apitest.NewFakeAPI(t)
	d.WantFailure(d.Call(apitest.Call{Body: `{}`, Params: map[string]string{"flow": "70"}}), 400, "does not start with a webhook")
}

func TestGETWithABody(t *testing.T) {
	t.Parallel()
	d := apitest.NewFakeAPI(t)
	d.WantFailure(d.Call(apitest.Call{Method: "GET", Body: `{"a":1}`}), 400, "a GET has no body")
	r := apitest.Call{Method: "GET", Body: `{"a":1}`}.Request()
	r.ContentLength = -1 // chunked
	d.WantFailure(d.Do(r), 400, "a GET has no body")
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
			d := apitest.NewFakeAPI(t)
			d.WantFailure(d.Call(apitest.Call{Body: tc.body}), tc.status, tc.message)
			d = apitest.NewFakeAPI(t)
			r := apitest.Call{Body: tc.body}.Request()
			r.ContentLength = -1 // chunked
			d.WantFailure(d.Do(r), tc.status, tc.message)
		})
	}
}

func TestLargestBodyAndDepth(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`"` + strings.Repeat("x", 1<<20-2) + `"`,
		strings.Repeat("[", 64) + strings.Repeat("]", 64),
	} {
		d := apitest.NewFakeAPI(t)
		if w := d.Call(apitest.Call{Body: body}); w.Code != 200 {
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
		if got := d.WantOne().Event; string(got) != body {
			t.Errorf("the event is not the body: %d bytes of %d", len(got), len(body))
		}
	}
}

func TestWhatWasSignedIsWhatRuns(t *testing.T) {
	t.Parallel()
	d := apitest.NewFakeAPI(t)
	if w := d.Call(apitest.Call{Body: "\x00\x0b{\"n\":1\r\n2,\"s\":\"a\nb\",\"e\":\"\\r\\n\", \"big\":1e400}\r"}); w.Code != 200 {
		t.Fatal(w.Body)
	}
	if got, want := string(d.WantOne().Event), `{"n":12,"s":"ab","e":"\r\n", "big":1e400}`; got != want {
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
			d := apitest.NewFakeAPI(t)
			w := d.Call(apitest.Call{Body: `{"a":1}`, Header: tc.header})
			if tc.status == 200 {
				if w.Code != 200 {
					t.Errorf("status %d: %s", w.Code, w.Body)
				}
				return
			}
			d.WantFailure(w, 415, "")
		})
	}
}

func TestAnyOtherMethod(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "BREW"} {
		d := apitest.NewFakeAPI(t)
		w := d.Call(apitest.Call{Method: method})
		if allow := w.Header().Get("Allow"); allow != "GET, POST" {
			t.Errorf("%s: Allow %q", method, allow)
		}
		d.WantFailure(w, 405, "GET, POST")
	}
}

func TestBadQuery(t *testing.T) {
	t.Parallel()
	good := apitest.Call{}.Request().URL.RawQuery
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
			d := apitest.NewFakeAPI(t)
			d.WantFailure(d.Do(httptest.NewRequest("GET", "/apis/execute.php?"+tc.query, nil)), 400, tc.message)
		})
	}
}

func TestUndeclaredParameters(t *testing.T) {
	t.Parallel()
	d := apitest.NewFakeAPI(t)
	d.WantFailure(d.Call(apitest.Call{Params: map[string]string{"debug": "1", "dbug": "1", "Debug": "2"}}), 400, "no such parameters: Debug, dbug")
	d.WantFailure(d.Call(apitest.Call{Params: map[string]string{"flow": "70", "debug": "1"}}), 400, "no such parameters: debug")
}

// limiter rejects all requests, or fails.
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
		change  func(*api.Config)
		fail    error
		status  int
		retry   string
		message string
	}{
		{"too many requests", func(c *api.Config) { c.Limiter = limiter{wait: 1500 * time.Millisecond} }, nil, 429, "2", "too many"},
		{"limits cannot be counted", func(c *api.Config) { c.Limiter = limiter{err: errors.New("dial 10.0.0.1")} }, nil, 503, "1", "try again"},
		{"queue too deep", nil, queue.ErrFull, 503, "2", "too much work"},
		{"Redis away", nil, queue.ErrUnavailable, 503, "1", "try again"},
		{"Redis away while the key is looked up", func(c *api.Config) { c.Keys = apitest.NoKeys{} }, nil, 503, "1", "try again"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var change []func(*api.Config)
			if tc.change != nil {
				change = append(change, tc.change)
			}
			d := apitest.NewFakeAPI(t, change...)
			d.Queue.Fail = tc.fail
			w := d.Call(apitest.Call{})
			if got := w.Header().Get("Retry-After"); got != tc.retry {
				t.Errorf("Retry-After %q, want %q", got, tc.retry)
			}
			if strings.Contains(w.Body.String(), "dial") {
				t.Errorf("the cause is for the log: %s", w.Body)
			}
			d.WantFailure(w, tc.status, tc.message)
		})
	}
}

func TestInternal(t *testing.T) {
	t.Parallel()
	d := apitest.NewFakeAPI(t)
	d.Queue.Fail = errors.New("dial 10.0.0.1")
	w := d.Call(apitest.Call{})
	if strings.Contains(w.Body.String(), "dial") {
		t.Errorf("the cause is for the log: %s", w.Body)
	}
	d.WantFailure(w, 500, "internal")
	if !strings.Contains(d.Log.String(), "dial 10.0.0.1") {
		t.Errorf("the log does not say why: %s", d.Log)
	}
}

func TestPanic(t *testing.T) {
	t.Parallel()
	d := apitest.NewFakeAPI(t, func(c *api.Config) {
		c.Submit = func(context.Context, queue.Submission) (runner.Ticket, error) { panic("with " + apitest.KeySecret) }
	})
	w := d.Call(apitest.Call{Body: `{"a":1}`})
	if strings.Contains(w.Body.String(), "goroutine") || strings.Contains(w.Body.String(), ".go:") {
		t.Errorf("the stack is for the log: %s", w.Body)
	}
	d.WantFailure(w, 500, "internal")
	if !strings.Contains(d.Log.String(), "goroutine") {
		t.Error("the log has no stack")
	}
}

func TestCallerGone(t *testing.T) {
	t.Parallel()
	d := apitest.NewFakeAPI(t)
	d.Queue.Hold = true
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := d.Do(apitest.Call{}.Request().WithContext(ctx))
	if w.Body.Len() != 0 {
		t.Errorf("wrote %s to nobody", w.Body)
	}
	d.WantOne() // the run goes on
	var line struct {
		Status int    `json:"status"`
		Fault  string `json:"fault"`
		Run    string `json:"run_id"`
	}
	if err := json.Unmarshal([]byte(d.Log.String()), &line); err != nil || line.Status != 499 || line.Fault != "caller_gone" || line.Run != apitest.RunID(0) {
		t.Errorf("log %s", d.Log)
	}
}

func TestHandedOver(t *testing.T) {
	t.Parallel()
	d := apitest.NewFakeAPI(t)
	d.Queue.Hold = true
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(fault.ErrHandOver)
	w := d.Do(apitest.Call{}.Request().WithContext(ctx))
	if got := d.WantEnvelope(w, 504, "the run goes on"); got.Error.RunID != apitest.RunID(0) {
		t.Errorf("run id %q", got.Error.RunID)
	}
}
