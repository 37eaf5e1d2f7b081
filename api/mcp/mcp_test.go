package mcp_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/penstock/penstock/api"
	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/internal/limits"
	"github.com/penstock/penstock/internal/testenv"
)

// as is a transport that adds the credentials of a user, and headers.
type as struct {
	who    string
	header http.Header
	next   http.RoundTripper
}

func (a as) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.SetBasicAuth(a.who, apitest.Password)
	for name, values := range a.header {
		r.Header[name] = values
	}
	return a.next.RoundTrip(r)
}

// versions are the versions of the protocol that tests speak: the newest one, without sessions, and the last one with them.
var versions = []string{"2026-07-28", "2025-11-25"}

// connect opens a client of a user that speaks a version of the protocol.
func connect(t *testing.T, p *apitest.Product, who, version string, options *mcp.ClientOptions) *mcp.ClientSession {
	t.Helper()
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, options)
	session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{
		Endpoint: p.URL + "/mcp", HTTPClient: &http.Client{Transport: as{who: who, next: p.HTTP.Transport}}, MaxRetries: -1, DisableStandaloneSSE: true,
	}, &mcp.ClientSessionOptions{ProtocolVersion: version})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = session.Close() })
	return session
}

const customer = `slug: find-customer
name: Find a customer
tool:
  description: Looks up a customer by email.
  schema: {type: object, properties: {email: {type: string}}, required: [email], additionalProperties: false}
output_schema: {properties: {email: {$ref: "#/$defs/email"}}, $defs: {email: {type: string, maxLength: 20}}}
steps:
  - set: {email: "${ .email }", found: true}
tests:
  - {name: known, event: {email: a@example.org}, output: [{email: a@example.org, found: true}]}`

func text(r *mcp.CallToolResult) string {
	var all []string
	for _, c := range r.Content {
		if t, ok := c.(*mcp.TextContent); ok {
			all = append(all, t.Text)
		}
	}
	return strings.Join(all, "\n")
}

func call(t *testing.T, s *mcp.ClientSession, name string, arguments any) *mcp.CallToolResult {
	t.Helper()
	r, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: name, Arguments: arguments})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAFlowIsATool(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(5, customer)
	p.Deploy(6, "steps: [{set: {a: 1}}]")
	p.Deploy(7, "tool: Orders something.\ntrigger: {webhook: {schema: {type: object}}}\nsteps: [{http: {post: 'http://127.0.0.1:1/'}}]")
	for _, version := range versions {
		s := connect(t, p, "ulf", version, nil)
		var names []string
		var found, orders *mcp.Tool
		for tool, err := range s.Tools(t.Context(), nil) {
			if err != nil {
				t.Fatal(err)
			}
			switch names = append(names, tool.Name); tool.Name {
			case "find-customer":
				found = tool
			case "flow_7":
				orders = tool
			}
		}
		if found == nil || orders == nil || slices.Contains(names, "flow_6") {
			t.Fatalf("tools %v", names)
		}
		if a := found.Annotations; !a.ReadOnlyHint || !a.IdempotentHint || *a.DestructiveHint || *a.OpenWorldHint {
			t.Errorf("a flow that computes: %+v", a)
		}
		if a := orders.Annotations; a.ReadOnlyHint || a.IdempotentHint || !*a.DestructiveHint || !*a.OpenWorldHint {
			t.Errorf("a flow that posts: %+v", a)
		}
		if in, _ := json.Marshal(found.InputSchema); !strings.Contains(string(in), `"email"`) || found.Title != "Find a customer" {
			t.Errorf("%s %q", in, found.Title)
		}
		out, _ := json.Marshal(found.OutputSchema)
		if !strings.Contains(string(out), `"#/properties/output/items/$defs/email"`) {
			t.Errorf("the output is not described: %s", out)
		}

		r := call(t, s, "find-customer", map[string]any{"email": "b@example.org"})
		structured, _ := json.Marshal(r.StructuredContent)
		var got struct {
			RunID  string `json:"run_id"`
			Output []any  `json:"output"`
		}
		apitest.Fatal(t, json.Unmarshal(structured, &got))
		if r.IsError || text(r) != `[{"email":"b@example.org","found":true}]` || len(got.Output) != 1 || got.RunID == "" {
			t.Errorf("%s %s", text(r), structured)
		}
		if r = call(t, s, "find-customer", map[string]any{"email": "c123456789012345678901234567890@example.org"}); !r.IsError || !strings.Contains(text(r), "has succeeded, do not repeat it") {
			t.Errorf("an output that does not fit: %s", text(r))
		}
		if r = call(t, s, "find-customer", map[string]any{"mail": 1}); !r.IsError || !strings.Contains(text(r), "email") {
			t.Errorf("wrong arguments: %s", text(r))
		}
		if r = call(t, s, "flow_7", map[string]any{}); !r.IsError || !strings.Contains(text(r), "step_failed") {
			t.Errorf("a failed run: %s", text(r))
		}
		for _, name := range []string{"flow_6", "flow_5", "nothing", "penstock_nothing"} {
			if _, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: name}); err == nil || !strings.Contains(err.Error(), "no tool") {
				t.Errorf("%s: %v", name, err)
			}
		}
		resource, err := s.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: "penstock://runs/" + got.RunID})
		if err != nil || !strings.Contains(resource.Contents[0].Text, `"state":"succeeded"`) {
			t.Errorf("the run as a resource: %v, %v", resource, err)
		}
		if _, err := s.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: "penstock://runs/none"}); err == nil {
			t.Error("a run that there is not")
		}
	}
}

// What a flow answers is the result as it is, also with a status that is no success.
func TestAFlowAnswersByItself(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, "tool: A.\nsteps: [{respond: {status: 202, json: {id: 5}}}]")
	p.Deploy(2, "tool: A.\nsteps: [{respond: {status: 422, json: {error: too late}}}]")
	p.Deploy(3, "tool: A.\nsteps: [{respond: {base64: AAEC, headers: {Content-Type: audio/wav}}}]")
	p.Deploy(4, "tool: A.\nsteps: [{respond: {base64: AAEC, headers: {Content-Type: application/zip}}}]")
	s := connect(t, p, "ulf", versions[0], nil)
	if r := call(t, s, "flow_1", nil); r.IsError || text(r) != `{"id":5}` {
		t.Errorf("202: %v %s", r.IsError, text(r))
	}
	if r := call(t, s, "flow_2", nil); !r.IsError || !strings.Contains(text(r), "too late") || !strings.Contains(text(r), "Run ") {
		t.Errorf("422: %v %s", r.IsError, text(r))
	}
	if _, isAudio := call(t, s, "flow_3", nil).Content[0].(*mcp.AudioContent); !isAudio {
		t.Error("sound is no audio")
	}
	if _, isFile := call(t, s, "flow_4", nil).Content[0].(*mcp.EmbeddedResource); !isFile {
		t.Error("bytes are no resource")
	}
}

// Messages that no library would read alike are refused, with their ids.
func TestMessagesThatAreRefused(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	for message, want := range map[string]string{
		`[{"jsonrpc":"2.0","id":1,"method":"tools/list"}]`:                          "batches",
		`{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/list"}`:            "comes twice",
		`{"jsonrpc":"2.0","id":1795280000123456789,"method":"ping"}`:                "2^53",
		`{"jsonrpc":"2.0","id":1.5,"method":"ping"}`:                                "2^53",
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":["a"]}`:             "params is an object",
		`{"jsonrpc":"2.0","id":1,"method":"ping"} {}`:                               "not JSON",
		`{"jsonrpc":"2.0","id":"a","method":"no/such"}`:                             `"id":"a"`,
		`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"flow_9"}}`: "no tool",
	} {
		r := p.Do("POST", "/mcp", "ulf", message, "Accept", "application/json, text/event-stream")
		if !strings.Contains(r.Text, want) || !strings.Contains(r.Text, `"jsonrpc":"2.0"`) {
			t.Errorf("%s: %d %s", message, r.StatusCode, r.Text)
		}
	}
	if r := p.Do("POST", "/mcp", "ulf", `{}`, "Accept", "application/json, text/event-stream", "Origin", "https://evil.example"); r.StatusCode != 403 {
		t.Errorf("a page of another origin: %d", r.StatusCode)
	}
}

// counter counts what is held against the limits of credentials, by endpoint.
type counter struct {
	mu     sync.Mutex
	counts map[string]int // guarded by mu
}

func (c *counter) Take(_ context.Context, u limits.Use) (limits.Quota, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if u.Caller != "" {
		c.counts[u.Endpoint]++
	}
	return limits.Quota{}, nil
}

// The call of a tool counts once, as the request that it stands for; every other message counts, too.
func TestWhatCounts(t *testing.T) {
	t.Parallel()
	c := &counter{counts: map[string]int{}}
	p := apitest.NewProduct(t, func(config *api.Config) { config.Limiter = c })
	p.Deploy(5, "tool: A.\nsteps: [{set: {a: 1}}]")
	accept := []string{"Accept", "application/json, text/event-stream"}
	p.Want(p.Do("POST", "/mcp", "ulf", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, accept...), 200)
	p.Want(p.Do("POST", "/mcp", "ulf", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"flow_5"}}`, accept...), 200)
	if c.counts["api"] != 1 || c.counts["runs"] != 1 {
		t.Errorf("counted %v", c.counts)
	}
}

// A flow's own idempotency_key counts in a session, too.
func TestTheFlowsOwnKey(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(5, "tool: A.\ntrigger: {webhook: {idempotency_key: '${ .k }'}}\nsteps: [{set: {a: 1}}]")
	for _, version := range versions {
		s := connect(t, p, "ulf", version, nil)
		for range 2 {
			call(t, s, "flow_5", map[string]any{"k": "1"})
		}
	}
	if got := states(p); len(got) != 1 {
		t.Errorf("%d runs", len(got))
	}
}

// A caller has the tools that its scopes allow.
func TestToolsOfACaller(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(5, customer)
	for who, want := range map[string]struct{ has, lacks string }{
		"ulf":  {"find-customer", "penstock_deploy_flow"},
		"vera": {"penstock_list_runs", "penstock_deploy_flow"},
		"ann":  {"penstock_deploy_flow", "nothing"},
	} {
		s := connect(t, p, who, versions[0], nil)
		list, err := s.ListTools(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		is := func(name string) bool {
			return slices.ContainsFunc(list.Tools, func(tool *mcp.Tool) bool { return tool.Name == name })
		}
		if !is(want.has) || is(want.lacks) {
			t.Errorf("%s: %v", who, list.Tools)
		}
		if _, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: want.lacks}); err == nil {
			t.Errorf("%s may call %s", who, want.lacks)
		}
	}
	r := p.Do("POST", "/mcp", "", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, "Accept", "application/json, text/event-stream")
	const metadata = "https://penstock.example.org/.well-known/oauth-protected-resource/mcp"
	if challenge := r.Header.Get("Www-Authenticate"); r.StatusCode != 401 || !strings.Contains(challenge, `resource_metadata="`+metadata+`"`) {
		t.Errorf("no credentials: %d %s", r.StatusCode, challenge)
	}
	for _, path := range []string{"/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"} {
		m := p.Want(p.Do("GET", path, "", ""), 200)
		if m["resource"] != "https://penstock.example.org/mcp" || fmt.Sprint(m["authorization_servers"]) != "[https://penstock.example.org]" {
			t.Errorf("%s: %v", path, m)
		}
	}
}

func TestProgress(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(5, "tool: Waits.\nsteps: [{name: first, gate: {}}, {name: second, gate: {}}]")
	for _, version := range versions {
		var mu sync.Mutex // guards told and numbers
		var told []string
		numbers := map[float64]bool{}
		s := connect(t, p, "ulf", version, &mcp.ClientOptions{ProgressNotificationHandler: func(_ context.Context, r *mcp.ProgressNotificationClientRequest) {
			mu.Lock()
			defer mu.Unlock()
			if told = append(told, r.Params.Message); numbers[r.Params.Progress] {
				t.Errorf("progress %v comes twice", r.Params.Progress)
			}
			numbers[r.Params.Progress] = true
		}})
		done := make(chan *mcp.CallToolResult, 1)
		go func() {
			params := &mcp.CallToolParams{Name: "flow_5", Arguments: map[string]any{}}
			params.SetProgressToken("token")
			r, err := s.CallTool(t.Context(), params)
			if err != nil {
				t.Error(err)
			}
			done <- r
		}()
		for _, step := range []string{"first", "second"} {
			<-p.At
			testenv.Eventually(t, func() string {
				mu.Lock()
				defer mu.Unlock()
				if !slices.Contains(told, "step "+step+" has begun") {
					return fmt.Sprintf("progress of %s: %q", step, told)
				}
				return ""
			})
			p.Gate <- struct{}{}
		}
		if r := <-done; r == nil || r.IsError {
			t.Fatalf("%v", r)
		}
		mu.Lock()
		if !slices.Contains(told, "step first: 1 items in, 1 out") {
			t.Errorf("%q: %q", version, told)
		}
		mu.Unlock()
	}
}

// states returns the states of the runs of flow 5, the newest first.
func states(p *apitest.Product) []string {
	p.T.Helper()
	var all []string
	for _, item := range p.Want(p.Do("GET", "/v1/runs?filter=flow+eq+5", "ann", ""), 200)["items"].([]any) {
		all = append(all, fmt.Sprint(item.(map[string]any)["state"]))
	}
	return all
}

func wantStates(t *testing.T, p *apitest.Product, want ...string) {
	t.Helper()
	testenv.Eventually(t, func() string {
		if got := states(p); !slices.Equal(got, want) {
			return fmt.Sprintf("states %v, want %v", got, want)
		}
		return ""
	})
}

// A client that cancels its call ends the run, in each version of the protocol.
func TestCancel(t *testing.T) {
	t.Parallel()
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			p := apitest.NewProduct(t)
			p.Deploy(5, "tool: Waits.\nsteps: [{gate: {}}]")
			s := connect(t, p, "ulf", version, nil)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() {
				_, err := s.CallTool(ctx, &mcp.CallToolParams{Name: "flow_5"})
				done <- err
			}()
			<-p.At
			cancel()
			if err := <-done; err == nil {
				t.Error("the call has a result")
			}
			wantStates(t, p, "cancelled")
		})
	}
}

// A call whose answer was lost is sent again with its key: it is attached to its run, which goes on meanwhile.
func TestALostCall(t *testing.T) {
	t.Parallel()
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			p := apitest.NewProduct(t)
			p.Deploy(5, "tool: Waits.\nsteps: [{gate: {}}]")
			params := &mcp.CallToolParams{Name: "flow_5", Arguments: map[string]any{"a": 1}, Meta: mcp.Meta{"penstock/idempotencyKey": "k1"}}
			lost := make(chan struct{})
			transport := &http.Transport{}
			client := mcp.NewClient(&mcp.Implementation{Name: "lost", Version: "1"}, nil)
			s, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{
				Endpoint: p.URL + "/mcp", HTTPClient: &http.Client{Transport: as{who: "ulf", next: transport}}, MaxRetries: -1, DisableStandaloneSSE: true,
			}, &mcp.ClientSessionOptions{ProtocolVersion: version})
			apitest.Fatal(t, err)
			go func() {
				defer close(lost)
				_, _ = s.CallTool(t.Context(), params)
			}()
			<-p.At
			p.Server.CloseClientConnections()
			<-lost
			again := make(chan *mcp.CallToolResult, 1)
			go func() {
				r, err := connect(t, p, "ulf", version, nil).CallTool(t.Context(), params)
				if err != nil {
					t.Error(err)
				}
				again <- r
			}()
			p.Gate <- struct{}{}
			if r := <-again; r == nil || r.IsError || text(r) != `[{"a":1}]` {
				t.Fatalf("%v", r)
			}
			wantStates(t, p, "succeeded")
		})
	}
}
