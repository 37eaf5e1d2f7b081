package httpstep

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/penstock/penstock/flows"
)

// recorder is a tracer that keeps exchanges.
type recorder struct {
	successes bool

	mu  sync.Mutex
	all []flows.Exchange
}

func (r *recorder) Begin(flows.StepStart) {}
func (r *recorder) End(flows.StepEnd)     {}
func (r *recorder) Log(flows.LogLine)     {}

func (r *recorder) TakesSuccesses() bool { return r.successes }

func (r *recorder) Exchange(_ bool, read func() flows.Exchange) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, read())
}

// text is all that was recorded.
func (r *recorder) text(t *testing.T) string {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	text, err := json.Marshal(r.all)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A request that failed is recorded with its response. No secret is in it: neither one that the flow reads, wherever it is sent or
// comes back, nor one whose name says what it is.
func TestAFailedExchangeIsRecordedWithoutSecrets(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Set-Cookie", "session=hunter3")
		w.Header().Set("X-Echo", r.Header.Get("X-Note"))
		w.Header().Set("Location", "/next?code=hunter22")
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprintf(w, `{"why":"no %s, %s","access_token":"hunter4","order":12}`, r.Header.Get("X-Note"), r.Header.Get("Authorization"))
	})
	trace := &recorder{}
	env := flows.Env{HTTP: way(t), Secrets: planted{"key": "hunter22"}, Trace: trace}
	step := `http: {post: '${ $vars.api }/orders', query: {k: '${ secret("key") }', api_key: plain1, page: 2},
    headers: {x-note: 'a ${ secret("key") }', authorization: 'Bearer plain2'},
    json: {note: '${ secret("key") }', password: plain3, sku: A-1}}`
	_, err := execute(t.Context(), strings.ReplaceAll(step, "\n", " "), server.URL, nil, env)
	if err == nil || !strings.Contains(err.Error(), "status 418") {
		t.Fatal(err)
	}
	told := trace.text(t)
	for _, secret := range []string{"hunter", "plain1", "plain2", "plain3", "aHVudGVy"} {
		if strings.Contains(told, secret) {
			t.Errorf("%q is in %s", secret, told)
		}
	}
	if len(trace.all) != 1 {
		t.Fatalf("%d exchanges: %s", len(trace.all), told)
	}
	x := trace.all[0]
	if x.Method != "POST" || x.URL != server.URL+"/orders?k=***&api_key=***&page=2" || x.Status != 418 || x.Try != 1 || x.Item != 0 || !strings.Contains(x.Error, "status 418") {
		t.Errorf("%+v", x)
	}
	if x.Request.Body != `{"note":"***","password":"***","sku":"A-1"}` || x.Request.Headers["X-Note"] != "a ***" || x.Request.Headers["Authorization"] != "***" {
		t.Errorf("request %+v", x.Request)
	}
	if x.Response.Body != `{"access_token":"***","order":12,"why":"no a ***, ***"}` || x.Response.Headers["X-Echo"] != "a ***" || x.Response.Headers["Set-Cookie"] != "***" {
		t.Errorf("response %+v", x.Response)
	}
}

// A step with redact records the fields that it does not name, and no body without fields.
func TestARedactedExchange(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/text" {
			w.Header().Set("Content-Type", "text/plain")
		}
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, map[string]string{"/json": `{"deep":[{"Email":"ann@example.org"}],"email":"ann@example.org","id":7}`, "/text": "ann@example.org"}[r.URL.Path])
	})
	for path, want := range map[string]string{"json": `{"deep":[{"Email":"***"}],"email":"***","id":7}`, "text": ""} {
		trace := &recorder{}
		_, err := execute(t.Context(), `{http: {post: '${ $vars.api }/`+path+`?email=ann@example.org', form: {email: 'ann@example.org', size: 3}}, redact: [email]}`, server.URL, nil, flows.Env{HTTP: way(t), Trace: trace})
		if err == nil || len(trace.all) != 1 {
			t.Fatalf("%v, %d exchanges", err, len(trace.all))
		}
		x := trace.all[0]
		if told := trace.text(t); strings.Contains(told, "ann") {
			t.Errorf("%s: %s", path, told)
		}
		if x.Response.Body != want || (want == "") != (x.Response.Omitted != "") || x.Request.Body != "email=***&size=3" {
			t.Errorf("%s: %+v", path, x)
		}
	}
}

// What is recorded of an exchange is bounded, and says what is missing.
func TestARecordedExchangeIsBounded(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		for i := range 40 {
			w.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("v", 100))
		}
		w.WriteHeader(http.StatusBadGateway)
		fmt.Fprint(w, strings.Repeat("é", 10_000))
	})
	trace := &recorder{}
	step := `http: {post: '${ $vars.api }/` + strings.Repeat("p", 3000) + `', raw: '` + strings.Repeat("b", 70_000) + `'}`
	if _, err := execute(t.Context(), step, server.URL, nil, flows.Env{HTTP: way(t), Trace: trace}); err == nil {
		t.Fatal("the step did not fail")
	}
	x := trace.all[0]
	if len(x.URL) > 1024 || x.Request.Body != "" || x.Request.Size != 70_000 || !strings.Contains(x.Request.Omitted, "65,536") {
		t.Errorf("request: %d bytes of URL, %+v", len(x.URL), x.Request)
	}
	headers := 0
	for name, value := range x.Response.Headers {
		headers += len(name) + len(value)
	}
	if !x.Response.Cut || len(x.Response.Body) != flows.MaxExchangeBody || headers > 2048 || x.Response.Size != 20_000 {
		t.Errorf("response: %d bytes of body, %d of headers, size %d", len(x.Response.Body), headers, x.Response.Size)
	}
	if n := x.Size(); n > 12<<10 {
		t.Errorf("it takes %d bytes", n)
	}
}

// An exchange that succeeds is recorded only when that is asked for, and one without a response says so.
func TestWhichExchangesAreRecorded(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "fine") })
	for _, asked := range []bool{false, true} {
		trace := &recorder{successes: asked}
		if _, err := execute(t.Context(), `http: {get: '${ $vars.api }'}`, server.URL, nil, flows.Env{HTTP: way(t), Trace: trace}); err != nil {
			t.Fatal(err)
		}
		if (len(trace.all) == 1) != asked || asked && (trace.all[0].Status != 200 || trace.all[0].Response.Body != "fine" || trace.all[0].Error != "") {
			t.Errorf("asked for %v: %+v", asked, trace.all)
		}
	}
	trace := &recorder{}
	if _, err := execute(t.Context(), `{http: {get: 'http://127.0.0.1:1/'}, retry: {attempts: 2, backoff: 1ms, on: [network]}}`, "", nil, flows.Env{HTTP: way(t), Trace: trace}); err == nil {
		t.Fatal("a closed port answered")
	}
	if len(trace.all) != 2 || trace.all[1].Try != 2 || trace.all[1].Response != nil || trace.all[1].Status != 0 || !strings.Contains(trace.all[1].Error, "refused") {
		t.Errorf("%+v", trace.all)
	}
}
