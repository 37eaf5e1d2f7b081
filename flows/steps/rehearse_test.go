package steps_test

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
)

// rehearsed is a recorded run of which the results are given, and the environment of its rehearsals.
type rehearsed struct {
	t      *testing.T
	run    flows.RecordedRun
	env    flows.RehearsalEnv
	probed int // executions of the kind probe, which does not use the environment
}

func newRehearsed(t *testing.T, event any, results map[string]string) *rehearsed {
	r := &rehearsed{t: t, run: flows.RecordedRun{
		Run:     flows.Run{ID: "run", Attempt: 1, Event: event, Deadline: time.Unix(1_700_000_060, 0)},
		At:      time.Unix(1_700_000_000, 0),
		Results: map[string][]byte{},
	}}
	for key, result := range results {
		r.run.Results[key] = []byte(result)
	}
	r.env.Connection = func(_ context.Context, name string) (string, error) {
		if name == "gone" {
			return "", errors.New(`there is no connection "gone"`)
		}
		return "postgres", nil
	}
	return r
}

func (r *rehearsed) parse(source string) *flows.Flow {
	r.t.Helper()
	probe := flows.Kind{Name: "probe", Effect: flows.Once, New: func(*flows.Args) (flows.Runner, error) {
		return flows.RunFunc(func(_ context.Context, in *flows.Input) ([]any, error) {
			r.probed++
			return []any{in.Value()}, nil
		}), nil
	}}
	nest := flows.Kind{Name: "nest", Effect: flows.Once, New: func(*flows.Args) (flows.Runner, error) {
		return flows.NestFunc(func(_ context.Context, in *flows.Input) (flows.Items, error) {
			r.probed++
			return in.Passthrough(), nil
		}), nil
	}}
	flow, err := flows.Parse("test.yaml", []byte("flow: 1\n"+source), steps.Catalogue().With(probe, nest))
	if err != nil {
		r.t.Fatal(err)
	}
	return flow
}

// rehearse rehearses a flow with these steps, and compares it with an earlier rehearsal.
func (r *rehearsed) rehearse(source string, earlier *flows.Rehearsal) *flows.Rehearsal {
	r.t.Helper()
	done, err := r.parse(source).Rehearse(r.t.Context(), r.run, r.env, earlier)
	if err != nil {
		r.t.Fatal(err)
	}
	return done
}

// lines returns the effects of a rehearsal, a line each.
func lines(d *flows.Rehearsal) []string {
	var all []string
	for _, e := range d.Effects {
		all = append(all, e.Key+" "+string(flows.EncodeJSON(e.Request)))
	}
	return all
}

// A rehearsal executes each kind up to the point where it would reach the outside, and goes on with what was recorded.
func TestRehearsedKinds(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, step, result, want string }{
		{
			"http", `{http: {post: "https://a.example/x?y=1", connection: crm, json: {n: "${ .n }"}, headers: {x-v: "1"}}}`, `{"items":[7],"of":1}`,
			`http.0 {"body":{"n":1},"connection":"crm","headers":{"content-type":"application/json","x-v":"1"},"method":"POST","query":{"y":"1"},"url":"https://a.example/x"}`,
		},
		{
			"http form, and an own key", `{http: {put: "https://a.example/", form: {a: [1, 2], b: c}, headers: {idempotency-key: mine}}}`, `{"items":[7],"of":1}`,
			`http.0 {"body":{"a":["1","2"],"b":"c"},"headers":{"content-type":"application/x-www-form-urlencoded","idempotency-key":"mine"},"method":"PUT","url":"https://a.example/"}`,
		},
		{
			"sql", `{sql: {connection: db, exec: "insert into t values ($1, $2)", args: ["${ .n }", {a: 1}]}}`, `{"items":[7],"of":1}`,
			`sql.0 {"args":["1",{"a":1}],"connection":"db","statement":"insert into t values ($1, $2)"}`,
		},
		{
			"transaction", `{sql: {connection: db, transaction: [{exec: "delete from t"}, {query: "select 1"}]}}`, `{"items":[7],"of":1}`,
			`sql.0 [{"connection":"db","statement":"delete from t"},{"connection":"db","statement":"select 1"}]`,
		},
		{
			"email", `{email: {connection: mail, to: a@b.org, subject: "n ${ .n }", text: hello, attachments: [{name: a.csv, content: "x,y"}]}}`, `{"items":[7],"of":1}`,
			`email.0 {"attachments":[{"content":"x,y","name":"a.csv"}],"connection":"mail","subject":"n 1","text":"hello","to":["a@b.org"]}`,
		},
		{
			"webhook", `{webhook: {url: "https://a.example", secret: key, type: paid, data: "${ . }"}}`, `{"items":[7],"of":1}`,
			`webhook.0 {"data":{"n":1},"secrets":["key"],"type":"paid","url":"https://a.example"}`,
		},
		{
			"emit", `{emit: other, event: "${ .n }", after: 1h}`, `{"items":[7],"of":1}`,
			`emit.0 {"at":"2023-11-14T23:13:20Z","event":1,"flow":"other"}`,
		},
		{
			"call with a run of its own", `{call: other, wait: false}`, `{"items":[7],"of":1}`,
			`call.0 {"event":{"n":1},"flow":"other"}`,
		},
		{"state get", `{state: {get: a}}`, `{"items":[7],"of":1}`, `state.0 {"get":"flow/1/state/a"}`},
		{"state set", `{state: {set: a, to: "${ .n }", for: 1h}}`, `{"items":[7],"of":1}`, `state.0 {"for":"1h0m0s","set":"flow/1/state/a","to":1}`},
		{"state increment", `{state: {increment: a, by: 2}}`, `{"items":[7],"of":1}`, `state.0 {"by":2,"increment":"flow/1/state/a"}`},
		{"loop guard", `{loop_guard: {key: a, way: b}}`, `{"items":[7],"of":1}`, `loop_guard.0 {"for":"1h0m0s","from":"b","set_free":"shared/loop_guard//a","to":"b"}`},
		{
			"wait for", `{wait_for: {steps: [{probe: }]}}`, `{"items":[7],"of":1}`,
			`wait_for.0 {"max_body":0}` + "\n" + `wait_for.probe.0.0 {"item":{"expires":"2023-11-15T22:13:20Z","item":{"n":1},"url":"https://penstock.invalid/callbacks/wait_for.0"}}`,
		},
		{"own kind", `{probe: }`, `{"items":[7],"of":1}`, `probe.0 {"item":{"n":1}}`},
		{"respond", `{respond: {status: 202, json: "${ .n }"}}`, ``, `respond.0 {"body":1,"headers":{"content-type":"application/json"},"status":202}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			kind := test.want[:strings.IndexByte(test.want, '.')]
			results := map[string]string{"wait_for.probe.0.0": `{"items":[1],"of":1}`}
			if test.result != "" {
				results[kind+".0"] = test.result
			}
			r := newRehearsed(t, map[string]any{"n": 1}, results)
			done := r.rehearse("steps:\n  - "+test.step, nil)
			if diff := cmp.Diff(test.want, strings.Join(lines(done), "\n")); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			want := "[7]"
			if test.result == "" {
				want = `[{"n":1}]`
			}
			if got := string(flows.EncodeJSON(done.Output)); got != want || done.Failure != nil || done.Stopped != "" || r.probed > 0 {
				t.Errorf("output %s, failure %v, stopped at %q, %d executions", got, done.Failure, done.Stopped, r.probed)
			}
			delete(r.run.Results, kind+".0")
			if again := r.rehearse("steps:\n  - "+test.step, nil); test.result != "" && again.Stopped != kind {
				t.Errorf("without a result it stopped at %q", again.Stopped)
			}
		})
	}
}

// A kind of which nothing is known, and which has nested steps, is not executed.
func TestRehearsedOwnKindWithSteps(t *testing.T) {
	t.Parallel()
	r := newRehearsed(t, nil, nil)
	if done := r.rehearse("steps:\n  - nest:\n", nil); done.Stopped != "nest" || r.probed > 0 {
		t.Errorf("stopped at %q, %d executions", done.Stopped, r.probed)
	}
}

// Steps that keep their own decisions have those of the recorded run, and do not wait.
func TestRehearsedDecisions(t *testing.T) {
	t.Parallel()
	source := `steps:
  - split: .[]
  - dedupe: "${ . }"
  - limit: {key: k, rate: 1, per: 1h}
  - delay: 20h
  - lock: {key: k, steps: [{probe: }]}
  - collect: .
`
	r := newRehearsed(t, []any{1, 2, 3}, map[string]string{
		"dedupe.0.first": "true", "dedupe.1.first": "false", "dedupe.2.first": "true",
		"lock.probe.0.0": `{"items":["a"],"of":1}`, "lock.probe.1.0": `{"failed":{"code":"step_failed","message":"no"}}`,
	})
	if done := r.rehearse(source, nil); done.Failure == nil || done.Failure.Message != "no" || done.Failure.Step != "lock.probe" {
		t.Errorf("failure %v", done.Failure)
	}
	r.run.Results["lock.probe.1.0"] = []byte(`{"items":["b"],"of":1}`)
	if done := r.rehearse(source, nil); string(flows.EncodeJSON(done.Output)) != `[["a","b"]]` {
		t.Errorf("output %s, failure %v", flows.EncodeJSON(done.Output), done.Failure)
	}
	r.run.Results = map[string][]byte{"dedupe.0.first": []byte("false")}
	done := r.rehearse("steps:\n  - dedupe: {key: k, repeats: previous, steps: [{set: {a: 1}}]}\n    on_error: skip\n", nil)
	if done.Stopped != "dedupe" {
		t.Errorf("the items of another run: stopped at %q, output %v", done.Stopped, done.Output)
	}
}

// The same request has the same result, whatever became of its item's index and of its step's name.
func TestRehearsedResultsFollowTheirRequests(t *testing.T) {
	t.Parallel()
	step := "name: %s\n    http: {post: 'https://a.example/${ . }'}\n"
	r := newRehearsed(t, []any{1, 2, 3}, map[string]string{
		"send.0": `{"items":["one"],"of":3}`, "send.1": `{"items":["two"],"of":3}`, "send.2": `{"items":["three"],"of":3}`,
	})
	before := r.rehearse("steps:\n  - split: .[]\n  - "+fmt.Sprintf(step, "send"), nil)
	after := r.rehearse("steps:\n  - split: .[]\n  - filter: . != 1\n  - "+fmt.Sprintf(step, "post"), before)
	if got := string(flows.EncodeJSON(after.Output)); got != `["two","three"]` {
		t.Errorf("output %s, stopped at %q", got, after.Stopped)
	}
	// Another number of items with other requests: which result is that of which item is not known.
	after = r.rehearse("steps:\n  - split: .[]\n  - filter: . != 1\n  - transform: . + 10\n  - "+fmt.Sprintf(step, "send"), before)
	if after.Stopped != "send" {
		t.Errorf("output %v", after.Output)
	}
	// The same number: the result is that of the index.
	after = r.rehearse("steps:\n  - split: .[]\n  - transform: . + 10\n  - "+fmt.Sprintf(step, "send"), before)
	if got := string(flows.EncodeJSON(after.Output)); got != `["one","two","three"]` {
		t.Errorf("output %s", got)
	}
}

// A step that passed its item on passes on that of the new version, with what it added.
func TestRehearsedStepsPassTheNewItem(t *testing.T) {
	t.Parallel()
	source := "steps:\n  - set: {n: %d}\n  - state: {set: a, to: 1}\n  - state: {increment: b, into: sum}\n  - probe:\n"
	r := newRehearsed(t, nil, map[string]string{
		"state.0": `{"items":[{"n":1}],"of":1}`, "state-2.0": `{"items":[{"n":1,"sum":9}],"of":1}`, "probe.0": `{"items":[{"n":1,"sum":9}],"of":1}`,
	})
	before := r.rehearse(fmt.Sprintf(source, 1), nil)
	after := r.rehearse(fmt.Sprintf(source, 2), before)
	if got := string(flows.EncodeJSON(after.Output)); got != `[{"n":2,"sum":9}]` {
		t.Errorf("output %s, %v", got, lines(after))
	}
}

func TestRehearsedMocksAndFailures(t *testing.T) {
	t.Parallel()
	r := newRehearsed(t, nil, nil)
	mocked := "tests:\n  - {name: a, event: 1, mocks: {http: {status: 201}}, output: []}\n"
	done := r.rehearse("steps:\n  - http: {get: 'https://a.example'}\n"+mocked, nil)
	if got := string(flows.EncodeJSON(done.Output)); got != `[{"status":201}]` || len(done.Effects) != 1 {
		t.Errorf("output %s", got)
	}
	for step, want := range map[string]string{
		`{http: {get: "${ .a.b }"}}`:                       "the URL is null, not text",
		`{http: {get: "https://a", connection: gone}}`:     `there is no connection "gone"`,
		`{sql: {connection: gone, exec: "delete from t"}}`: `there is no connection "gone"`,
		`{fail: {message: no}}`:                            "no",
	} {
		done := r.rehearse("steps:\n  - "+step, nil)
		if done.Failure == nil || !strings.Contains(done.Failure.Message, want) || done.Stopped != "" || len(done.Effects) > 0 {
			t.Errorf("%s: %v, stopped at %q, %v", step, done.Failure, done.Stopped, lines(done))
		}
	}
}

// Both versions see the time of the recorded run, and the same random numbers.
func TestRehearsedTime(t *testing.T) {
	t.Parallel()
	r := newRehearsed(t, nil, nil)
	source := `steps:
  - set: {now: "${ now }", until: "${ $run.deadline }"}
  - script: |
      return {now: item.now, until: item.until, date: Date.now(), made: new Date().getTime(), given: new Date(5).getTime(), text: typeof Date(), is: new Date() instanceof Date, random: Math.random()}
`
	first := string(flows.EncodeJSON(r.rehearse(source, nil).Output))
	want := `[{"date":1700000000000,"given":5,"is":true,"made":1700000000000,"now":1700000000,"random":0.000007826369259425611,"text":"string","until":"2023-11-14T22:14:20Z"}]`
	if first != want {
		t.Errorf("output %s, failure %v", first, r.rehearse(source, nil).Failure)
	}
	if again := string(flows.EncodeJSON(r.rehearse(source, nil).Output)); again != first {
		t.Errorf("output %s, then %s", first, again)
	}
}

// A called flow has the version and the results of the recorded run.
func TestRehearsedCall(t *testing.T) {
	t.Parallel()
	r := newRehearsed(t, 1, map[string]string{"call.0.flow other": `{"number":2,"version":"v"}`, "call.0/probe.0": `{"items":["done"],"of":1}`})
	other := r.parse("steps:\n  - probe:\n    redact: [a]\n")
	r.env.Flows = pinnedFlows{other}
	done := r.rehearse("steps:\n  - call: other\n", nil)
	if got := string(flows.EncodeJSON(done.Output)); got != `["done"]` || !done.Redacts || done.Effects[0].Step != "call/probe" || r.probed > 0 {
		t.Errorf("output %s, %v, redacts %v", got, lines(done), done.Redacts)
	}
}

// A rehearsal compares how responses are read.
func TestRehearsedReading(t *testing.T) {
	t.Parallel()
	r := newRehearsed(t, nil, nil)
	get := "steps:\n  - http: {get: 'https://a.example/'%s}\n"
	for reading, want := range map[string]string{
		"": "", ", parse: auto, max_response: 10MB": "", ", parse: text": `{"parse":"text"}`, ", expect: [404, 2xx]": `{"expect":"404 2xx"}`, ", max_response: 1KB": `{"max_response":1000}`,
		", paginate: {next: link, items: '.body[]'}": `{"items":".body[]"}`,
	} {
		request := r.rehearse(fmt.Sprintf(get, reading), nil).Effects[0].Request.(map[string]any)
		if got := string(flows.EncodeJSON(request["response"])); request["response"] == nil && want != "" || request["response"] != nil && got != want {
			t.Errorf("%s: %s, want %s", reading, got, want)
		}
	}
}

// pinnedFlows has one version of one flow, which is not the current one.
type pinnedFlows struct{ flow *flows.Flow }

func (pinnedFlows) Find(string) (*flows.Flow, bool) { return nil, false }

func (p pinnedFlows) Version(_ context.Context, number int64, version string) (*flows.Flow, error) {
	if number != 2 || version != "v" {
		return nil, fmt.Errorf("version %d %s", number, version)
	}
	return p.flow, nil
}

// A custom certificate authority does not lead to the network.
func TestRehearsedTrust(t *testing.T) {
	t.Parallel()
	r := newRehearsed(t, nil, map[string]string{"http.0": `{"items":[7],"of":1}`})
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	done := r.rehearse("steps:\n  - http:\n      post: https://127.0.0.1:1/\n      json: {a: 1}\n      tls:\n        ca: |\n          "+
		strings.ReplaceAll(strings.TrimSpace(ca), "\n", "\n          ")+"\n", nil)
	want := `http.0 {"body":{"a":1},"headers":{"content-type":"application/json"},"method":"POST","url":"https://127.0.0.1:1/"}`
	if got := strings.Join(lines(done), "\n"); got != want || done.Output == nil {
		t.Errorf("%s, failure %v", got, done.Failure)
	}
}
