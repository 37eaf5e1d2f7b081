package flows

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/flows/internal/jq"
	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/internal/blob"
	"github.com/penstock/penstock/internal/linediff"
	"github.com/penstock/penstock/internal/phrase"
	"github.com/penstock/penstock/internal/suggest"
	"github.com/penstock/penstock/third_party/gojq"
)

// testParams are the fields of one test of a flow.
var testParams = []Param{
	{Name: "name", Type: TypeString, Required: true, Summary: "What the test checks."},
	{Name: "event", Type: TypeLiteral, Summary: "The trigger's payload; none is null. `{file: {text: …, name: …, content_type: …}}`, here and in mocks, is a file; `base64` or `json` in place of `text` are other contents."},
	{Name: "params", Type: TypeLiteral, Summary: "Query parameters; of an `http` trigger all parameters, in place of `params` in the event."},
	{Name: "headers", Type: TypeLiteral, Summary: "Headers, names in lower case."},
	{Name: "now", Type: TypeString, Summary: "What steps and programs take for the current time, as in `2026-07-01T12:00:00Z`. Default: the clock."},
	{Name: "failure", Type: TypeLiteral, Summary: "The steps of `on_failure` are executed, and not those of the flow. This is `$error`: `{code, message, step, status}`, each optional."},
	{Name: "vars", Type: TypeLiteral, Summary: "Values in place of those of the flow's vars. Tests do not read the environment."},
	{Name: "secrets", Type: TypeLiteral, Summary: "Values of the secrets that steps read. Default: `the secret NAME`. They are compared in `sent` as they are."},
	{Name: "state", Type: TypeLiteral, Summary: "Named values that state steps read. Default: none."},
	{Name: "changes", Type: TypeLiteral, Summary: "Lists of the last time for changes steps, by the name of their snapshot. Default: none, so that the list is a first one."},
	{Name: "mocks", Type: TypeLiteral, Summary: "The results of steps with effects, by step name or kind: the item, a list of items, `{error: {message, status}}`, or `{each: [...]}` with one of these for each execution of the step."},
	{Name: "sent", Type: TypeLiteral, Summary: "What steps with mocks sent, by step name or, without one, kind: the list of the requests, of which only the members that are written here are compared, and of `headers` only those that are."},
	{Name: "response", Type: TypeLiteral, Summary: "What the flow responded before its end: any of status, headers and body. Members and headers that are not written here are not compared."},
	{Name: "output", Type: TypeLiteral, OneOf: "end", Summary: "The expected output of the run."},
	{Name: "error", Type: TypeLiteral, OneOf: "end", Summary: "The expected failure: a part of the message, or any of code, message, step, status."},
}

// test is one entry of the flow's tests.
type test struct {
	name    string
	line    int
	run     Run
	now     time.Time // zero: the clock
	vars    map[string]any
	secrets map[string]string
	state   map[string]any
	seen    map[string]any // lists by the name of a snapshot
	mocks   map[string]any
	output  any // nil: the run must fail
	fails   bool
	want    any // expected error

	sent     map[string]any // lists of requests by step; nil: not compared
	response map[string]any // nil: not compared
}

// readTests checks and stores the tests of the file.
func (c *compiler) readTests(all []*Args) {
	for _, a := range all {
		t := test{
			name: a.String("name"), line: a.place.Line, vars: c.named(a, "vars", c.flow.varNames),
			mocks: c.named(a, "mocks", append(c.mockable(), c.catalogue.names()...)),
			run:   Run{ID: "test", Attempt: 1, Event: a.Literal("event")},
			fails: a.Has("error"), want: a.Literal("error"), output: a.Literal("output"),
		}
		c.named(a, "secrets", c.secretNames())
		t.secrets = c.texts(a, "secrets")
		t.run.Params, t.run.Headers = c.texts(a, "params"), c.texts(a, "headers")
		t.run.Failure = c.testFailure(a)
		if a.Has("now") {
			var err error
			if t.now, err = time.Parse(time.RFC3339, a.String("now")); err != nil {
				c.Add(mistake.BadTime, a.places["now"], "", "now: expected a time such as 2026-07-01T12:00:00Z")
			}
		}
		t.sent, t.response = c.testSent(a), c.named(a, "response", []string{"status", "headers", "body"})
		c.httpTest(a, &t)
		t.seen = c.testSnapshots(a)
		if t.state, _ = a.Literal("state").(map[string]any); t.state == nil && a.Literal("state") != nil {
			c.Add(mistake.WrongType, a.places["state"], "", "state: expected a mapping")
		}
		if list, ok := t.output.([]any); a.Has("output") && !ok {
			c.Add(mistake.WrongType, a.places["output"], "the output of a run is the list of its items", "output: expected a list")
		} else {
			t.output = list
		}
		c.flow.tests = append(c.flow.tests, t)
	}
}

// testSent returns the requests that a test wants; nil: it wants none in particular.
func (c *compiler) testSent(a *Args) map[string]any {
	sent := c.named(a, "sent", append(c.mockable(), c.catalogue.names()...))
	for name, v := range sent {
		if _, ok := v.([]any); !ok {
			c.Add(mistake.WrongType, a.places["sent"], "write [ ] around it; [] means that nothing was sent", "sent: %s: expected a list of requests", name)
		}
	}
	return sent
}

// testSnapshots returns the lists of the last time that a test gives.
func (c *compiler) testSnapshots(a *Args) map[string]any {
	seen, ok := a.Literal("changes").(map[string]any)
	if a.Has("changes") && !ok {
		c.Add(mistake.WrongType, a.places["changes"], "", "changes: expected a mapping from names of snapshots to lists")
	}
	for name, v := range seen {
		if _, ok := v.([]any); !ok {
			c.Add(mistake.WrongType, a.places["changes"], "", "changes: %s: expected a list", name)
		}
	}
	return seen
}

// testFailure returns the failure that a test of on_failure gives; nil: the test is none of on_failure.
func (c *compiler) testFailure(a *Args) *Failure {
	if !a.Has("failure") {
		return nil
	}
	if c.flow.OnFailure == nil {
		c.Add(mistake.DependentKey, a.places["failure"], "", "failure: the flow has no on_failure")
	}
	e := &Error{Code: CodeStepFailed, Message: "a test's"}
	for name, v := range c.named(a, "failure", []string{"code", "message", "step", "status"}) {
		switch name {
		case "code":
			e.Code = Code(stringify(v))
		case "message":
			e.Message = stringify(v)
		case "step":
			e.Step = stringify(v)
		case "status":
			e.Status = asInt(v)
		}
	}
	return &Failure{Run: "failed", Error: e}
}

// mockable returns the names of the flow's steps, and the operations that they use.
func (c *compiler) mockable() []string {
	names := make([]string, len(c.slots))
	for i, s := range c.slots {
		names[i] = s.name
	}
	for _, s := range c.flow.allSteps {
		if s.uses != nil {
			names = append(names, s.uses.ref)
		}
	}
	return names
}

// named reads a mapping whose keys must be known names.
func (c *compiler) named(a *Args, param string, known []string) map[string]any {
	if !a.Has(param) || a.Literal(param) == nil {
		return nil
	}
	object, ok := a.Literal(param).(map[string]any)
	if !ok {
		c.Add(mistake.WrongType, a.places[param], "", "%s: expected a mapping", param)
	}
	for name := range object {
		if !slices.Contains(known, name) {
			c.Add(mistake.UnknownName, a.places[param], suggest.DidYouMean(name, known), "%s: unknown name %q", param, name)
		}
	}
	return object
}

// secretNames returns the names of the secrets that expressions read.
func (c *compiler) secretNames() []string {
	var names []string
	for _, u := range c.flow.uses {
		if u.Resource == ResourceSecret {
			names = append(names, u.Name)
		}
	}
	return names
}

func (c *compiler) texts(a *Args, param string) map[string]string {
	object, ok := a.Literal(param).(map[string]any)
	if !ok && a.Literal(param) != nil {
		c.Add(mistake.WrongType, a.places[param], "", "%s: expected a mapping", param)
	}
	texts := make(map[string]string, len(object))
	for name, v := range object {
		texts[name] = stringify(v)
	}
	return texts
}

// TestResult is the result of one test of a flow.
type TestResult struct {
	Name    string
	Line    int           // in the flow's file
	Took    time.Duration //
	Failure string        // explanation in several lines; empty: the test passed
}

// SampleEvent returns the event of the first test with one; nil when there is none.
func (f *Flow) SampleEvent() any {
	for i := range f.tests {
		if event := f.tests[i].run.Event; event != nil {
			return event
		}
	}
	return nil
}

// TestMocks returns the mocks of the flow's tests, by the names of steps, kinds and operations: of each name those of the first test that
// has one.
func (f *Flow) TestMocks() map[string]any {
	all := map[string]any{}
	for i := range f.tests {
		for name, mock := range f.tests[i].mocks {
			if _, known := all[name]; !known {
				all[name] = mock
			}
		}
	}
	return all
}

// RunTests runs the tests of a flow, without network: steps with effects put out the test's mocks.
func RunTests(ctx context.Context, f *Flow) []TestResult {
	results := make([]TestResult, len(f.tests))
	for i := range f.tests {
		t := &f.tests[i]
		begun := time.Now()
		observed := newObservation()
		failure := t.compareResult(f.runTest(ctx, t, observed, nil))
		results[i] = TestResult{Name: t.name, Line: t.line, Failure: cmp.Or(failure, observed.compare(t))}
		results[i].Took = time.Since(begun)
	}
	return results
}

// TraceTests executes the first tests of a flow as RunTests does, at most the given number, and compares nothing: what each step put
// out goes to the tracer that begin returns for a test. An execution that fails ends without a word.
func TraceTests(ctx context.Context, f *Flow, most int, begin func(name string, run Run) Tracer) {
	for i := range f.tests[:min(most, len(f.tests))] {
		t := &f.tests[i]
		_, _ = f.runTest(ctx, t, newObservation(), begin(t.name, t.run)) // the steps before the failure were traced
	}
}

// runTest executes the flow as a test does. observed receives what the test compares besides the end of the run; trace may be nil.
func (f *Flow) runTest(ctx context.Context, t *test, observed *observation, trace Tracer) ([]any, error) {
	mocks := t.mocks
	if mocks == nil {
		mocks = map[string]any{}
	}
	if !t.now.IsZero() {
		ctx = jq.WithNow(ctx, t.now)
	}
	env, err := f.testEnv(ctx, t)
	if err != nil {
		return nil, err
	}
	env.Trace = trace
	run := t.run
	if run.Event, err = storeTestFiles(ctx, env.Files, run.ID, run.Event); err != nil {
		return nil, err
	}
	if len(mocks) > 0 {
		stored, err := storeTestFiles(ctx, env.Files, run.ID, mocks)
		if err != nil {
			return nil, err
		}
		mocks, _ = stored.(map[string]any)
	}
	if t.response != nil {
		env.Respond = observed.respond(run.ID, env.Files)
	}
	if t.sent == nil {
		observed = nil
	}
	output, err := f.execute(ctx, run, env, mocks, observed)
	if err != nil || f.output == nil || run.Failure != nil {
		return output, err
	}
	for i, item := range output {
		if err := f.output.Check(ctx, item); err != nil {
			return nil, fmt.Errorf("item %d of the output does not fit output_schema: %w", i+1, err)
		}
	}
	return output, nil
}

// testEnv returns the environment of a test: its own state, initialized as the test says, and an Emitter that starts
// nothing.
func (f *Flow) testEnv(ctx context.Context, t *test) (Env, error) {
	memory := NewMemory()
	for name, v := range t.state {
		if _, err := memory.Swap(ctx, Change{Key: stateKey(f, "state", name, false), Value: EncodeJSON(v)}); err != nil {
			return Env{}, err
		}
	}
	for name, list := range t.seen {
		head := EncodeJSON(map[string]any{"id": "test", "items": list})
		if _, err := memory.Swap(ctx, Change{Key: f.SnapshotKey(name), Value: head}); err != nil {
			return Env{}, err
		}
	}
	files, err := blob.New(blob.Config{Backend: &blob.Memory{MaxTotal: maxTestFiles}, MaxSize: maxTestFiles})
	if err != nil {
		return Env{}, err
	}
	return Env{Vars: t.vars, Secrets: rehearsedSecrets(t.secrets), State: memory, Pace: memory, Emit: discardEmitter{}, Topics: discardTopics{}, Files: files}, nil
}

// discardEmitter is the Emitter of tests. It starts no runs.
type discardEmitter struct{}

func (discardEmitter) Emit(context.Context, Emission) (string, error) { return "test", nil }

// discardTopics are the Topics of tests: no flow subscribes, and no run waits.
type discardTopics struct{}

func (discardTopics) Audience(context.Context, string) (Audience, error) { return Audience{}, nil }

func (discardTopics) Publish(context.Context, Publication) (Published, error) {
	return Published{Runs: []PublishedRun{}, Refused: []RefusedEvent{}}, nil
}

func (discardTopics) Await(context.Context, EventWait) error { return nil }

func (discardTopics) Forget(context.Context, EventWait) error { return nil }

// compareResult describes how the end of the run differs from the expected one; empty when it does not.
func (t *test) compareResult(output []any, err error) string {
	switch {
	case t.fails && err == nil:
		return "the run should have failed, it put out\n" + indented(output)
	case t.fails:
		return t.compareError(err)
	case err != nil:
		return "the run failed: " + err.Error()
	case gojq.Compare(t.output, any(output)) == 0:
		return ""
	}
	return "the output differs (- wanted, + put out)\n" + diff(indented(t.output), indented(output))
}

func (t *test) compareError(err error) string {
	var e *Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	if part, ok := t.want.(string); ok {
		if !strings.Contains(e.Message, part) {
			return fmt.Sprintf("the run failed with %q, wanted %q in it", e.Message, part)
		}
		return ""
	}
	got := map[string]any{"code": string(e.Code), "message": e.Message, "step": e.Step, "status": e.Status}
	want, _ := t.want.(map[string]any)
	for name := range got {
		if _, asked := want[name]; !asked {
			delete(got, name)
		}
	}
	if gojq.Compare(want, got) != 0 {
		return "the error differs (- wanted, + got)\n" + diff(indented(want), indented(got))
	}
	return ""
}

// indented returns a value as indented JSON.
func indented(v any) string {
	var b bytes.Buffer
	if err := json.Indent(&b, EncodeJSON(v), "", "  "); err != nil {
		return string(EncodeJSON(v))
	}
	return b.String()
}

// maxDiff is the maximum number of lines for a line-by-line diff.
const maxDiff = 1000

// diff returns a line diff: lines of want only are marked -, lines of got only +.
func diff(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	if len(a) > maxDiff || len(b) > maxDiff {
		return "- " + phrase.Shorten(want, 500) + "\n+ " + phrase.Shorten(got, 500)
	}
	var out strings.Builder
	for _, l := range linediff.Compare(a, b) {
		sign := "  "
		if l.After == 0 {
			sign = "- "
		} else if l.Before == 0 {
			sign = "+ "
		}
		out.WriteString(sign + l.Text + "\n")
	}
	return strings.TrimRight(out.String(), "\n")
}

// maxTestFiles is the maximum size of all files of a test in bytes.
const maxTestFiles = 64 << 20

// storeTestFiles returns a value in which each object {file: {text: …}} is a file of the run. The contents are text, base64 or
// json; beside them are name and content_type. The value itself is not changed.
func storeTestFiles(ctx context.Context, files *blob.Store, run string, v any) (any, error) {
	switch v := v.(type) {
	case []any:
		list := make([]any, len(v))
		for i, element := range v {
			stored, err := storeTestFiles(ctx, files, run, element)
			if err != nil {
				return nil, err
			}
			list[i] = stored
		}
		return list, nil
	case map[string]any:
		if described, ok := v["file"].(map[string]any); ok && len(v) == 1 {
			return storeTestFile(ctx, files, run, described)
		}
		object := make(map[string]any, len(v))
		for name, member := range v {
			stored, err := storeTestFiles(ctx, files, run, member)
			if err != nil {
				return nil, err
			}
			object[name] = stored
		}
		return object, nil
	}
	return v, nil
}

func storeTestFile(ctx context.Context, files *blob.Store, run string, described map[string]any) (any, error) {
	name, _ := described["name"].(string)
	contentType, _ := described["content_type"].(string)
	var content []byte
	switch text, isText := described["text"].(string); {
	case isText:
		content = []byte(text)
	case described["json"] != nil:
		content = EncodeJSON(described["json"])
	default:
		text, ok := described["base64"].(string)
		var err error
		if content, err = base64.StdEncoding.DecodeString(text); err != nil || !ok {
			return nil, fmt.Errorf("a file of the test has no content: expected text, base64 or json beside its name")
		}
	}
	info, err := files.Put(ctx, run, 0, bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	return NewFile(info, name, contentType).Value(), nil
}
