package api_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/penstock/penstock/api"
	"github.com/penstock/penstock/api/apitest"
	historyapi "github.com/penstock/penstock/api/history"
	"github.com/penstock/penstock/api/openapi"
	"github.com/penstock/penstock/history"
	"github.com/penstock/penstock/internal/callback"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/queue"
)

// document is the description of the API, loaded once.
var document = sync.OnceValues(func() (routers.Router, error) {
	d, err := openapi.Describe()
	if err != nil {
		return nil, err
	}
	for _, media := range []string{"text/html", "text/css", "text/event-stream", "application/x-ndjson"} {
		openapi3filter.RegisterBodyDecoder(media, openapi3filter.PlainBodyDecoder)
	}
	doc, err := openapi3.NewLoader().LoadFromData(d.Document)
	if err != nil {
		return nil, err
	}
	if err := doc.Validate(openapi3.NewLoader().Context); err != nil {
		return nil, err
	}
	return gorillamux.NewRouter(doc)
})

// contractClient validates requests and responses against the document, and records the called operations with
// their statuses.
type contractClient struct {
	t      *testing.T
	router routers.Router

	mu     sync.Mutex
	called map[string][]int // guarded by mu
}

func newContractClient(t *testing.T) *contractClient {
	t.Helper()
	router, err := document()
	apitest.Fatal(t, err)
	return &contractClient{t: t, router: router, called: map[string][]int{}}
}

// RoundTrip implements http.RoundTripper.
func (h *contractClient) RoundTrip(r *http.Request) (*http.Response, error) {
	w, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(w.Body)
	_ = w.Body.Close()
	if err != nil {
		return nil, err
	}
	w.Body = io.NopCloser(bytes.NewReader(body))
	local := r.Clone(r.Context())
	local.URL.Scheme, local.URL.Host = "", ""
	route, params, err := h.router.FindRoute(local)
	if err != nil {
		h.t.Errorf("%s %s is not described: %v", r.Method, r.URL.Path, err)
		return w, nil
	}
	h.mu.Lock()
	h.called[route.Operation.OperationID] = append(h.called[route.Operation.OperationID], w.StatusCode)
	h.mu.Unlock()
	if local.Body = http.NoBody; r.GetBody != nil {
		local.Body, _ = r.GetBody() // of a reader in memory: never fails
	}
	h.check(&openapi3filter.RequestValidationInput{
		Request: local, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, MultiError: true},
	}, w, body)
	return w, nil
}

func (h *contractClient) check(in *openapi3filter.RequestValidationInput, w *http.Response, body []byte) {
	if w.StatusCode < 400 { // what was taken is what the document says is taken
		if err := openapi3filter.ValidateRequest(in.Request.Context(), in); err != nil {
			h.t.Errorf("%s %s was answered %d, though the document takes no such request: %v", in.Request.Method, in.Request.URL.Path, w.StatusCode, err)
		}
	}
	options := &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true}
	err := openapi3filter.ValidateResponse(in.Request.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: w.StatusCode, Header: w.Header, Body: io.NopCloser(bytes.NewReader(body)), Options: options,
	})
	if err != nil {
		h.t.Errorf("%s %s answered %d, which the document does not say: %v\n%s", in.Request.Method, in.Request.URL.Path, w.StatusCode, err, body[:min(len(body), 400)])
	}
}

var (
	ginParam  = regexp.MustCompile(`:(\w+)`)
	consoleAt = regexp.MustCompile(`^\w+ /(console|$)`) // and the bare address, which leads there
)

// The document and the router have the same operations.
func TestDocumentAndRouterAgree(t *testing.T) {
	t.Parallel()
	_, callable := callbacks(t)
	p := apitest.NewProduct(t, callable)
	described := map[string]bool{}
	d, err := openapi.Describe()
	apitest.Fatal(t, err)
	doc, err := openapi3.NewLoader().LoadFromData(d.Document)
	apitest.Fatal(t, err)
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			described[method+" "+path] = true
		}
	}
	for _, route := range p.API.Routes() {
		if consoleAt.MatchString(route) {
			continue // pages for people
		}
		if strings.HasPrefix(route, "HEAD ") {
			continue // as GET, without the body
		}
		route = ginParam.ReplaceAllString(route, "{$1}")
		if !described[route] {
			t.Errorf("%s is not described", route)
		}
		delete(described, route)
	}
	if len(described) > 0 {
		t.Errorf("nothing is at %v", slices.Sorted(maps.Keys(described)))
	}
}

// The responses of all operations conform to the document.
func TestServerDoesWhatTheDocumentSays(t *testing.T) {
	t.Parallel()
	signer, callable := callbacks(t)
	p := apitest.NewProduct(t, callable)
	h := newContractClient(t)
	p.HTTP = &http.Client{Transport: h}
	callCallbacks(p, signer)
	for _, calls := range []func(*apitest.Product){callRunEndpoints, callDeliveries, callRuns, callFailures, callFlows, callTokens, callFolders, callUsers, callKeys, callClients, callPersonalTokens, callSecrets, callWebhooks, callStats, callHistory, callFleet, callMCP, callServer} {
		calls(p)
	}
	approving := callProposals(t, h)
	d, err := openapi.Describe()
	apitest.Fatal(t, err)
	doc, err := openapi3.NewLoader().LoadFromData(d.Document)
	apitest.Fatal(t, err)
	wantAudited(doc, p, approving)
	for path, item := range doc.Paths.Map() {
		for method, o := range item.Operations() {
			answers := h.called[o.OperationID]
			if !slices.ContainsFunc(answers, func(status int) bool { return status < 400 }) {
				t.Errorf("%s %s (%s) was never answered well: %v", method, path, o.OperationID, answers)
			}
			if len(o.Responses.Map()) > 1 && !slices.ContainsFunc(answers, func(status int) bool { return status >= 400 }) {
				t.Errorf("%s %s (%s) was never refused: %v", method, path, o.OperationID, answers)
			}
		}
	}
}

// callbacks returns a signer and a configuration of the API that accepts callbacks of runs, of which there are
// none, and has a history with one run.
func callbacks(t *testing.T) (*callback.Signer, func(*api.Config)) {
	t.Helper()
	signer, err := callback.New(apitest.Issuer, [][]byte{bytes.Repeat([]byte{7}, 32)})
	apitest.Fatal(t, err)
	h, err := history.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "history.db"), slog.New(slog.DiscardHandler))
	apitest.Fatal(t, err)
	t.Cleanup(func() { _ = h.Close() })
	r := queue.Record{Spec: queue.Spec{Flow: 21, Version: "v1", Queue: "default", Accepted: time.Now()}, Attempt: 1}
	r.State, r.Output, r.Steps = queue.Succeeded, []byte("[]"), []byte(`{"steps":[{"step":"a","us":1}]}`)
	r.Times = queue.Times{Accepted: r.Accepted, Started: r.Accepted, Finished: r.Accepted}
	apitest.Fatal(t, h.Write(t.Context(), []history.Run{{Archived: queue.Archive(r), Expires: time.Now().Add(time.Hour)}}))
	return signer, func(c *api.Config) {
		c.Callbacks, c.Stats, c.History = signer, h, historyapi.Config{History: h, Runs: c.Fleet.(*queue.Client)}
		c.Call = func(context.Context, string, string, []byte) error { return nil }
	}
}

func callMCP(p *apitest.Product) {
	p.Want(p.Do("POST", "/oauth/register", "", `{"client_name":"Agent","redirect_uris":["https://agent.example.com/back"]}`), 201)
	p.Want(p.Do("POST", "/oauth/register", "", `{"redirect_uris":["http://agent.example.com/back"]}`), 400)
	accept := []string{"Accept", "application/json, text/event-stream"}
	p.Want(p.Do("POST", "/mcp", "ulf", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, accept...), 200)
	p.Want(p.Do("POST", "/mcp", "", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, accept...), 401)
	p.Want(p.Do("DELETE", "/mcp", "ulf", ""), 204)
	p.Want(p.Do("DELETE", "/mcp", "", ""), 401)
}

func callCallbacks(p *apitest.Product, signer *callback.Signer) {
	token := func(expires time.Time) string {
		return callback.Path + signer.Token(callback.Call{Run: queue.NewRunID("default"), Key: "wait_for.0", Expires: expires})
	}
	good, old := token(time.Now().Add(time.Hour)), token(time.Now().Add(-time.Hour))
	p.Want(p.Do("GET", good, "", ""), 200)
	p.Want(p.Do("GET", old, "", ""), 410)
	p.Want(p.Do("POST", good, "", `{"yes":true}`), 200)
	p.Want(p.Do("POST", good, "", "yes=1", "Content-Type", formType), 200)
	p.Want(p.Do("POST", old, "", `{}`), 410)
}

var codes = regexp.MustCompile(`(?:Code: |[bB]adRequest\()"([a-z_]+)"`)

// The reference explains all codes of problems.
func TestEveryCodeIsDescribed(t *testing.T) {
	t.Parallel()
	d, err := openapi.Describe()
	apitest.Fatal(t, err)
	files, err := filepath.Glob("*.go")
	apitest.Fatal(t, err)
	domains, err := filepath.Glob("*/*.go")
	apitest.Fatal(t, err)
	found := []string{"unauthorized", "forbidden", "invalid_token", "insufficient_scope", "waiting",
		"step_failed", "fail", "expression", "validation", "timeout", "cancelled", "limit", "busy", "uncertain", "crashed", "internal"}
	for _, file := range append(files, domains...) {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		apitest.Fatal(t, err)
		for _, m := range codes.FindAllStringSubmatch(string(text), -1) {
			found = append(found, m[1])
		}
	}
	if !slices.Contains(found, "too_large") || !slices.Contains(found, "flow_paused") || !slices.Contains(found, "bad_chunks") {
		t.Fatalf("this test does not find the codes any more, only %q", found)
	}
	for _, code := range found {
		if code != "caller_gone" && !bytes.Contains(d.Page, []byte(`id="problem-`+code+`"`)) { // who has gone hears nothing
			t.Errorf("the code %s is not described", code)
		}
	}
}

func callDeliveries(p *apitest.Product) {
	p.Want(p.Do("PUT", "/v1/flows/7/recording", "otto", `{"seconds":60}`), 200)
	p.Want(p.Do("PUT", "/v1/flows/7/recording", "otto", `{"seconds":0}`), 400)
	p.Want(p.GitHub("/hooks/7?debug=1", `{"n":1}`, "recorded"), 200)
	newest := ""
	testenv.Eventually(p.T, func() string {
		page := p.Want(p.Do("GET", "/v1/flows/7/deliveries?filter=recorded+eq+true", "vera", ""), 200)
		if items := page["items"].([]any); len(items) > 0 && items[0].(map[string]any)["recorded"] == true {
			newest = fmt.Sprint("/v1/flows/7/deliveries/", items[0].(map[string]any)["delivery"])
			return ""
		}
		return "the delivery is not recorded yet"
	})
	p.Want(p.Do("GET", "/v1/flows/99/deliveries", "vera", ""), 404)
	p.Want(p.Do("GET", newest, "vera", ""), 200)
	p.Want(p.Do("GET", newest+"0000", "vera", ""), 404)
	p.Want(p.Do("POST", newest+"/redeliver", "otto", ""), 200)
	p.Want(p.Do("POST", newest+"0000/redeliver", "otto", ""), 404)
	p.Want(p.Do("DELETE", "/v1/flows/7/recording", "otto", ""), 204)
	p.Want(p.Do("DELETE", "/v1/flows/7/recording", "vera", ""), 403)
	p.Want(p.Do("GET", "/v1/flows/99/deliveries/events", "vera", ""), 404)

	p.Want(p.Do("POST", "/v1/captures", "vera", ""), 403)
	capture := p.Want(p.Do("POST", "/v1/captures", "otto", ""), 201)
	path := strings.TrimPrefix(capture["url"].(string), apitest.Issuer)
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
		p.Want(p.Do(method, path, "", ""), 200)
		p.Want(p.Do(method, path+"A", "", ""), 404)
	}
	p.Want(p.GitHub(path, `{}`, "d"), 200)
	opened := "/v1/captures/" + capture["capture"].(string)
	p.Want(p.Do("GET", opened, "otto", ""), 200)
	p.Want(p.Do("GET", opened, "ann", ""), 404)
	p.Want(p.Do("DELETE", opened, "ann", ""), 404)
	p.Want(p.Do("DELETE", opened, "otto", ""), 204)
}

func callFailures(p *apitest.Product) {
	path := ""
	testenv.Eventually(p.T, func() string {
		if all := p.Want(p.Do("GET", "/v1/failures", "vera", ""), 200)["items"].([]any); len(all) > 0 {
			path = "/v1/failures/" + all[0].(map[string]any)["id"].(string)
			return ""
		}
		return "no failure is recorded yet"
	})
	p.Want(p.Do("GET", "/v1/failures?filter=x", "vera", ""), 400)
	p.Want(p.Do("GET", path, "vera", ""), 200)
	p.Want(p.Do("GET", path+"0", "vera", ""), 404)
	p.Want(p.Do("PATCH", path, "otto", `{"state":"muted","muted_until":"`+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`"}`), 200)
	p.Want(p.Do("PATCH", path, "otto", `{"state":"muted","muted_until":"2999-01-01T00:00:00Z"}`), 400)
	p.Want(p.Do("PATCH", path, "otto", `{"state":"resolved"}`), 200)
	p.Want(p.Do("PATCH", path, "vera", `{"state":"resolved"}`), 403)
}

func callWebhooks(p *apitest.Product) {
	p.Deploy(20, apitest.FlowPasses)
	const flow = "/v1/flows/20"
	delivery := flow + "/webhooks/" + p.Webhook(20, "k", "https://example.org/hook")
	endpoints := flow + "/webhook-endpoints"
	for _, path := range []string{flow + "/webhooks", delivery, endpoints} {
		p.Want(p.Do("GET", path, "otto", ""), 200)
		p.Want(p.Do("GET", path, "", ""), 401)
	}
	endpoint := endpoints + "/" + p.Want(p.Do("GET", delivery, "otto", ""), 200)["endpoint_id"].(string)
	p.Want(p.Do("POST", endpoint+"/disable", "otto", ""), 204)
	p.Want(p.Do("POST", delivery+"/redeliver", "otto", ""), 409)
	p.Want(p.Do("GET", endpoints, "otto", ""), 200)
	p.Want(p.Do("POST", endpoint+"/enable", "otto", ""), 204)
	p.Want(p.Do("POST", delivery+"/redeliver", "otto", ""), 200)
	for _, verb := range []string{"/enable", "/disable"} {
		p.Want(p.Do("POST", endpoints+"/none"+verb, "otto", ""), 404)
	}
}

func callStats(p *apitest.Product) {
	p.Deploy(21, apitest.FlowPasses)
	for _, path := range []string{"/v1/stats?by=trigger", "/v1/flows/21/stats?from=1h&step=a"} {
		p.Want(p.Do("GET", path, "vera", ""), 200)
		p.Want(p.Do("GET", path+"&to=x", "vera", ""), 400)
	}
}

func callHistory(p *apitest.Product) {
	p.Want(p.Do("GET", "/v1/history/export?filter="+"flow+eq+99", "vera", ""), 200)
	p.Want(p.Do("GET", "/v1/history/export?filter=x", "vera", ""), 400)
	for _, path := range []string{"/v1/history/hold", "/v1/history/erase"} {
		p.Want(p.Do("POST", path, "ann", `{"filter":"flow eq 99"}`), 200)
		p.Want(p.Do("POST", path, "ann", `{}`), 400)
		p.Want(p.Do("POST", path, "otto", `{"filter":"flow eq 99"}`), 403)
	}
}

func callServer(p *apitest.Product) {
	for _, path := range []string{"/healthz", "/readyz", "/openapi.json", "/docs", "/docs/style.css", "/llms.txt", "/llms-full.txt", "/.well-known/oauth-authorization-server", "/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"} {
		p.Want(p.Do("GET", path, "", ""), 200)
	}
	p.Want(p.Do("GET", "/openapi.json", "ulf", ""), 200)
	p.Want(p.Do("GET", "/openapi.json", "", "", "Authorization", "Bearer unknown"), 401)
	p.API.Drain()
	p.Want(p.Do("GET", "/readyz", "", ""), 503)
	p.Want(p.Do("GET", "/v1/flows/7/deliveries/events", "vera", ""), 200) // ends at once
}

const formType = "application/x-www-form-urlencoded"

func callRunEndpoints(p *apitest.Product) {
	p.Deploy(1, apitest.FlowPasses)
	p.Deploy(3, apitest.FlowFails)
	p.Deploy(7, apitest.HookFlow("scheme: github, verify_token: hook", ""))
	p.Secret("hook", "s3")
	for _, path := range []string{"/apis/execute", "/apis/execute.php"} {
		p.Want(p.Send(p.Signed("GET", path, "1", "")), 200)
		p.Want(p.Send(p.Signed("POST", path, "1", `{"n":1}`)), 200)
		for _, method := range []string{"GET", "POST"} {
			p.Want(p.Do(method, path+"?flow=1&key=key-one&ts=1&check=x", "", ""), 401)
		}
		p.Want(p.Send(p.Signed("GET", path, "3", "")), 400)
	}
	p.Want(p.Do("POST", "/v1/flows/1/runs", "ulf", `{"n":1}`), 200)
	p.Want(p.Do("POST", "/v1/flows/1/runs", "ulf", `{"n":1}`, "Prefer", "respond-async"), 202)
	p.Want(p.Do("POST", "/v1/flows/3/runs", "ulf", ""), 410)
	p.Want(p.Do("POST", "/v1/flows/1/runs", "", ""), 401)
	p.Want(p.Do("POST", "/v1/flows/99/runs", "ulf", ""), 404)
	p.Want(p.Do("POST", "/v1/flows/1/runs?x=y", "ulf", ""), 400)
	p.Want(p.Do("POST", "/v1/flows/1/runs", "ulf", "x", "Content-Type", "text/plain; charset=klingon"), 415)
	p.Want(p.GitHub("/hooks/7", `{}`, "d"), 200)
	p.Want(p.Do("POST", "/hooks/7", "", `{}`), 401)
	p.Want(p.Do("GET", "/hooks/7?hub.mode=subscribe&hub.verify_token=s3&hub.challenge=1", "", ""), 200)
	p.Want(p.Do("GET", "/hooks/7", "", ""), 401)
	p.Deploy(8, strings.Replace(apitest.HookFlow("scheme: cloudevents", ""), "hooked", "events", 1))
	p.Want(p.Do("OPTIONS", "/hooks/8", "", "", "WebHook-Request-Origin", "eventemitter.example.com"), 200)
	p.Want(p.Do("OPTIONS", "/hooks/8", "", "", "WebHook-Request-Origin", "<b>"), 400)
	p.Want(p.Do("OPTIONS", "/hooks/7", "", ""), 204)
}

func callRuns(p *apitest.Product) {
	p.Deploy(2, apitest.FlowWaits)
	id := p.Run("ulf", 1, `{"n":1}`)
	open := p.Start("ulf", 2, `{"n":1}`)
	<-p.At
	p.Want(p.Do("GET", "/v1/runs", "ulf", ""), 200)
	p.Want(p.Do("GET", "/v1/runs?filter=x", "ulf", ""), 400)
	for _, path := range []string{"", "/events", "/input"} {
		p.Want(p.Do("GET", "/v1/runs/"+id+path, "ulf", ""), 200)
		p.Want(p.Do("GET", "/v1/runs/nothing"+path, "ulf", ""), 404)
	}
	p.Deploy(12, "trigger: {webhook: {max_body: 1MB, body: file}}\nsteps: [{transform: '.'}]")
	stored := p.Want(p.Do("POST", "/v1/flows/12/runs", "ulf", `{"n":1}`), 200)
	file := stored["output"].([]any)[0].(map[string]any)["file"].(string)
	if r := p.Do("GET", "/v1/runs/"+stored["run_id"].(string)+"/files/"+file, "ulf", ""); r.StatusCode != 200 || r.Text != `{"n":1}` {
		p.T.Errorf("%d %s", r.StatusCode, r.Text)
	}
	p.Want(p.Do("GET", "/v1/runs/"+id+"/files/"+file, "ulf", ""), 404)
	p.Want(p.Do("GET", "/v1/runs/"+open, "ulf", ""), 200)
	p.Want(p.Do("POST", "/v1/runs/"+open+"/cancel", "ulf", ""), 200)
	p.Want(p.Do("POST", "/v1/runs/"+open+"/cancel", "ulf", ""), 409)
	p.Want(p.Do("POST", "/v1/runs/"+id+"/replay", "ulf", ""), 200)
	p.Want(p.Do("POST", "/v1/runs/"+id+"/replay", "ulf", `{"version":"x"}`), 400)
	p.Want(p.Do("POST", "/v1/runs/"+id+"/replay", "ulf", `{"dry_run":true}`), 200)
	p.Want(p.Do("PATCH", "/v1/runs/"+id, "ulf", `{"triage":"ignored"}`), 409)
	p.Deploy(13, apitest.FlowFails)
	failed := p.Want(p.Do("POST", "/v1/flows/13/runs", "ulf", "{}"), 410)["run_id"].(string)
	p.Want(p.Do("PATCH", "/v1/runs/"+failed, "ulf", `{"triage":"ignored","note":"known"}`), 200)
	p.Want(p.Do("GET", "/v1/runs/"+failed, "ulf", ""), 200)
	p.Want(p.Do("POST", "/v1/runs/bulk", "otto", `{"action":"resume","dry_run":true,"filter":"flow gt 0"}`), 200)
	p.Want(p.Do("POST", "/v1/runs/bulk", "otto", `{"action":"resume","filter":"flow eq 99"}`), 202)
	operation := "/v1/operations/" + p.Want(p.Do("POST", "/v1/runs/bulk", "otto", `{"action":"resolve","filter":"flow eq 13"}`), 202)["id"].(string)
	for _, path := range []string{"", "/results"} {
		p.Want(p.Do("GET", operation+path, "otto", ""), 200)
		p.Want(p.Do("GET", "/v1/operations/none"+path, "otto", ""), 404)
	}
	p.Want(p.Do("GET", "/v1/operations", "otto", ""), 200)
	p.Want(p.Do("GET", "/v1/operations?filter=x", "otto", ""), 400)
	p.Want(p.Do("POST", "/v1/runs/bulk", "otto", `{"action":"delete","filter":"flow gt 0"}`), 400)
	p.Want(p.Do("POST", "/v1/operations/none/stop", "otto", ""), 404)
	p.Want(p.Do("POST", operation+"/stop", "otto", ""), 200)
	p.Want(p.Do("POST", "/v1/runs/"+failed+"/resume", "ulf", `{"dry_run":true}`), 200)
	p.Want(p.Do("POST", "/v1/runs/"+failed+"/resume", "otto", `{"from":"nowhere"}`), 400)
	for _, decision := range []string{`{"from":"fail"}`, `{"assume":{"fail":"done"}}`, `{"outputs":{"fail":[]}}`} { // a caller decides nothing about its own run
		p.Want(p.Do("POST", "/v1/runs/"+failed+"/resume", "ulf", decision), 403)
	}
	p.Want(p.Do("POST", "/v1/runs/"+failed+"/resume?dry_run=true", "ulf", ""), 400)
	p.Want(p.Do("POST", "/v1/runs/"+failed+"/resume", "ulf", ""), 410)
	p.Want(p.Do("POST", "/v1/runs/"+failed+"/resume", "ulf", ""), 409)
	p.Want(p.Do("POST", "/v1/runs/"+id+"/resume", "ulf", ""), 409)
}

func callFlows(p *apitest.Product) {
	p.Want(p.Do("PUT", "/v1/flows/9", "ann", "flow: 9\nsteps: [{set: {a: 1}}]", "Content-Type", "application/yaml"), 201)
	p.Want(p.Do("PUT", "/v1/flows/9", "ann", "flow: 9\ntrigger: {schedule: '@hourly'}\nsteps: [{set: {a: 2}}]", "Content-Type", "application/yaml"), 200)
	p.Want(p.Do("PUT", "/v1/flows/9", "ann", "flow: 9\nsteps: [{sett: {a: 2}}]", "Content-Type", "application/yaml"), 422)
	p.Want(p.Do("PUT", "/v1/flows/8", "ann", "flow: 9\nsteps: [{set: {a: 2}}]", "Content-Type", "application/yaml"), 409)
	p.Want(p.Do("GET", "/v1/flows", "ann", ""), 200)
	p.Want(p.Do("GET", "/v1/flows?page=0", "ann", ""), 400)
	versions := p.Want(p.Do("GET", "/v1/flows/9/versions", "ann", ""), 200)["items"].([]any)
	version := versions[1].(map[string]any)["version"].(string)
	p.Want(p.Do("GET", "/v1/flows/9/versions/"+version, "ann", ""), 200)
	p.Want(p.Do("GET", "/v1/flows/9/versions/none", "ann", ""), 404)
	p.Want(p.Do("GET", "/v1/flows/99/versions", "ann", ""), 404)
	p.Want(p.Do("GET", "/v1/flows/9", "ann", ""), 200)
	p.Want(p.Do("GET", "/v1/flows/99", "ann", ""), 404)
	p.Want(p.Do("GET", "/v1/flows/9/openapi.json", "ulf", ""), 200)
	p.Want(p.Do("GET", "/v1/flows/99/openapi.json", "ulf", ""), 404)
	p.Run("ulf", 9, "")
	yaml := []string{"Content-Type", "application/yaml"}
	p.Want(p.Do("POST", "/v1/flows/9/rehearsals", "ann", "flow: 9\nsteps: [{set: {a: 3}}, {emit: other}]", yaml...), 200)
	p.Want(p.Do("POST", "/v1/flows/9/rehearsals?runs=1&version="+version, "ann", ""), 200)
	p.Want(p.Do("POST", "/v1/flows/9/rehearsals", "ann", "flow: 9\nsteps: [{sett: {a: 3}}]", yaml...), 422)
	p.Want(p.Do("POST", "/v1/flows/9/rehearsals", "ulf", ""), 403)
	p.Want(p.Do("POST", "/v1/flows/9/check", "ann", "flow: 9\nsteps: [{emit: nowhere}]", yaml...), 200)
	p.Want(p.Do("POST", "/v1/flows/9/check", "ann", "flow: 9\nsteps: [{sett: {a: 3}}]", yaml...), 422)
	p.Want(p.Do("POST", "/v1/flows/9/tests", "ann", "flow: 9\nsteps: [{set: {a: 3}}]\ntests: [{name: x, event: {}, output: [{a: 4}]}]", yaml...), 200)
	p.Want(p.Do("POST", "/v1/flows/9/tests", "ann", "flow: 9\nsteps: [{sett: {a: 3}}]", yaml...), 422)
	p.Want(p.Do("POST", "/v1/events/order.paid", "ann", `{}`), 200)
	p.Want(p.Do("POST", "/v1/events/order.paid", "ulf", `{}`), 403)
	p.Want(p.Do("GET", "/v1/flows/9/snapshots", "ann", ""), 200)
	p.Want(p.Do("GET", "/v1/flows/99/snapshots", "ann", ""), 404)
	p.Want(p.Do("PUT", "/v1/flows/47", "ann", "flow: 47\nsteps: [{changes: list, key: \"${ . }\", steps: [log: x]}]", yaml...), 201)
	if got := p.Do("DELETE", "/v1/flows/47/snapshots/list", "ann", "").StatusCode; got != 204 {
		p.T.Errorf("the snapshot is removed with %d", got)
	}
	p.Want(p.Do("DELETE", "/v1/flows/47/snapshots/other", "ann", ""), 404)
	p.Want(p.Do("GET", "/v1/flows/9/canary", "ann", ""), 404)
	canary := "flow: 9\ntrigger: {schedule: '@hourly'}\nsteps: [{set: {a: 3}}]"
	p.Want(p.Do("PUT", "/v1/flows/9/canary?percent=10&rollback_at=5&promote_after=1h", "ann", canary, yaml...), 200)
	p.Want(p.Do("PUT", "/v1/flows/9/canary?percent=10&version="+version, "ann", ""), 409)
	p.Want(p.Do("PUT", "/v1/flows/9/canary?percent=10", "ann", "flow: 9\nsteps: [{sett: {a: 3}}]", yaml...), 422)
	p.Want(p.Do("GET", "/v1/flows/9/canary", "ann", ""), 200)
	p.Want(p.Do("DELETE", "/v1/flows/9/canary", "ulf", ""), 403)
	p.Want(p.Do("DELETE", "/v1/flows/9/canary", "ann", ""), 200)
	p.Want(p.Do("DELETE", "/v1/flows/9/canary", "ann", ""), 404)
	p.Want(p.Do("PUT", "/v1/flows/9/canary?principals=user:ulf", "ann", canary, yaml...), 200)
	p.Want(p.Do("POST", "/v1/flows/9/canary/promote", "ann", ""), 200)
	p.Want(p.Do("POST", "/v1/flows/9/canary/promote", "ann", ""), 404)
	for _, act := range []string{"disable", "enable", "pause", "resume", "rollback"} {
		p.Want(p.Do("POST", "/v1/flows/9/"+act, "ann", ""), 200)
		p.Want(p.Do("POST", "/v1/flows/9/"+act, "ulf", ""), 403)
	}
	p.Want(p.Do("DELETE", "/v1/flows/9", "ann", ""), 204)
	p.Want(p.Do("DELETE", "/v1/flows/9", "ann", ""), 404)
}

func callTokens(p *apitest.Product) {
	for _, path := range []string{"/token", "/appservices/token"} {
		p.Want(p.Do("POST", path, "", "grant_type=password&username=ulf&password="+strings.ReplaceAll(apitest.Password, " ", "+"), "Content-Type", formType), 200)
		p.Want(p.Do("POST", path, "", "grant_type=password&username=ulf&password=x", "Content-Type", formType), 400)
	}
	client := p.Want(p.Do("POST", "/v1/clients", "ann", `{"name":"c","scopes":["flows:run"],"secret":"a secret of sixteen","assertion_expires_on":"2099-01-01"}`), 201)["identifier"].(string)
	assertion := p.Do("POST", "/v1/clients/"+client+"/assertion", "ann", "")
	p.Want(assertion, 201)
	as := func(path, form string, status int) map[string]any {
		r := p.Request("POST", path, "", form, "Content-Type", formType)
		r.SetBasicAuth(client, "a secret of sixteen")
		return p.Want(p.Send(r), status)
	}
	as("/oauth/v2/oauth-token", "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion="+assertion.Text, 200)
	as("/oauth/v2/oauth-token", "grant_type=password", 400)
	token := as("/oauth2/token", "grant_type=client_credentials", 200)["access_token"].(string)
	as("/oauth2/token", "grant_type=client_credentials&scope=users:admin", 400)
	as("/oauth/introspect", "token="+token, 200)
	as("/oauth/introspect", "", 400)
	as("/oauth/revoke", "token="+token, 200)
	as("/oauth/revoke", "", 400)
}

func callUsers(p *apitest.Product) {
	p.Want(p.Do("POST", "/v1/users", "ann", `{"name":"new","password":"long enough for this","roles":["viewer"]}`), 201)
	p.Want(p.Do("POST", "/v1/users", "ann", `{"name":"new","password":"long enough for this"}`), 409)
	p.Want(p.Do("GET", "/v1/users", "ann", ""), 200)
	p.Want(p.Do("GET", "/v1/users", "ulf", ""), 403)
	p.Want(p.Do("GET", "/v1/users/new", "ann", ""), 200)
	p.Want(p.Do("GET", "/v1/users/none", "ann", ""), 404)
	p.Want(p.Do("PATCH", "/v1/users/new", "ann", `{"disabled":true}`), 200)
	p.Want(p.Do("PATCH", "/v1/users/new", "ann", `{"roles":["king"]}`), 400)
	p.Want(p.Do("DELETE", "/v1/users/new", "ann", ""), 204)
	p.Want(p.Do("DELETE", "/v1/users/new", "ann", ""), 404)
	p.Want(p.Do("GET", "/v1/scopes", "ann", ""), 200)
	p.Want(p.Do("GET", "/v1/scopes", "vera", ""), 403)
	p.Want(p.Do("GET", "/v1/audit", "ann", ""), 200)
	p.Want(p.Do("GET", "/v1/audit", "vera", ""), 403)
	callAudit(p)
	p.Want(p.Do("POST", "/v1/auth/explain", "ann", `{"method":"GET","url":"/apis/execute?flow=1&key=key-one&ts=1&check=x"}`), 200)
	p.Want(p.Do("POST", "/v1/auth/explain", "ulf", `{}`), 403)
}

func callFolders(p *apitest.Product) {
	p.Want(p.Do("PUT", "/v1/folders/crm.contacts", "ann", `{"grants":[{"to":"group:crm","rights":["see","edit"]}]}`), 200)
	p.Want(p.Do("PUT", "/v1/folders/crm.contacts", "ann", `{"grants":[{"to":"group:crm","rights":["fly"]}]}`), 400)
	p.Want(p.Do("GET", "/v1/folders", "ann", ""), 200)
	p.Want(p.Do("GET", "/v1/folders", "", ""), 401)
	p.Want(p.Do("GET", "/v1/folders/crm.contacts", "ann", ""), 200)
	p.Want(p.Do("GET", "/v1/folders/CRM", "key-one", ""), 400)
	p.Want(p.Do("DELETE", "/v1/folders/crm.contacts", "ann", ""), 204)
	p.Want(p.Do("DELETE", "/v1/folders/crm.contacts", "ann", ""), 404)
}

func callKeys(p *apitest.Product) {
	p.Want(p.Do("POST", "/v1/keys", "ann", `{"key":"made","name":"Made","flows":[1]}`), 201)
	p.Want(p.Do("POST", "/v1/keys", "ann", `{"key":"made"}`), 409)
	p.Want(p.Do("GET", "/v1/keys", "ann", ""), 200)
	p.Want(p.Do("GET", "/v1/keys", "ulf", ""), 403)
	p.Want(p.Do("GET", "/v1/keys/made", "ann", ""), 200)
	p.Want(p.Do("GET", "/v1/keys/none", "ann", ""), 404)
	p.Want(p.Do("PATCH", "/v1/keys/made", "ann", `{"ts_window":60,"on_replay":"attach"}`), 200)
	p.Want(p.Do("PATCH", "/v1/keys/made", "ann", `{"on_replay":"maybe"}`), 400)
	p.Want(p.Do("POST", "/v1/keys/made/rotate", "ann", `{"overlap_seconds":60}`), 200)
	p.Want(p.Do("POST", "/v1/keys/none/rotate", "ann", ""), 404)
	p.Want(p.Do("DELETE", "/v1/keys/made", "ann", ""), 204)
	p.Want(p.Do("DELETE", "/v1/keys/made", "ann", ""), 404)
}

func callClients(p *apitest.Product) {
	id := p.Want(p.Do("POST", "/v1/clients", "ann", `{"name":"CRM","scopes":["flows:run"],"assertion_expires_on":"2099-01-01"}`), 201)["identifier"].(string)
	p.Want(p.Do("POST", "/v1/clients", "ann", `{"scopes":["flows:fly"]}`), 400)
	p.Want(p.Do("GET", "/v1/clients", "ann", ""), 200)
	p.Want(p.Do("GET", "/v1/clients", "ulf", ""), 403)
	p.Want(p.Do("GET", "/v1/clients/"+id, "ann", ""), 200)
	p.Want(p.Do("GET", "/v1/clients/none", "ann", ""), 404)
	p.Want(p.Do("PATCH", "/v1/clients/"+id, "ann", `{"token_ttl_minutes":10}`), 200)
	p.Want(p.Do("PATCH", "/v1/clients/"+id, "ann", `{"token_ttl_minutes":0}`), 400)
	p.Want(p.Do("POST", "/v1/clients/"+id+"/assertion", "ann", "", "Accept", "application/json"), 201)
	p.Want(p.Do("POST", "/v1/clients/"+id+"/token", "ann", ""), 201)
	p.Want(p.Do("POST", "/v1/clients/"+id+"/secret", "ann", ""), 201)
	for _, act := range []string{"assertion", "token", "secret"} {
		p.Want(p.Do("POST", "/v1/clients/none/"+act, "ann", ""), 404)
	}
	p.Want(p.Do("DELETE", "/v1/clients/"+id, "ann", ""), 204)
	p.Want(p.Do("DELETE", "/v1/clients/"+id, "ann", ""), 404)
	kid := p.Want(p.Do("POST", "/v1/signing-keys", "ann", ""), 201)["kid"].(string)
	p.Want(p.Do("POST", "/v1/signing-keys", "ulf", ""), 403)
	p.Want(p.Do("POST", "/v1/signing-keys", "ann", ""), 201)
	p.Want(p.Do("GET", "/v1/signing-keys", "ann", ""), 200)
	p.Want(p.Do("GET", "/v1/signing-keys", "ulf", ""), 403)
	p.Want(p.Do("DELETE", "/v1/signing-keys/"+kid, "ann", ""), 204)
	p.Want(p.Do("DELETE", "/v1/signing-keys/none", "ann", ""), 404)
}

func callPersonalTokens(p *apitest.Product) {
	made := p.Want(p.Do("POST", "/v1/tokens", "ulf", `{"name":"laptop","scopes":["runs:read"],"days":7}`), 201)
	p.Want(p.Do("POST", "/v1/tokens", "ulf", `{"name":"laptop","scopes":["runs:read"]}`), 400)
	p.Want(p.Do("POST", "/v1/tokens", "ulf", `{"name":"more","scopes":["users:admin"]}`), 403)
	p.Want(p.Do("GET", "/v1/tokens", "ulf", ""), 200)
	p.Want(p.Do("GET", "/v1/tokens", "", ""), 401)
	p.Want(p.Do("DELETE", "/v1/tokens/"+made["id"].(string), "ulf", ""), 204)
	p.Want(p.Do("DELETE", "/v1/tokens/none", "ulf", ""), 404)
}

func callSecrets(p *apitest.Product) {
	p.Want(p.Do("PUT", "/v1/secrets/s", "ann", `{"value":"v"}`), 200)
	p.Want(p.Do("PUT", "/v1/secrets/s", "ann", `{"value":""}`), 400)
	p.Want(p.Do("PUT", "/v1/secrets/s", "ann", `{"from":"vault://kv/other#token"}`), 400)
	p.Want(p.Do("POST", "/v1/secrets/s/test", "ann", ""), 200)
	p.Want(p.Do("POST", "/v1/secrets/none/test", "ann", ""), 404)
	p.Want(p.Do("GET", "/v1/secrets", "ann", ""), 200)
	p.Want(p.Do("GET", "/v1/secrets", "ulf", ""), 403)
	p.Want(p.Do("DELETE", "/v1/secrets/s", "ann", ""), 204)
	p.Want(p.Do("DELETE", "/v1/secrets/s", "ann", ""), 404)
	p.Want(p.Do("PUT", "/v1/vars/v", "ann", `{"value":"https://crm.example.org"}`), 200)
	p.Want(p.Do("PUT", "/v1/vars/v", "ann", `{"value":null}`), 400)
	p.Want(p.Do("GET", "/v1/vars", "ann", ""), 200)
	p.Want(p.Do("GET", "/v1/vars", "ulf", ""), 403)
	p.Want(p.Do("DELETE", "/v1/vars/v", "ann", ""), 204)
	p.Want(p.Do("DELETE", "/v1/vars/v", "ann", ""), 404)
	p.Want(p.Do("PUT", "/v1/connections/c", "ann", `{"type":"basic","hosts":["crm.example.org"],"settings":{"username":"u","password":"p"}}`), 200)
	p.Want(p.Do("PUT", "/v1/connections/c", "ann", `{"type":"magic"}`), 400)
	p.Want(p.Do("POST", "/v1/connections/c/test", "ann", `{"url":"https://other.example.org/"}`), 200)
	p.Want(p.Do("POST", "/v1/connections/none/test", "ann", ""), 404)
	p.Want(p.Do("GET", "/v1/connections", "ann", ""), 200)
	p.Want(p.Do("GET", "/v1/connections", "ulf", ""), 403)
	p.Want(p.Do("GET", "/v1/connections/c", "ann", ""), 200)
	p.Want(p.Do("GET", "/v1/connections/none", "ann", ""), 404)
	p.Want(p.Do("DELETE", "/v1/connections/c", "ann", ""), 204)
	p.Want(p.Do("DELETE", "/v1/connections/c", "ann", ""), 404)
}

func callFleet(p *apitest.Product) {
	p.Want(p.Do("GET", "/v1/queues", "otto", ""), 200)
	p.Want(p.Do("GET", "/v1/queues", "ulf", ""), 403)
	p.Want(p.Do("GET", "/v1/queues/default", "otto", ""), 200)
	p.Want(p.Do("GET", "/v1/queues/none", "otto", ""), 404)
	workers := p.Want(p.Do("GET", "/v1/workers", "otto", ""), 200)["items"].([]any)
	p.Want(p.Do("GET", "/v1/workers", "ulf", ""), 403)
	worker := "/v1/workers/" + workers[0].(map[string]any)["id"].(string)
	p.Want(p.Do("GET", worker, "otto", ""), 200)
	p.Want(p.Do("GET", "/v1/workers/none", "otto", ""), 404)
	for _, act := range []string{"/drain", "/resume"} {
		p.Want(p.Do("POST", worker+act, "otto", ""), 200)
		p.Want(p.Do("POST", worker+act, "vera", ""), 403)
	}
	for _, act := range []string{"/pause", "/resume"} {
		p.Want(p.Do("POST", "/v1/queues/default"+act, "otto", ""), 200)
		p.Want(p.Do("POST", "/v1/queues/default"+act, "vera", ""), 403)
	}
}
