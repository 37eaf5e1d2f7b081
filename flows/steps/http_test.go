package steps

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/flows"
	"penstock/internal/outbound"
)

// parseHTTP compiles a flow of the given steps, as YAML list elements or as
// one step.
func parseHTTP(steps, api string) (*flows.Flow, error) {
	steps = strings.TrimSpace(steps)
	if !strings.HasPrefix(steps, "- ") {
		steps = "- " + strings.ReplaceAll(steps, "\n", "\n  ")
	}
	source := fmt.Sprintf("flow: 1\nname: test\ntrigger: manual\nvars: {api: %q}\nsteps:\n%s\n", api, steps)
	return flows.Parse("test.yaml", []byte(source), flows.NewCatalogue(HTTP(), spread()))
}

// spread makes many items of one, whatever the other kinds do.
func spread() flows.Kind {
	return flows.Kind{
		Name: "spread", Params: []flows.Param{{Name: "program", Type: flows.TypeExpr, Required: true, Inline: true}},
		New: func(args *flows.Args) (flows.Runner, error) {
			program := args.Expr("program")
			return flows.RunFunc(func(ctx context.Context, in *flows.Input) ([]any, error) { return program.All(ctx, in) }), nil
		},
	}
}

func execute(ctx context.Context, steps, api string, event any, env flows.Env) ([]any, error) {
	flow, err := parseHTTP(steps, api)
	if err != nil {
		return nil, err
	}
	return flow.Execute(ctx, flows.Run{ID: "run-1", Attempt: 1, Event: event}, env)
}

// runHTTP executes the steps against a server of the test.
func runHTTP(t testing.TB, steps, api string, event any) ([]any, error) {
	t.Helper()
	return execute(t.Context(), steps, api, event, flows.Env{HTTP: way(t)})
}

func TestHTTPAnswer(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Date"] = nil
		w.Header()["Link"] = []string{"<a>; rel=a", "<b>; rel=b"}
		status, _ := strconv.Atoi(r.URL.Query().Get("status"))
		if status != http.StatusNoContent {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "10")
		}
		w.WriteHeader(status)
		io.WriteString(w, `{"id":1.0}`)
	})
	jsonHeaders := object{"link": "<a>; rel=a, <b>; rel=b", "content-type": "application/json", "content-length": "10"}
	tests := []struct{ name, step, want, message string }{
		{name: "body", step: "{get: '${ $vars.api }?status=200'}", want: `{"status":200,"headers":%s,"body":{"id":1.0}}`},
		{name: "head", step: "{head: '${ $vars.api }?status=200'}", want: `{"status":200,"headers":%s,"body":null}`},
		{name: "expected", step: "{get: '${ $vars.api }?status=404', expect: [200, 404]}", want: `{"status":404,"headers":%s,"body":{"id":1.0}}`},
		{name: "expected class", step: "{get: '${ $vars.api }?status=418', expect: 4xx, parse: text}", want: `{"status":418,"headers":%s,"body":"{\"id\":1.0}"}`},
		{name: "no longer expected", step: "{get: '${ $vars.api }?status=200', expect: [404]}", message: `step http: GET %s: status 200: {"id":1.0}`},
		{name: "not expected", step: "{get: '${ $vars.api }?status=500'}", message: `step http: GET %s: status 500: {"id":1.0}`},
		{name: "too large", step: "{get: '${ $vars.api }?status=200', max_response: 9B}", message: "step http: GET %s: the response body is larger than 9 bytes; raise max_response or ask for less"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			items, err := runHTTP(t, "http: "+test.step, server.URL, nil)
			if test.message != "" {
				if want := fmt.Sprintf(test.message, server.URL); err == nil || err.Error() != want {
					t.Errorf("%v, %v, want %s", items, err, want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want, err := flows.DecodeJSON(fmt.Appendf(nil, test.want, flows.EncodeJSON(jsonHeaders)))
			if err != nil {
				t.Fatal(err)
			}
			got, err := flows.DecodeJSON(flows.EncodeJSON(items[0]))
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got)\n%s", err, diff)
			}
		})
	}
}

func TestHTTPMistakes(t *testing.T) {
	t.Parallel()
	tests := []struct{ step, want string }{
		{"{get: http://h, json: 1, form: {a: b}}", "the body is already said by json"},
		{"{get: http://h, method: POST}", "get: already says the method"},
		{"{get: http://h, post: http://h}", "exclude each other"},
		{"{query: {a: b}}", "one of its fields is missing"},
		{"{get: http://h, headers: {'a b': c}}", `"a b" is not a header name`},
		{"{get: http://h, headers: {accept: a, Accept: b}}", "the header Accept comes twice"},
		{"{get: http://h, headers: {Host: other}}", "the header Host is set by Penstock"},
		{"{get: http://h, headers: {transfer-encoding: chunked}}", "the header transfer-encoding is set by Penstock"},
		{"{post: http://h, raw: x, content_type: text/css, headers: {content-type: text/html}}", "content_type already says"},
		{"{get: http://h, content_type: text/css}", "content_type needs a body"},
		{"{post: http://h, content_type: a/b, multipart: [{name: a, value: b}]}", "a multipart body says its own content type"},
		{"{post: http://h, headers: {content-type: a/b}, multipart: [{name: a, value: b}]}", "a multipart body says its own content type"},
		{"{post: http://h, multipart: [{name: a, value: b, base64: YQ==}]}", "exclude each other"},
		{"{get: http://h, max_response: 1GB}", "max_response is a size from 1B to 100 MB"},
		{"{get: http://h, follow_redirects: 21}", "follow_redirects is from 0 (none) to 20"},
		{"{get: http://h, expect: [99]}", `"99" is no HTTP status`},
		{"{get: http://h, parse: yaml}", "is not among its values"},
		{"{get: http://h, tls: {ca: nonsense}}", "ca holds no PEM certificate"},
		{"{get: http://h, paginate: {items: .body}}", "one of its fields is missing"},
		{"{get: http://h, paginate: {next: link, max_pages: 0}}", "max_pages is from 1 to 10000"},
		{"{get: http://h, paginate: {page: {start: 0}}}", "counting pages needs items"},
		{"{get: http://h, paginate: {offset: {limit: 0}, items: .body}}", "limit is how many items a page has"},
		{"{get: http://h, paginate: {page: {size_param: n}, items: .body}}", "size_param needs size"},
	}
	for _, test := range tests {
		t.Run(test.step, func(t *testing.T) {
			t.Parallel()
			_, err := parseHTTP("http: "+test.step, "")
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want a mistake with %q", err, test.want)
			}
		})
	}
}

func TestHTTPEffect(t *testing.T) {
	t.Parallel()
	want := map[string]flows.Effect{
		"GET": flows.Read, "HEAD": flows.Read, "OPTIONS": flows.Read,
		"PUT": flows.Idempotent, "DELETE": flows.Idempotent, "POST": flows.Once, "PATCH": flows.Once,
	}
	for method, effect := range want {
		if got := (&httpStep{method: method}).Effect(); got != effect {
			t.Errorf("%s: %d, want %d", method, got, effect)
		}
	}
}

// A hundred calls, eight at once: the answers come out in the order of the
// items, over no more connections than calls at once.
func TestHTTPConcurrencyKeepsOrder(t *testing.T) {
	t.Parallel()
	const calls, atOnce = 100, 8
	var running, most, connections atomic.Int64
	together := make(chan struct{}) // closed once atOnce calls are there
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := running.Add(1)
		defer running.Add(-1)
		for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
		}
		if now == atOnce {
			select {
			case <-together:
			default:
				close(together)
			}
		}
		select {
		case <-together:
		case <-r.Context().Done():
		}
		io.WriteString(w, r.URL.Query().Get("n"))
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)

	items, err := runHTTP(t, `
- spread: range(100)
- http: {get: "${ $vars.api }/?n=${ . }"}`, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(items) != calls {
		t.Fatalf("%d items, want %d", len(items), calls)
	}
	for i, item := range items {
		if got := item.(object)["body"]; got != strconv.Itoa(i) {
			t.Errorf("item %d is the answer to %v", i, got)
		}
	}
	if most.Load() != atOnce {
		t.Errorf("%d calls at once, want %d", most.Load(), atOnce)
	}
	if got := connections.Load(); got > 2*atOnce {
		t.Errorf("%d connections for %d calls at once", got, atOnce)
	}
}

func TestHTTPEndsWithTheRun(t *testing.T) {
	t.Parallel()
	reached := make(chan struct{})
	server := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		close(reached)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-reached
		cancel()
	}()
	_, err := execute(ctx, "http: {get: '${ $vars.api }'}", server.URL, nil, flows.Env{HTTP: way(t)})
	var failure *flows.Error
	if !errors.As(err, &failure) || failure.Code != flows.CodeCancelled {
		t.Errorf("got %#v, want %s", err, flows.CodeCancelled)
	}
}

// answers is a transport that gives one answer after another, without network.
type answers struct {
	next func(n int64, req *http.Request) (*http.Response, error)
	n    atomic.Int64
}

func (a *answers) RoundTrip(req *http.Request) (*http.Response, error) {
	return a.next(a.n.Add(1), req)
}

func answer(req *http.Request, status int, headers ...string) *http.Response {
	resp := &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("")), Request: req}
	for i := 0; i < len(headers); i += 2 {
		resp.Header.Set(headers[i], headers[i+1])
	}
	return resp
}

func TestHTTPRetryWaitsAsAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var keys []string
		transport := &answers{next: func(n int64, req *http.Request) (*http.Response, error) {
			keys = append(keys, req.Header["idempotency-key"][0])
			switch n {
			case 1:
				return answer(req, 503, "Retry-After", "7"), nil
			case 2:
				return nil, &net.OpError{Op: "read", Err: errors.New("connection reset by peer")}
			}
			return answer(req, 204), nil
		}}
		began := time.Now()
		items, err := execute(t.Context(), `
http: {put: "${ $vars.api }"}
retry: {attempts: 3, backoff: 1s, jitter: false, on: [503, network]}`, "http://api.example.org", nil, flows.Env{HTTP: transport})
		if err != nil || len(items) != 1 {
			t.Fatalf("%v, %v", items, err)
		}
		if took := time.Since(began); took < 8*time.Second || took > 10*time.Second {
			t.Errorf("three attempts took %s, want 7 s and a pause of 1 to 2", took)
		}
		if diff := cmp.Diff([]string{"run-1.http.0", "run-1.http.0", "run-1.http.0"}, keys); diff != "" {
			t.Errorf("keys (-want +got)\n%s", diff)
		}
	})
}

func TestHTTPDoesNotRetryWhatRepeats(t *testing.T) {
	t.Parallel()
	transport := &answers{next: func(_ int64, req *http.Request) (*http.Response, error) {
		resp := answer(req, 200, "Content-Type", "application/json")
		resp.Body = io.NopCloser(strings.NewReader("<html>"))
		return resp, nil
	}}
	_, err := execute(t.Context(), "http: {get: '${ $vars.api }'}\nretry: {attempts: 3, backoff: 1ms}", "http://h", nil, flows.Env{HTTP: transport})
	if err == nil || transport.n.Load() != 1 {
		t.Errorf("%d attempts on a body that is not JSON, want 1 (%v)", transport.n.Load(), err)
	}
}

func TestHTTPStepTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		transport := &answers{next: func(_ int64, req *http.Request) (*http.Response, error) {
			<-req.Context().Done()
			return nil, req.Context().Err()
		}}
		_, err := execute(t.Context(), "http: {get: '${ $vars.api }'}\ntimeout: 2s\nretry: {attempts: 3, backoff: 1ms, on: [timeout]}", "http://h", nil, flows.Env{HTTP: transport})
		var failure *flows.Error
		if !errors.As(err, &failure) || failure.Code != flows.CodeStepFailed || transport.n.Load() != 3 {
			t.Errorf("%v after %d attempts, want a failed step after 3", err, transport.n.Load())
		}
	})
}

// named are the connections of a test.
type named map[string]flows.HTTPConnection

func (n named) HTTP(_ context.Context, name string) (flows.HTTPConnection, error) {
	if conn, ok := n[name]; ok {
		return conn, nil
	}
	return nil, fmt.Errorf("there is no connection %q", name)
}

func TestHTTPConnection(t *testing.T) {
	t.Parallel()
	server := serve(t, echo)
	host := strings.TrimPrefix(server.URL, "http://")
	env := flows.Env{HTTP: way(t), Connections: named{
		"crm":   keyed{map[string]bool{host: true}},
		"other": keyed{map[string]bool{"crm.example.org": true}},
	}}
	tests := []struct{ connection, want, message string }{
		{connection: "crm", want: "X-Api-Key=of the connection User-Agent=" + userAgent()},
		{connection: "other", message: `connection "other" must not be used for ` + server.URL + ": its allowed hosts do not include it"},
		{connection: "none", message: `there is no connection "none"`},
	}
	for _, test := range tests {
		items, err := execute(t.Context(), "http: {get: '${ $vars.api }/?q=hunter2', connection: "+test.connection+"}", server.URL, nil, env)
		if test.message != "" {
			if err == nil || !strings.Contains(err.Error(), test.message) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s: %v, %v, want %q", test.connection, items, err, test.message)
			}
			continue
		}
		if err != nil || items[0].(object)["body"] != test.want {
			t.Errorf("%s: %v, %v, want %q", test.connection, items, err, test.want)
		}
	}
	_, err := execute(t.Context(), "http: {get: '${ $vars.api }'}", server.URL, nil, flows.Env{})
	if err == nil || !strings.Contains(err.Error(), "there is no network here") {
		t.Errorf("without a transport: %v", err)
	}
}

func TestHTTPOwnAuthority(t *testing.T) {
	t.Parallel()
	var connections atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(mirror))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // the refused handshake is wanted
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	step := "http:\n  get: ${ $vars.api }\n"
	if _, err := runHTTP(t, step, server.URL, nil); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("without tls: %v", err)
	}
	connections.Store(0)
	trusting := step + "  tls:\n    ca: |\n      " + strings.ReplaceAll(strings.TrimSpace(ca), "\n", "\n      ")
	flow, err := parseHTTP(trusting, server.URL)
	if err != nil {
		t.Fatal(err)
	}
	env := flows.Env{HTTP: way(t)}
	for range 3 {
		if _, err := flow.Execute(t.Context(), flows.Run{ID: "r", Attempt: 1}, env); err != nil {
			t.Errorf("with tls: %v", err)
		}
	}
	if connections.Load() != 1 {
		t.Errorf("%d connections for three runs, want 1", connections.Load())
	}
	// The flow's trust does not open private networks.
	closed, err := outbound.New(outbound.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := flow.Execute(t.Context(), flows.Run{ID: "r", Attempt: 1}, flows.Env{HTTP: closed}); err == nil || !strings.Contains(err.Error(), "refused: 127.0.0.1") {
		t.Errorf("closed network: %v", err)
	}
}

func BenchmarkHTTPGet(b *testing.B) {
	server := serve(b, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"value":[{"id":"280","email":{"address":"a@b.org"}}]}`)
	})
	target, err := url.Parse(server.URL)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("step", func(b *testing.B) {
		flow, err := parseHTTP("http: {get: '${ $vars.api }/?q=${ .email }'}", server.URL)
		if err != nil {
			b.Fatal(err)
		}
		env := flows.Env{HTTP: way(b)}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := flow.Execute(b.Context(), flows.Run{ID: "r", Attempt: 1, Event: object{"email": "a@b.org"}}, env); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("net/http", func(b *testing.B) { // the floor
		client := &http.Client{Transport: way(b)}
		b.ReportAllocs()
		for b.Loop() {
			resp, err := client.Get(target.String())
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.ReadAll(resp.Body); err != nil {
				b.Fatal(err)
			}
			resp.Body.Close()
		}
	})
}
