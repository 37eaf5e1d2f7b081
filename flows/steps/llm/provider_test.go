package llm_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/internal/mask"
)

// key is the credential of the connection, which must be seen nowhere but by the provider.
const key = "sk-0123456789abcdef"

// said is one answer of a model, for both shapes.
type said struct {
	text    string
	calls   []called
	final   string // JSON of a structured answer
	stop    string // "", "length", "refusal" or "filter"
	status  int    // 0: 200
	retry   string // Retry-After
	raw     string // in place of all: the body
	in, out int    // tokens; 0: 100 and 10
}

// called is a call of a tool; arguments is JSON, or what should be.
type called struct{ name, arguments string }

// bench is a run with an llm step, a provider on loopback, and a journal like that of the queue.
type bench struct {
	t     *testing.T
	shape string
	url   string
	flow  *flows.Flow
	env   flows.Env
	api   flows.ModelAPI

	mu       sync.Mutex
	answers  []said           // guarded by mu, as are the rest; what is said next
	requests []map[string]any // that came
	keys     []string         // their idempotency keys
	began    map[string]bool
	results  map[string][]byte
	dead     bool // the worker is: the journal takes nothing more
	die      map[int]context.CancelFunc
	effects  []any // of tools
	others   map[string]*flows.Flow
}

func newBench(t *testing.T, shape, source string, answers ...said) *bench {
	t.Helper()
	b := &bench{t: t, shape: shape, answers: answers, began: map[string]bool{}, results: map[string][]byte{}, others: map[string]*flows.Flow{}, die: map[int]context.CancelFunc{}}
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	in, out := 2.0, 10.0
	b.url = server.URL
	b.api = flows.ModelAPI{Shape: shape, Base: server.URL + "/v1", InputPrice: &in, OutputPrice: &out, LimitField: "max_tokens", Version: "2023-06-01"}
	b.flow = b.parse("flow: 1\nsteps:\n  - llm: " + source + "\n")
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	b.env = flows.Env{HTTP: transport, Connections: b, Journal: b, Flows: b, Parks: true}
	return b
}

func (b *bench) parse(source string) *flows.Flow {
	b.t.Helper()
	probe := flows.Kind{Name: "probe", Effect: flows.Once, New: func(*flows.Args) (flows.Runner, error) {
		return flows.RunFunc(func(_ context.Context, in *flows.Input) ([]any, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.effects = append(b.effects, in.Value())
			return []any{in.Value()}, nil
		}), nil
	}}
	flow, err := flows.Parse("test.yaml", []byte(source), steps.Catalogue().With(probe))
	if err != nil {
		b.t.Fatal(err)
	}
	return flow
}

// tool adds a flow that doubles n and has an effect.
func (b *bench) tool() *bench {
	b.others["double"] = b.parse("flow: 7\nslug: double\ntool:\n  description: Doubles a number.\n" +
		"  schema: {type: object, properties: {n: {type: integer}}, required: [n]}\nsteps:\n  - probe:\n  - set: {twice: '${ .n * 2 }'}\n")
	return b
}

// attempt executes the run once; the process dies when the provider gets the request with a number of dieAt.
func (b *bench) attempt(event any, dieAt ...int) ([]any, error) {
	ctx, cancel := context.WithCancel(b.t.Context())
	defer cancel()
	b.mu.Lock()
	b.dead = false
	for _, n := range dieAt {
		b.die[n] = cancel
	}
	b.mu.Unlock()
	return b.flow.Execute(ctx, flows.Run{ID: "run", Attempt: 1, Event: event}, b.env)
}

func (b *bench) one(event any) map[string]any {
	b.t.Helper()
	items, err := b.attempt(event)
	if err != nil || len(items) != 1 {
		b.t.Fatalf("%v, %v", items, err)
	}
	v, err := flows.DecodeJSON(flows.EncodeJSON(items[0]))
	if err != nil {
		b.t.Fatal(err)
	}
	return v.(map[string]any)
}

// fails executes an attempt that must end with a code.
func (b *bench) fails(code flows.Code, message string) *flows.Error {
	b.t.Helper()
	items, err := b.attempt("x")
	var e *flows.Error
	if !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Message, message) {
		b.t.Fatalf("%v, %v, wanted %s: %s", items, err, code, message)
	}
	return e
}

func (b *bench) sent(n int) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.requests) != n {
		b.t.Errorf("the provider got %d requests, wanted %d: %v", len(b.requests), n, b.requests)
	}
}

// request returns the body of the request with a number, as JSON.
func (b *bench) request(n int) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(flows.EncodeJSON(b.requests[n]))
}

// ServeHTTP is the provider.
func (b *bench) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body map[string]any
	d := json.NewDecoder(r.Body)
	d.UseNumber()
	if err := d.Decode(&body); err != nil {
		http.Error(w, err.Error(), 400)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if path := map[string]string{flows.ShapeOpenAI: "/v1/chat/completions", flows.ShapeAnthropic: "/v1/messages"}[b.shape]; r.URL.Path != path || r.Header.Get("Authorization") != "Bearer "+key ||
		b.shape == flows.ShapeAnthropic && r.Header.Get("Anthropic-Version") != "2023-06-01" {
		http.Error(w, "wrong path or header", 404)
		return
	}
	b.requests, b.keys = append(b.requests, body), append(b.keys, r.Header.Get("Idempotency-Key"))
	if cancel := b.die[len(b.requests)]; cancel != nil {
		delete(b.die, len(b.requests))
		b.dead = true
		cancel()
		return
	}
	if len(b.answers) == 0 {
		http.Error(w, "nothing more to say", 418)
		return
	}
	s := b.answers[0]
	b.answers = b.answers[1:]
	if s.retry != "" {
		w.Header().Set("Retry-After", s.retry)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(max(s.status, 200))
	if s.raw != "" {
		fmt.Fprint(w, s.raw)
		return
	}
	if s.in == 0 {
		s.in, s.out = 100, 10
	}
	_ = json.NewEncoder(w).Encode(map[string]func(said) any{flows.ShapeOpenAI: openAIBody, flows.ShapeAnthropic: anthropicBody}[b.shape](s))
}

func openAIBody(s said) any {
	message := map[string]any{"role": "assistant", "content": s.text + s.final}
	finish := "stop"
	switch s.stop {
	case "length":
		finish = "length"
	case "filter":
		finish = "content_filter"
	case "refusal":
		message["refusal"], message["content"] = s.text, nil
	}
	var calls []any
	for _, c := range s.calls {
		calls = append(calls, map[string]any{"id": "x", "type": "function", "function": map[string]any{"name": c.name, "arguments": c.arguments}})
		finish = "tool_calls"
	}
	if calls != nil {
		message["tool_calls"] = calls
	}
	return map[string]any{
		"choices": []any{map[string]any{"index": 0, "message": message, "finish_reason": finish}},
		"usage":   map[string]any{"prompt_tokens": s.in, "completion_tokens": s.out},
	}
}

func anthropicBody(s said) any {
	content := []any{map[string]any{"type": "text", "text": s.text}}
	stop := map[string]string{"": "end_turn", "length": "max_tokens", "refusal": "refusal", "filter": "refusal"}[s.stop]
	if s.final != "" {
		s.calls = append(s.calls, called{"final_answer", s.final})
	}
	for _, c := range s.calls {
		var input any
		if json.Unmarshal([]byte(c.arguments), &input) != nil {
			input = c.arguments
		}
		content = append(content, map[string]any{"type": "tool_use", "id": "x", "name": c.name, "input": input})
		stop = "tool_use"
	}
	return map[string]any{"content": content, "stop_reason": stop, "usage": map[string]any{"input_tokens": s.in, "output_tokens": s.out}}
}

// HTTP implements flows.Connections; the other methods are not used.
func (b *bench) HTTP(ctx context.Context, name string) (flows.HTTPConnection, error) {
	if name != "model" {
		return nil, fmt.Errorf("there is no connection %q", name)
	}
	mask.Add(ctx, key)
	return connection{b}, nil
}

func (b *bench) SQL(context.Context, string) (*flows.Database, error) {
	return nil, errors.ErrUnsupported
}
func (b *bench) Proxy(context.Context, string) (flows.HTTPProxy, error) {
	return nil, errors.ErrUnsupported
}
func (b *bench) Mail(context.Context, string) (flows.Mailer, error) {
	return nil, errors.ErrUnsupported
}
func (b *bench) SFTP(context.Context, string) (flows.SFTPServer, error) {
	return nil, errors.ErrUnsupported
}
func (b *bench) S3(context.Context, string, string) (flows.Bucket, error) {
	return nil, errors.ErrUnsupported
}
func (b *bench) Client(context.Context, string) (flows.Client, func(), error) {
	return nil, nil, errors.ErrUnsupported
}

// connection is a flows.ModelConnection.
type connection struct{ b *bench }

func (c connection) Allows(u *url.URL) bool { return "http://"+u.Host == c.b.url }
func (c connection) Model() *flows.ModelAPI { return &c.b.api }
func (c connection) Transport(base http.RoundTripper) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		sent := r.Clone(r.Context())
		sent.Header.Set("Authorization", "Bearer "+key)
		resp, err := base.RoundTrip(sent)
		if err == nil {
			resp.Request = r
		}
		return resp, err
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

var errDead = errors.New("the worker is dead")

// Start implements flows.Journal as the queue does: only an effect that happens once records its start.
func (b *bench) Start(_ context.Context, key string, effect flows.Effect) (flows.Recorded, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.dead {
		return flows.Recorded{}, errDead
	}
	known := flows.Recorded{Started: b.began[key] || b.results[key] != nil, Result: b.results[key]}
	b.began[key] = b.began[key] || effect == flows.Once
	return known, nil
}

// Finish implements flows.Journal.
func (b *bench) Finish(_ context.Context, key string, result []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.dead {
		return errDead
	}
	b.results[key] = result
	return nil
}

// Find implements flows.Flows.
func (b *bench) Find(ref string) (*flows.Flow, bool) { f, ok := b.others[ref]; return f, ok }

// Version implements flows.Flows.
func (b *bench) Version(_ context.Context, number int64, _ string) (*flows.Flow, error) {
	for f := range maps.Values(b.others) {
		if f.Number == number {
			return f, nil
		}
	}
	return nil, errors.New("no such flow")
}

func each(t *testing.T, test func(t *testing.T, shape string)) {
	for _, shape := range []string{flows.ShapeOpenAI, flows.ShapeAnthropic} {
		t.Run(shape, func(t *testing.T) {
			t.Parallel()
			test(t, shape)
		})
	}
}
