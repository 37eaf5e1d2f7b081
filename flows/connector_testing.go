package flows

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/flows/internal/yaml"
	"github.com/penstock/penstock/internal/phrase"
	"github.com/penstock/penstock/internal/suggest"
	"github.com/penstock/penstock/third_party/gojq"
)

// connectorTest is one entry of a connector's tests.
type connectorTest struct {
	name      string
	line      int
	operation string
	params    any
	requests  []any // nil: not compared
	responses any
	output    any
	fails     bool
	want      any // expected error
}

// connectorTests checks and returns the tests of a document.
func (c *compiler) connectorTests(d *connectorDoc, head *Args) (all []connectorTest) {
	for _, a := range head.List("tests") {
		t := connectorTest{
			name: a.String("name"), line: a.place.Line, operation: a.String("operation"), params: a.Literal("params"),
			requests: listOf(a.Literal("request")), responses: a.Literal("response"), output: a.Literal("output"), fails: a.Has("error"), want: a.Literal("error"),
		}
		o := d.operation(t.operation)
		if o == nil {
			if a.Has("operation") {
				c.Add(mistake.UnknownOperation, a.places["operation"], suggest.DidYouMean(t.operation, d.names()), "there is no operation %q", t.operation)
			}
			continue
		}
		op := c.connectorOperation(d, o)
		if op == nil {
			continue
		}
		if example := op.args.Object("example"); example != nil && !a.Has("params") {
			t.params = example.Literal("params")
		}
		if t.responses == nil {
			t.responses = op.example
		}
		if _, err := newCannedResponses(t.responses); err != nil {
			c.Add(mistake.BadConnector, c.placeOf(a, "response"), "", "response: %v", err)
		}
		for i, request := range t.requests {
			object, err := sentRequest(request)
			if err != nil {
				c.Add(mistake.BadConnector, a.places["request"], "", "request: %v", err)
			}
			t.requests[i] = object
		}
		all = append(all, t)
	}
	return all
}

func (c *compiler) placeOf(a *Args, name string) yaml.Place {
	if at, given := a.places[name]; given {
		return at
	}
	return a.place
}

// listOf returns a value as a list; nil for null.
func listOf(v any) []any {
	if list, ok := v.([]any); ok || v == nil {
		return list
	}
	return []any{v}
}

// sentRequest returns the request of a test as a test of a flow has it in `sent`.
func sentRequest(v any) (any, error) {
	object, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("expected a mapping")
	}
	known := []string{"method", "url", "query", "headers", "json", "body", "connection"}
	sent := map[string]any{}
	for name, member := range object {
		switch {
		case !slices.Contains(known, name):
			return nil, fmt.Errorf("unknown member %q: %s", name, suggest.DidYouMean(name, known))
		case name == "json":
			sent["body"] = member
		case name == "headers":
			headers := map[string]any{}
			fields, _ := member.(map[string]any)
			for header, value := range fields {
				headers[strings.ToLower(header)] = value
			}
			sent["headers"] = headers
		default:
			sent[name] = member
		}
	}
	if text, _ := sent["url"].(string); strings.Contains(text, "?") {
		target, err := url.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("%q is not a URL", text)
		}
		sent["query"] = valuesOf(target.Query())
		target.RawQuery = ""
		sent["url"] = target.String()
	}
	return sent, nil
}

// RunConnectorTests runs the tests of a connector, without network.
func RunConnectorTests(ctx context.Context, c *Connector) []TestResult {
	results := make([]TestResult, len(c.tests))
	for i := range c.tests {
		t := &c.tests[i]
		begun := time.Now()
		items, sent, err := c.Call(ctx, t.operation, t.params, t.responses)
		results[i] = TestResult{Name: t.name, Line: t.line, Failure: t.compare(items, sent, err), Took: time.Since(begun)}
	}
	return results
}

// Call executes an operation without network. responses are a response or a list of them, as an example has them. It returns the
// items that a step puts out, and the requests, as `sent` of a test of a flow has them.
func (c *Connector) Call(ctx context.Context, operation string, params, responses any) (items, sent []any, err error) {
	ref := c.Name + "." + operation
	text := "flow: 1\nsteps:\n  - uses: " + ref + "\n    with: ${ . }\n"
	if len(c.Connection.Types) > 0 {
		text += "    connection: test\n"
	}
	flow, err := Parse("test", []byte(text), c.kinds.WithConnectors(oneConnector{c}))
	if err != nil {
		return nil, nil, err
	}
	canned, err := newCannedResponses(responses)
	if err != nil {
		return nil, nil, err
	}
	items, err = flow.RunWithMocks(ctx, Run{ID: "test", Attempt: 1, Event: params}, map[string]any{ref: canned})
	return comparable(items), comparable(canned.effect.requests), err
}

// oneConnector implements Connectors.
type oneConnector struct{ c *Connector }

// Connector implements Connectors.
func (o oneConnector) Connector(name string) (file string, source []byte, err error) {
	if name != o.c.Name {
		return "", nil, nil
	}
	return o.c.File, o.c.Source, nil
}

// Names implements Connectors.
func (o oneConnector) Names() ([]string, error) { return []string{o.c.Name}, nil }

// compare describes how the call differs from what the test wants; empty when it does not.
func (t *connectorTest) compare(items, sent []any, err error) string {
	if t.fails || err != nil {
		end := test{fails: t.fails, want: t.want}
		if failure := end.compareResult(items, err); failure != "" {
			return strings.Replace(failure, "the run", "the operation", 1)
		}
	}
	var differs []string
	if t.requests != nil {
		for i := range min(len(sent), len(t.requests)) {
			sent[i] = asked(sent[i], t.requests[i])
		}
		if gojq.Compare(t.requests, sent) != 0 {
			differs = append(differs, "what is sent differs (- wanted, + sent)\n"+diff(indented(t.requests), indented(sent)))
		}
	}
	if !t.fails {
		want := listOf(t.output)
		for i := range min(len(items), len(want)) {
			items[i] = asked(items[i], want[i])
		}
		if gojq.Compare(want, items) != 0 {
			differs = append(differs, "what the step puts out differs (- wanted, + put out)\n"+diff(indented(want), indented(items)))
		}
	}
	return strings.Join(differs, "\n")
}

// cannedResponses answer the requests of an operation in the place of its API.
type cannedResponses struct {
	all     []cannedResponse
	example bool            // the page of the last response has none after it, whatever it says
	effect  RehearsedEffect // the requests

	mu    sync.Mutex
	taken int // guarded by mu
}

type cannedResponse struct {
	status  int
	headers map[string]any
	body    []byte
	err     error
}

// ErrNoPage is the error of a request of a test for a page after the last one: the step puts out the items of those before.
var ErrNoPage = errors.New("the example of the operation has no further response: give the step a mock")

// newCannedResponses reads the response of an example or test, or a list of them; null stands for none.
func newCannedResponses(v any) (*cannedResponses, error) {
	if canned, ok := v.(*cannedResponses); ok {
		return canned, nil
	}
	c := &cannedResponses{}
	for _, element := range listOf(v) {
		object, ok := element.(map[string]any)
		if !ok {
			return nil, errors.New("expected a mapping, such as {status: 200, json: {}}")
		}
		r, err := newCannedResponse(object)
		if err != nil {
			return nil, err
		}
		c.all = append(c.all, r)
	}
	return c, nil
}

func newCannedResponse(object map[string]any) (cannedResponse, error) {
	r := cannedResponse{status: http.StatusOK, headers: map[string]any{}}
	known := []string{"status", "headers", "json", "body", "base64", "error"}
	for name, v := range object {
		ok := true
		switch name {
		case "status":
			r.status = asInt(v)
			ok = r.status >= 100 && r.status <= 599
		case "headers":
			r.headers, ok = v.(map[string]any)
		case "json":
			r.body = EncodeJSON(v)
		case "body":
			var text string
			text, ok = v.(string)
			r.body = []byte(text)
		case "base64":
			text, _ := v.(string)
			var err error
			r.body, err = base64.StdEncoding.DecodeString(text)
			ok = err == nil
		case "error":
			r.err = map[any]error{"network": &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}, "timeout": os.ErrDeadlineExceeded}[v]
			ok = r.err != nil
		default:
			return r, fmt.Errorf("unknown member %q: %s", name, suggest.DidYouMean(name, known))
		}
		if !ok {
			return r, fmt.Errorf("%s: %s is not valid here", name, phrase.Shorten(stringify(v), 40))
		}
	}
	if _, isJSON := object["json"]; isJSON && !slices.ContainsFunc(slices.Collect(maps.Keys(r.headers)), func(name string) bool { return strings.EqualFold(name, "content-type") }) {
		r.headers = maps.Clone(r.headers)
		r.headers["Content-Type"] = "application/json"
	}
	return r, nil
}

// respond answers a request.
func (c *cannedResponses) respond(req *http.Request) (*http.Response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.taken == len(c.all) && c.taken > 0 && c.example {
		return nil, ErrNoPage
	}
	if c.taken == len(c.all) {
		return nil, fmt.Errorf("there are %d responses, and this is request %d: give the step a mock, or a list of responses", len(c.all), c.taken+1)
	}
	r := c.all[c.taken]
	c.taken++
	if r.err != nil {
		return nil, r.err
	}
	header := http.Header{}
	for name, v := range r.headers {
		for _, value := range listOf(v) {
			header.Add(name, stringify(value))
		}
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", r.status, http.StatusText(r.status)), StatusCode: r.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(bytes.NewReader(r.body)), ContentLength: int64(len(r.body)), Request: req,
	}, nil
}

// runCanned executes a step that uses an operation against canned responses.
func (p *stepRun) runCanned(ctx context.Context, in *Input, canned *cannedResponses) ([]any, error) {
	r := newObservation().rehearsal
	r.responses = canned
	x := *p.x
	x.env = r.env(RehearsalEnv{Scripts: p.x.env.Scripts, Connection: anyConnection})
	x.env.Files, x.env.Secrets = p.x.env.Files, p.x.env.Secrets
	one := *in
	one.p, one.outcome, one.made = &stepRun{x: &x, step: p.step, at: p.at, entry: p.entry, items: p.items}, nil, new(atomic.Int64)
	results, err := p.step.runner.Run(withEffect(ctx, &canned.effect), &one)
	in.checkpoint, in.advanced = one.checkpoint, one.advanced
	return results, err
}
