package runner

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
)

// contextOf returns the context of a request whose response is recorded.
func contextOf(t *testing.T) (*gin.Context, *httptest.ResponseRecorder) {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	w := httptest.NewRecorder()
	c, _ := gin.CreateTestContext(w)
	c.Request = httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/flows/1/runs", nil)
	(&httpx.Frame{Now: time.Now}).Begin(c)
	return c, w
}

// What a caller learns of a run that failed: its code and step, the message of the flow, and never that of an internal
// error.
func TestRunFault(t *testing.T) {
	t.Parallel()
	const secret = "dial tcp 10.0.0.7: password=x"
	for _, tc := range []struct {
		name   string
		result queue.Result
		want   httpx.Fault // zero: none
	}{
		{"succeeded", queue.Result{State: queue.Succeeded}, httpx.Fault{}},
		{"failed, nobody knows why", queue.Result{State: queue.Failed}, httpx.Fault{Status: 422, Code: "internal", Message: "the run failed"}},
		{"timed out", queue.Result{State: queue.TimedOut}, httpx.Fault{Status: 504, Code: "timeout", Message: "the run hit its execution limit"}},
		{"cancelled", queue.Result{State: queue.Cancelled}, httpx.Fault{Status: 422, Code: "cancelled", Message: "the run was cancelled"}},
		{
			"an error of a step",
			queue.Result{State: queue.Failed, Error: &flows.Error{Code: "http_error", Message: "the server answered 404", Step: "find"}},
			httpx.Fault{Status: 422, Code: "http_error", Message: "the server answered 404", Step: "find"},
		},
		{
			"an internal error",
			queue.Result{State: queue.Failed, Error: &flows.Error{Code: flows.CodeInternal, Message: secret, Step: "find"}},
			httpx.Fault{Status: 500, Code: "internal", Message: "the run failed for a reason of ours", Step: "find"},
		},
		{
			"an internal error with a status of its own",
			queue.Result{State: queue.Failed, Error: &flows.Error{Code: flows.CodeInternal, Message: secret, Status: 404}},
			httpx.Fault{Status: 500, Code: "internal", Message: "the run failed for a reason of ours"},
		},
		{
			"a status of the flow",
			queue.Result{State: queue.Failed, Error: &flows.Error{Code: "failed", Message: "no such person", Status: 404}},
			httpx.Fault{Status: 404, Code: "failed", Message: "no such person", ByFlow: true},
		},
		{
			"a status that is no error",
			queue.Result{State: queue.Failed, Error: &flows.Error{Code: "failed", Message: "x", Status: 200}},
			httpx.Fault{Status: 422, Code: "failed", Message: "x"},
		},
		{
			"a status that is none",
			queue.Result{State: queue.Failed, Error: &flows.Error{Code: "failed", Message: "x", Status: 600}},
			httpx.Fault{Status: 422, Code: "failed", Message: "x"},
		},
		{
			"a status of a run that timed out",
			queue.Result{State: queue.TimedOut, Error: &flows.Error{Code: flows.CodeTimeout, Step: "find", Status: 404}},
			httpx.Fault{Status: 504, Code: "timeout", Message: "the run hit its execution limit", Step: "find"},
		},
	} {
		got := RunFault("run-1", &tc.result, false)
		if tc.want.Status == 0 {
			if got != nil {
				t.Errorf("%s: %+v", tc.name, got)
			}
			continue
		}
		tc.want.Run = "run-1"
		if got == nil || cmp.Diff(tc.want, *got) != "" {
			t.Errorf("%s: %+v, want %+v", tc.name, got, tc.want)
		}
	}
}

// A failure of another system is 502 or 504, and callers get the message of a step only where the flow says so.
func TestRunFaultOfAStep(t *testing.T) {
	t.Parallel()
	const host = "POST https://crm.internal: status 500"
	for _, tc := range []struct {
		err    flows.Error
		status int
		brief  string
	}{
		{flows.Error{Upstream: 500}, 502, "a system that the flow calls does not work"},
		{flows.Error{Upstream: 504, Class: flows.ClassTimeout}, 502, "a system that the flow calls does not work"},
		{flows.Error{Class: flows.ClassNetwork}, 502, "a system that the flow calls does not work"},
		{flows.Error{Class: flows.ClassTimeout}, 504, "a system that the flow calls did not answer in time"},
		{flows.Error{Upstream: 404}, 422, "a system that the flow calls refused the request"},
		{flows.Error{Class: flows.ClassDeadlock}, 422, "the step failed"},
		{flows.Error{}, 422, "the step failed"},
		{flows.Error{Status: 429}, 429, host}, // the step limit writes for callers
	} {
		tc.err.Code, tc.err.Message, tc.err.Step = flows.CodeStepFailed, host, "find"
		result := &queue.Result{State: queue.Failed, Error: &tc.err}
		got := RunFault("run-1", result, false)
		if got.Status != tc.status || got.Message != tc.brief || got.Code != "step_failed" || got.Step != "find" {
			t.Errorf("%+v: %+v", tc.err, got)
		}
		if got := RunFault("run-1", result, true); got.Status != tc.status || got.Message != host {
			t.Errorf("%+v, detailed: %+v", tc.err, got)
		}
	}
}

func TestParsePrefer(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		lines []string
		want  Preference
	}{
		{nil, Preference{}},
		{[]string{""}, Preference{}},
		{[]string{"respond-async"}, Preference{Given: true, Applied: "respond-async"}},
		{[]string{" Respond-Async ; x=y "}, Preference{Given: true, Applied: "respond-async"}},
		{[]string{"wait=5"}, Preference{true, 5 * time.Second, "wait=5"}},
		{[]string{`wait = "5"`}, Preference{true, 5 * time.Second, "wait=5"}},
		{[]string{"wait=0"}, Preference{true, 0, "wait=0"}},
		{[]string{"respond-async, wait=5"}, Preference{true, 5 * time.Second, "wait=5"}},
		{[]string{"wait=5", "respond-async"}, Preference{true, 5 * time.Second, "wait=5"}},
		{[]string{"wait=5, wait=50"}, Preference{true, 5 * time.Second, "wait=5"}},
		{[]string{"wait=x, wait=50"}, Preference{true, 50 * time.Second, "wait=50"}},
		{[]string{"wait=65535"}, Preference{true, 65535 * time.Second, "wait=65535"}},
		{[]string{"wait=65536"}, Preference{}},
		{[]string{"wait=-1"}, Preference{}},
		{[]string{"wait=1e3"}, Preference{}},
		{[]string{"wait=0x10"}, Preference{}},
		{[]string{"wait"}, Preference{}},
		{[]string{"return=minimal, handling=strict"}, Preference{}},
	} {
		if got := ParsePrefer(http.Header{"Prefer": tc.lines}); got != tc.want {
			t.Errorf("%q: %+v, want %+v", tc.lines, got, tc.want)
		}
	}
}

// Two requests are one run only for equal keys of one scope: no spelling lets a key reach into another scope.
func TestIdempotencyKeys(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		lines []string
		want  string // "!": refused
	}{
		{nil, ""},
		{[]string{"k"}, "k"},
		{[]string{" k\t"}, "k"},
		{[]string{`"k"`}, "k"}, // the same as bare
		{[]string{`"a\"b\\c"`}, `a"b\c`},
		{[]string{"a b"}, "a b"},
		{[]string{strings.Repeat("k", 255)}, strings.Repeat("k", 255)},
		{[]string{strings.Repeat("k", 256)}, "!"},
		{[]string{""}, "!"},
		{[]string{`""`}, "!"},
		{[]string{`"`}, "!"},
		{[]string{`"k`}, "!"},
		{[]string{`"k"x`}, "!"},
		{[]string{`"a"b"`}, "!"},
		{[]string{`"a\x"`}, "!"},
		{[]string{`"a\"`}, "!"},
		{[]string{"a\x00b"}, "!"},
		{[]string{"a\nb"}, "!"},
		{[]string{"ä"}, "!"},
		{[]string{"a\x7f"}, "!"},
		{[]string{"k", "k"}, "!"},
	} {
		got, err := ParseIdempotencyKey(http.Header{"Idempotency-Key": tc.lines})
		var f *httpx.Fault
		if tc.want == "!" {
			if !errors.As(err, &f) || f.Code != "bad_idempotency_key" || got != "" {
				t.Errorf("%q: %q, %v", tc.lines, got, err)
			}
			continue
		}
		if err != nil || got != tc.want {
			t.Errorf("%q: %q, %v, want %q", tc.lines, got, err, tc.want)
		}
	}
}

func FuzzIdempotencyKey(f *testing.F) {
	for _, s := range []string{"k", `"k"`, `"a\"b"`, "", " \t", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		key, err := ParseIdempotencyKey(http.Header{"Idempotency-Key": {line}})
		if err == nil && (key == "" || len(key) > maxIdempotencyKey || strings.ContainsAny(key, "\x00\r\n")) {
			t.Fatalf("%q became %q", line, key)
		}
	})
}

func TestRequestGuard(t *testing.T) {
	t.Parallel()
	guard := func(scope, key string) *queue.IdempotencyKey {
		k, err := RequestGuard(http.Header{"Idempotency-Key": {key}}, scope, func() string { return "print" })
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	one := guard("user:ann\x001\x00", "k")
	if one.Fingerprint != "print" || one.Window != IdempotencyWindow || guard("user:ann\x001\x00", `"k"`).Key != one.Key {
		t.Errorf("guard %+v", one)
	}
	for _, other := range []*queue.IdempotencyKey{guard("user:bob\x001\x00", "k"), guard("user:ann\x002\x00", "k"), guard("user:ann\x001\x00", "K"), guard("user:ann\x001\x00", "k2")} {
		if other.Key == one.Key {
			t.Errorf("%q is the key of another request", other.Key)
		}
	}
	if k, err := RequestGuard(http.Header{}, "s", func() string { panic("not needed") }); k != nil || err != nil {
		t.Errorf("without a key: %v, %v", k, err)
	}
	signed := &auth.Principal{Repeat: &auth.Repeat{ID: "id", Window: time.Minute}}
	s := queue.Submission{IdempotencyKey: one}
	if AttachRepeated(&s, signed); s.IdempotencyKey != one {
		t.Error("the signature replaces the caller's own key")
	}
	s.IdempotencyKey = nil
	if AttachRepeated(&s, signed); s.IdempotencyKey == nil || s.IdempotencyKey.Key == guard("", "id").Key || s.IdempotencyKey.Window != time.Minute {
		t.Errorf("by the signature: %+v", s.IdempotencyKey)
	}
	s.IdempotencyKey = nil
	if AttachRepeated(&s, &auth.Principal{}); s.IdempotencyKey != nil {
		t.Errorf("without a signature: %+v", s.IdempotencyKey)
	}
}

// Parameters and headers reach a run only when its flow declares them; a refusal names them, without their values.
func TestWhatAFlowDeclares(t *testing.T) {
	t.Parallel()
	f := &flows.Flow{Webhook: &flows.Webhook{Params: []string{"lang", "page"}}}
	for raw, want := range map[string]struct {
		params map[string]string
		names  string // in the error; empty: none
	}{
		"":                        {nil, ""},
		"key=k":                   {nil, ""}, // the caller's own
		"lang=de&key=k":           {map[string]string{"lang": "de"}, ""},
		"lang=&page=2":            {map[string]string{"lang": "", "page": "2"}, ""},
		"Lang=de":                 {nil, "Lang"},
		"lang=de&token=s3cret":    {nil, "token"},
		"b=s3cret&a=s3cret&key=k": {nil, "a, b"},
	} {
		query, err := auth.ParseQuery(raw)
		if err != nil {
			t.Fatal(err)
		}
		params, err := DeclaredParams(f, query, "key")
		var refused *httpx.Fault
		if errors.As(err, &refused) != (want.names != "") || cmp.Diff(want.params, params) != "" {
			t.Errorf("%q: %v, %v", raw, params, err)
		}
		if refused != nil && (!strings.HasSuffix(refused.Message, ": "+want.names) || strings.Contains(refused.Message, "s3cret")) {
			t.Errorf("%q: %s", raw, refused.Message)
		}
	}
	if _, err := DeclaredParams(&flows.Flow{}, auth.Query{}); err != nil {
		t.Errorf("a flow without a webhook: %v", err)
	}
	query, _ := auth.ParseQuery("lang=de")
	if _, err := DeclaredParams(&flows.Flow{}, query); err == nil {
		t.Error("a flow without a webhook takes a parameter")
	}
}

// The status and the headers of a flow's response cannot break out of it.
func TestAnswerHeader(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]int{200: 200, 204: 204, 599: 599, 0: 200, 100: 200, 199: 200, 600: 200, -1: 200} {
		if got, _ := AnswerHeader(&flows.Response{Status: status}, http.Header{}); got != want {
			t.Errorf("status %d is sent as %d", status, got)
		}
	}
	h := http.Header{"X-Request-Id": {"ours"}}
	_, contentType := AnswerHeader(&flows.Response{Headers: map[string]string{
		"x-a": "1", "content-type": "text/html", "location": "/x",
		"x-request-id": "theirs", "set-cookie": "a=b", "content-security-policy": "default-src *", "content-length": "1", "x-accel-redirect": "/etc",
		"x-crlf": "a\r\nSet-Cookie: a=b", "x-lf": "a\nb", "x-zero": "a\x00", "x y": "1", "x:y": "1", "x\r\ny": "1", "": "1", "ä": "1",
	}}, h)
	want := http.Header{"X-Request-Id": {"ours"}, "X-A": {"1"}, "Location": {"/x"}, "Content-Security-Policy": {"sandbox"}}
	if diff := cmp.Diff(want, h); diff != "" {
		t.Error(diff)
	}
	if len(contentType) != 1 || contentType[0] != "text/html" {
		t.Errorf("content type %q", contentType)
	}
}

func TestWriteAnswer(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		answer flows.Response
		body   string
		kind   string
	}{
		{"items", flows.Response{Items: json.RawMessage(`[1]`)}, `{"output":[1]}`, "application/json"},
		{"items without envelope", flows.Response{Items: json.RawMessage(`[1]`), Bare: true}, `[1]`, "application/json"},
		{"a body", flows.Response{Body: []byte("x"), Headers: map[string]string{"Content-Type": "text/html"}}, "x", "text/html"},
		{"a script", flows.Response{Body: []byte("x"), Headers: map[string]string{"Content-Type": "text/javascript"}}, "x", "text/plain; charset=utf-8"},
		{"no type", flows.Response{Body: []byte("<script>")}, "<script>", ""},
		{"no content", flows.Response{Status: 204, Body: []byte("x")}, "", ""},
		{"not modified", flows.Response{Status: 304, Body: []byte("x")}, "", ""},
	} {
		c, w := contextOf(t)
		WriteAnswer(c, &tc.answer, []byte(`{"output":`))
		c.Writer.WriteHeaderNow()
		h := w.Header()
		if w.Body.String() != tc.body || h.Get("Content-Type") != tc.kind || h.Get("Content-Security-Policy") != "sandbox" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %q %v", tc.name, w.Body, h)
		}
		if !httpx.StateOf(c).ByFlow {
			t.Errorf("%s: the log does not say that the flow chose the status", tc.name)
		}
	}
}

// A paused flow refuses callers who wait, and says for how long; the other flows run.
func TestRejectIfPaused(t *testing.T) {
	t.Parallel()
	r := New(Config{Paused: func(flow int64) bool { return flow == 7 }})
	var f *httpx.Fault
	if err := r.RejectIfPaused(7); !errors.As(err, &f) || f.Status != 503 || f.Code != "flow_paused" || f.Retry != retryPaused {
		t.Errorf("paused: %v", err)
	}
	if err := r.RejectIfPaused(8); err != nil {
		t.Errorf("another flow: %v", err)
	}
	if err := New(Config{}).RejectIfPaused(7); err != nil {
		t.Errorf("nothing is ever paused: %v", err)
	}
}

// Clocks differ: a negative duration is zero, as other readers of the header expect no sign.
func TestServerTiming(t *testing.T) {
	t.Parallel()
	start := time.Unix(1000, 0)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	for want, times := range map[string]queue.Times{
		"auth;dur=2.000":                  {},
		"auth;dur=2.000, queue;dur=3.000": {Accepted: at(2), Started: at(5)},
		"auth;dur=2.000, queue;dur=3.000, run;dur=4.000, reply;dur=1.000": {Accepted: at(2), Started: at(5), Finished: at(9)},
		"auth;dur=2.000, queue;dur=0.000, run;dur=0.000, reply;dur=8.000": {Accepted: at(9), Started: at(5), Finished: at(2)},
		"auth;dur=2.000, reply;dur=1.000":                                 {Accepted: at(2), Finished: at(9)},
	} {
		c, w := contextOf(t)
		setTiming(c, start, at(2), times, at(10))
		if got := w.Header().Get("Server-Timing"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
