package flows_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
)

func TestFlowFields(t *testing.T) {
	t.Parallel()
	source := `
flow: 69
slug: constituent-upsert
name: Look up
enabled: false
trigger:
  webhook:
    params: [debug]
    headers: [X-Trace]
    schema: {type: object}
    idempotency_key: ${ $headers["x-event-id"] }-${ .id }
    verify: {scheme: github, secret: gh_hook}
    reply: ack
run: {limit: 55s, queue: slow, concurrency: {limit: 20, key: "${ $run.principal }", when_full: reject}}
vars: {crm: http://h, n: 1.10}
steps:
  - set: {a: 1}
tests:
  - name: one
    event: {}
    output: [{a: 1}]
`
	f := parseFile(t, source)
	got := map[string]any{
		"number": f.Number, "slug": f.Slug, "name": f.Name, "enabled": f.Enabled, "limit": f.Limit, "queue": f.Queue,
		"params": f.Webhook.Params, "headers": f.Webhook.Headers, "schema": f.Webhook.Schema, "scheme": f.Webhook.Verify.Scheme, "secrets": f.Webhook.Verify.Secrets,
		"reply": f.Webhook.Reply, "vars": f.Vars, "at once": f.Concurrency.Limit, "when full": f.Concurrency.WhenFull,
		"schedule": f.Schedule, "source": string(f.Source),
	}
	wanted := map[string]any{
		"number": int64(69), "slug": "constituent-upsert", "name": "Look up", "enabled": false, "limit": 55 * time.Second, "queue": "slow",
		"params": []string{"debug"}, "headers": []string{"x-trace", "x-event-id"}, "schema": map[string]any{"type": "object"},
		"scheme": "github", "secrets": []string{"gh_hook"}, "reply": "ack",
		"vars": map[string]any{"crm": "http://h", "n": json.Number("1.10")}, "at once": 20, "when full": "reject",
		"schedule": (*flows.Schedule)(nil), "source": source,
	}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	run := flows.Run{Principal: "key:k", Event: event(t, `{"id":9007199254740993123}`), Headers: map[string]string{"x-event-id": "e"}}
	for want, template := range map[string]*flows.Template{"e-9007199254740993123": f.Webhook.IdempotencyKey, "key:k": f.Concurrency.Key} {
		if got, err := f.Text(t.Context(), template, run); got != want || err != nil {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
}

func TestFlowDefaults(t *testing.T) {
	t.Parallel()
	f := parseFile(t, "flow: 1\nsteps: [{set: {a: 1}}]\n")
	if !f.Enabled || f.Retry != nil || f.Limit != time.Minute || f.Queue != "default" || f.Webhook != nil || f.Schedule != nil || f.Concurrency != nil {
		t.Errorf("%+v", f)
	}
	if other := parseFile(t, "flow: 1\nsteps: [{set: {a: 2}}]\n"); len(f.Version) != 64 || f.Version == other.Version {
		t.Errorf("versions %s and %s", f.Version, other.Version)
	}
}

func TestTriggers(t *testing.T) {
	t.Parallel()
	const steps = "\nsteps: [{set: {a: 1}}]\n"
	for _, source := range []string{"trigger: webhook", "on: webhook", "on: {webhook: {}}", "trigger: {webhook: }", "trigger:\n  webhook: {reply: result}"} {
		if f := parseFile(t, "flow: 1\n"+source+steps); f.Webhook == nil || f.Webhook.Reply != "result" {
			t.Errorf("%s: %+v", source, f.Webhook)
		}
	}
	tests := []struct {
		source string
		want   flows.Schedule
	}{
		{"trigger: {schedule: '*/5 * * * *'}", flows.Schedule{Cron: "*/5 * * * *", TimeZone: "UTC", Overlap: "skip", CatchUp: "none", CatchUpLimit: 100}},
		{"trigger: {schedule: {cron: '@every 1m', time_zone: Asia/Tokyo, overlap: queue, catch_up: all, catch_up_limit: 3}}", flows.Schedule{Cron: "@every 1m", TimeZone: "Asia/Tokyo", Overlap: "queue", CatchUp: "all", CatchUpLimit: 3}},
		{"trigger: {poll: {cron: '@every 1m', catch_up: last}}", flows.Schedule{Poll: true, Cron: "@every 1m", TimeZone: "UTC", Overlap: "skip", CatchUp: "last", CatchUpLimit: 100}},
	}
	for _, test := range tests {
		f := parseFile(t, "flow: 1\n"+test.source+steps)
		if f.Webhook != nil || f.Schedule == nil {
			t.Fatalf("%s: %+v", test.source, f)
		}
		if diff := cmp.Diff(test.want, *f.Schedule, cmpopts.IgnoreUnexported(flows.Schedule{})); diff != "" {
			t.Errorf("%s (-want +got)\n%s", test.source, diff)
		}
	}
}

// A flow in JSON compiles to the same model.
func TestFlowInJSON(t *testing.T) {
	t.Parallel()
	f := parseFile(t, `{"flow": 1, "steps": [{"split": ".[]"}, {"set": {"n": "${ . }", "id": 9007199254740993123}}]}`)
	want(t, execute(t, f, numbers(2), flows.Env{}), `[{"id":9007199254740993123,"n":0},{"id":9007199254740993123,"n":1}]`)
}

// A collect makes ancestors of its own list ambiguous; inside a branch the ancestors outside of it stay unique.
func TestScopeOfSteps(t *testing.T) {
	t.Parallel()
	const branch = `
  - split: .[]
  - name: outside
    transform: .
  - switch:
      - else:
          - name: inside
            split: ., .
          - name: many
            collect: length + $steps.outside
          - transform: '[., $steps.outside, $steps.many]'
`
	want(t, execute(t, parse(t, branch), numbers(2), flows.Env{}), `[[2,0,2],[3,1,3]]`)
	for _, test := range []struct{ step, want string }{
		{"    - transform: $steps.inside", "$steps.inside is ambiguous here: switch.else.many made one list"},
		{"- transform: $steps.inside", "$steps.inside is ambiguous here: switch.else.many"},
		{"- collect: $steps.outside", "$steps.outside is ambiguous here: collect made one list"},
		{"- collect: length\n  - set: {a: '${ $steps.outside }'}", "$steps.outside is ambiguous here: collect"},
		{"- filter: 'true'\n    on_error: {steps: [{name: hidden, transform: .}]}\n  - transform: $steps.outside, $steps.hidden, $steps.nowhere", `no step is named "nowhere"`},
	} {
		indent := "  "
		if strings.HasPrefix(test.step, "    ") {
			indent = "      "
		}
		_, err := flows.Parse("test.yaml", []byte("flow: 1\nsteps:"+branch+indent+test.step+"\n"), catalogue())
		if problems := (problem.List)(nil); !errors.As(err, &problems) || len(problems) != 1 || !strings.Contains(problems[0].Message, test.want) {
			t.Errorf("%s: %v, want %s", test.step, err, test.want)
		}
	}
}

// Unnamed steps of one kind get different names.
func TestPathsOfSteps(t *testing.T) {
	t.Parallel()
	flow := parse(t, `
  - set: {a: 1}
  - set: {a: 1}
  - name: log
    set: {a: 1}
  - log: hello
    on_error: {steps: [{log: inner}]}
  - switch: [{when: .b, steps: [{log: never}]}, {when: .a, steps: [{log: x}, {log: y}]}, {else: [{log: never}]}]
  - fail: stop
    on_error: {steps: [{log: caught}, {name: named, log: z}]}
`)
	trace := &tracer{}
	execute(t, flow, nil, flows.Env{Trace: trace})
	var paths []string
	for _, b := range trace.begun {
		paths = append(paths, b.Step)
	}
	wanted := "set set-2 log log-2 switch switch.2.log switch.2.log-2 fail fail.on_error.log fail.on_error.named"
	if got := strings.Join(paths, " "); got != wanted {
		t.Errorf("%s\nwant %s", got, wanted)
	}
}

func TestRunTestsShowsWhatDiffers(t *testing.T) {
	t.Parallel()
	flow := parseFile(t, `
flow: 1
steps:
  - name: find
    http: {get: "http://h/${ .id }"}
    retry: {attempts: 3, backoff: 1h, on: [503]}
  - transform: .body
tests:
  - name: passes, numbers by value
    mocks: {find: {body: {a: 1.0}}}
    output: [{a: 1}]
  - name: differs
    mocks: {http: {body: {a: 1, b: 2}}}
    output: [{a: 1, b: 3}]
  - name: has no mock
    output: []
  - name: wrong error
    mocks: {find: {error: {message: away, status: 503}}}
    error: {code: step_failed, message: gone}
  - name: part of the error
    mocks: {find: {error: {message: away from here, status: 503}}}
    error: away
  - name: should fail
    mocks: {find: [{body: 1}, {body: 2}]}
    error: x
`)
	want := []string{
		"",
		"the output differs (- wanted, + put out)\n  [\n    {\n      \"a\": 1,\n-     \"b\": 3\n+     \"b\": 2\n    }\n  ]",
		"the run failed: step find: this step reaches the world and the test has no mock for find",
		"the error differs (- wanted, + got)\n  {\n    \"code\": \"step_failed\",\n-   \"message\": \"gone\"\n+   \"message\": \"away\"\n  }",
		"",
		"the run should have failed, it put out\n[\n  1,\n  2\n]",
	}
	for i, r := range flows.RunTests(t.Context(), flow) {
		if diff := cmp.Diff(want[i], r.Failure); diff != "" {
			t.Errorf("%s in line %d (-want +got)\n%s", r.Name, r.Line, diff)
		}
	}
}

func TestCatalogue(t *testing.T) {
	t.Parallel()
	kind := probe(pass)
	larger := catalogue().With(kind)
	if _, ok := larger.Kind("probe"); !ok || len(larger.Kinds()) != len(catalogue().Kinds())+1 {
		t.Error("With adds nothing")
	}
	if _, ok := catalogue().Kind("probe"); ok {
		t.Error("With changes the catalogue that it starts from")
	}
	for _, name := range []string{"set", "retry"} {
		kind.Name = name
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("a second %q is accepted", name)
				}
			}()
			catalogue().With(kind)
		}()
	}
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	var set flows.Statuses
	kind := flows.Kind{Name: "probe", Params: []flows.Param{{Name: "expect", Type: flows.TypeStatuses, Inline: true}}, New: func(a *flows.Args) (flows.Runner, error) {
		set = a.Statuses("expect")
		return flows.RunFunc(pass), nil
	}}
	if _, err := flows.Parse("t", []byte("flow: 1\nsteps: [{probe: [404, 2xx, '501']}]"), catalogue().With(kind)); err != nil {
		t.Fatal(err)
	}
	for status, has := range map[int]bool{200: true, 299: true, 404: true, 501: true, 403: false, 500: false, 0: false, 99: false, 700: false} {
		if set.Has(status) != has {
			t.Errorf("%d: %v", status, !has)
		}
	}
}

// A kind reads its arguments as the flow has them, and its errors are reported at the parameter.
func TestArgs(t *testing.T) {
	t.Parallel()
	var args *flows.Args
	kind := flows.Kind{
		Name: "probe",
		Params: []flows.Param{
			{Name: "text", Type: flows.TypeString}, {Name: "n", Type: flows.TypeInt}, {Name: "yes", Type: flows.TypeBool},
			{Name: "wait", Type: flows.TypeDuration}, {Name: "word", Type: flows.TypeEnum, Enum: []string{"a", "b"}},
			{Name: "words", Type: flows.TypeStrings}, {Name: "any", Type: flows.TypeLiteral},
			{Name: "one", Type: flows.TypeObject, Fields: []flows.Param{{Name: "n", Type: flows.TypeInt}}},
			{Name: "many", Type: flows.TypeList, Fields: []flows.Param{{Name: "n", Type: flows.TypeInt}}},
		},
		New: func(a *flows.Args) (flows.Runner, error) {
			if args = a; a.Int("n") > 9 {
				return nil, a.Errorf("n", "%d is too many", a.Int("n"))
			}
			return flows.RunFunc(pass), nil
		},
	}
	const source = "flow: 1\nsteps:\n  - probe:\n      text: 12\n      n: %\n      yes: true\n      wait: 1m30s\n      word: b\n      words: one\n      any: {x: [1.10]}\n      one: {n: 3}\n      many: [{n: 4}, {}]\n"
	if _, err := flows.Parse("t", []byte(strings.Replace(source, "%", "7", 1)), catalogue().With(kind)); err != nil {
		t.Fatal(err)
	}
	got := []any{args.String("text"), args.Int("n"), args.Bool("yes"), args.Duration("wait"), args.String("word"), args.Strings("words"),
		args.Literal("any"), args.Object("one").Int("n"), args.List("many")[0].Int("n"), args.List("many")[1].Has("n"), args.Int("absent"), args.Object("absent") == nil}
	wanted := []any{"12", 7, true, 90 * time.Second, "b", []string{"one"},
		map[string]any{"x": []any{json.Number("1.10")}}, 3, 4, false, 0, true}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	_, err := flows.Parse("t", []byte(strings.Replace(source, "%", "10", 1)), catalogue().With(kind))
	if err == nil || !strings.HasPrefix(err.Error(), "t:5:10: 10 is too many\n") {
		t.Errorf("%v", err)
	}
}

func TestRouterKeepsOrderWithEffectsInside(t *testing.T) {
	t.Parallel()
	flow := parseProbe(t, "  - split: .[]\n  - switch:\n      - when: . > 3\n        steps: [{probe: }, {split: '., .'}]\n", func(ctx context.Context, in *flows.Input) ([]any, error) {
		return []any{in.Value()}, nil
	})
	want(t, execute(t, flow, numbers(6), flows.Env{}), `[0,1,2,3,4,4,5,5]`)
}

// A kind may send an item through nested steps itself, more than once.
func TestBlockRunsOnBehalfOfAStep(t *testing.T) {
	t.Parallel()
	twice := flows.Kind{
		Name: "twice", Params: []flows.Param{{Name: "steps", Type: flows.TypeSteps, Inline: true, Required: true}},
		New: func(args *flows.Args) (flows.Runner, error) {
			steps := args.Steps("steps")
			return flows.RunFunc(func(ctx context.Context, in *flows.Input) ([]any, error) {
				first, err := steps.Run(ctx, in)
				if err != nil {
					return nil, err
				}
				second, err := steps.Run(ctx, in.With(first))
				return append(first, second...), err
			}), nil
		},
	}
	source := "flow: 1\nsteps:\n  - split: .[]\n  - twice:\n      - name: inner\n        transform: '[.], $index'\n      - filter: $steps.inner != null\n"
	flow, err := flows.Parse("test.yaml", []byte(source), catalogue().With(twice))
	if err != nil {
		t.Fatal(err)
	}
	want(t, execute(t, flow, numbers(2), flows.Env{}), `[[0],0,[[[0],0]],0,[1],0,[[[1],0]],0]`)
	if _, err := flow.Execute(t.Context(), flows.Run{Event: 1}, flows.Env{}); err == nil {
		t.Error("a number is split")
	}
	router := flows.RouteFunc(func(context.Context, *flows.Input) (*flows.Block, error) { return nil, errors.New("no way") })
	if _, err := router.Run(t.Context(), nil); err == nil || err.Error() != "no way" {
		t.Errorf("%v", err)
	}
}

func TestProblemOnOneLine(t *testing.T) {
	t.Parallel()
	p := problem.Problem{File: "a.yaml", Line: 3, Column: 5, Message: "unknown field", Hint: "did you mean name?"}
	if got, want := p.Error(), "a.yaml:3:5: unknown field (did you mean name?)"; got != want {
		t.Errorf("%s", got)
	}
}

// A mistake far to the right in a long line is shown with the text around it.
func TestLongLinesAreShownInPart(t *testing.T) {
	t.Parallel()
	source := "flow: 1\nsteps: [{set: {a: '" + strings.Repeat("é", 300) + " ${ .x + }'}}]\n"
	_, err := flows.Parse("t", []byte(source), catalogue())
	var problems problem.List
	if !errors.As(err, &problems) || len(problems) != 1 {
		t.Fatal(err)
	}
	lines := strings.Split(problems[0].Text(), "\n")
	caret := strings.Index(lines[2], "^")
	if problems[0].Column != 329 || len([]rune(lines[1])) > 180 || string([]rune(lines[1])[caret:caret+1]) != "}" {
		t.Errorf("column %d\n%s", problems[0].Column, problems[0].Text())
	}
}
