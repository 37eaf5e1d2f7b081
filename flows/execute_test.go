package flows_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
)

// probe is a kind with effects that a test can observe.
func probe(run func(ctx context.Context, in *flows.Input) ([]any, error)) flows.Kind {
	return flows.Kind{
		Name: "probe", Effect: flows.Once,
		New: func(*flows.Args) (flows.Runner, error) { return flows.RunFunc(run), nil },
	}
}

// parseProbe compiles the steps with a probe among the kinds.
func parseProbe(t testing.TB, steps string, run func(ctx context.Context, in *flows.Input) ([]any, error)) *flows.Flow {
	t.Helper()
	flow, err := flows.Parse("test.yaml", []byte("flow: 1\nsteps:\n"+steps), catalogue().With(probe(run)))
	if err != nil {
		t.Fatal(err)
	}
	return flow
}

func execute(t testing.TB, flow *flows.Flow, event any, env flows.Env) []any {
	t.Helper()
	output, err := flow.Execute(t.Context(), flows.Run{ID: "run-1", Attempt: 1, Event: event}, env)
	if err != nil {
		t.Fatal(err)
	}
	return output
}

// want compares values as JSON.
func want(t testing.TB, got any, expected string) {
	t.Helper()
	if diff := cmp.Diff(expected, string(flows.EncodeJSON(got))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func numbers(n int) []any {
	list := make([]any, n)
	for i := range list {
		list[i] = i
	}
	return list
}

func pass(_ context.Context, in *flows.Input) ([]any, error) { return []any{in.Value()}, nil }

// Each item gets its result only after its successor, within the eight that run at once; the results still have the
// order of the items.
func TestConcurrencyKeepsOrderAndItsBound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		flow := parseProbe(t, "  - split: .[]\n  - probe:\n    concurrency: 8\n", func(ctx context.Context, in *flows.Input) ([]any, error) {
			for n := now.Add(1); n > most.Load(); {
				most.Store(n)
			}
			defer now.Add(-1)
			time.Sleep(time.Duration(100-in.Index()) * time.Millisecond)
			return []any{in.Value(), in.Index()}, nil
		})
		output := execute(t, flow, numbers(100), flows.Env{})
		if len(output) != 200 || most.Load() != 8 {
			t.Fatalf("%d items, %d at once", len(output), most.Load())
		}
		for i := range 100 {
			if output[2*i] != i || output[2*i+1] != i {
				t.Fatalf("item %d is %v, %v", i, output[2*i], output[2*i+1])
			}
		}
	})
}

// This test does not run in parallel, because it measures the allocations of the whole process.
func TestTenThousandItemsKeepOrderInBoundedMemory(t *testing.T) {
	var most atomic.Int64
	flow := parseProbe(t, "  - split: .[]\n  - set: {n: '${ . }'}\n  - probe:\n    concurrency: 8\n  - filter: .n >= 0\n",
		func(_ context.Context, in *flows.Input) ([]any, error) {
			if n := int64(runtime.NumGoroutine()); n > most.Load() {
				most.Store(n)
			}
			return []any{in.Value()}, nil
		})
	event := numbers(10_000)
	var before, after runtime.MemStats
	goroutines := int64(runtime.NumGoroutine())
	runtime.GC()
	runtime.ReadMemStats(&before)
	output := execute(t, flow, event, flows.Env{})
	runtime.ReadMemStats(&after)
	for i, v := range output {
		if v.(map[string]any)["n"] != i {
			t.Fatalf("item %d is %v", i, v)
		}
	}
	if len(output) != len(event) {
		t.Errorf("%d items", len(output))
	}
	if n := most.Load() - goroutines; n > 64 { // other tests may run beside this one
		t.Errorf("%d goroutines more", n)
	}
	if perItem := (after.TotalAlloc - before.TotalAlloc) / 10_000; perItem > 8<<10 {
		t.Errorf("%d bytes allocated for each item", perItem)
	}
}

func TestTooManyItemsAreALimit(t *testing.T) {
	t.Parallel()
	flow := parse(t, "  - split: range(400)\n  - split: range(400)\n")
	_, err := flow.Execute(t.Context(), flows.Run{}, flows.Env{})
	wantError(t, err, flows.CodeLimit, "put out more than 100000 items")
}

func wantError(t testing.TB, err error, code flows.Code, part string) *flows.Error {
	t.Helper()
	var e *flows.Error
	if !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Error(), part) {
		t.Fatalf("%T %v, want %s with %q", err, err, code, part)
	}
	return e
}

func TestOnError(t *testing.T) {
	t.Parallel()
	tests := []struct{ onError, want string }{
		{"skip", `[0,2]`},
		{"continue", `[0,{"error":{"code":"step_failed","message":"no odd ones","status":418,"step":"probe"}},2]`},
		{"{steps: [{transform: .error.message, name: said}]}", `[0,"no odd ones",2]`},
	}
	for _, test := range tests {
		flow := parseProbe(t, "  - split: .[]\n  - probe:\n    on_error: "+test.onError+"\n", odd)
		want(t, execute(t, flow, numbers(3), flows.Env{}), test.want)
	}
	flow := parseProbe(t, "  - split: .[]\n  - probe:\n", odd)
	_, err := flow.Execute(t.Context(), flows.Run{Event: numbers(5)}, flows.Env{})
	if e := wantError(t, err, flows.CodeStepFailed, "step probe: no odd ones"); e.Item == nil || *e.Item != 1 {
		t.Errorf("item %v, want that of the first failure", e.Item)
	}
}

func odd(_ context.Context, in *flows.Input) ([]any, error) {
	if in.Index()%2 == 1 {
		return nil, &flows.Error{Message: "no odd ones", Upstream: 418}
	}
	return []any{in.Value()}, nil
}

func TestConditionLetsOthersPass(t *testing.T) {
	t.Parallel()
	flow := parse(t, "  - split: .[]\n  - name: big\n    if: . > 1\n    set: {n: '${ . }'}\n  - transform: '[., $steps.big]'\n")
	want(t, execute(t, flow, numbers(3), flows.Env{}), `[[0,0],[1,1],[{"n":2},{"n":2}]]`)
}

func TestRetry(t *testing.T) {
	t.Parallel()
	upstream := func(status int, after time.Duration) error {
		return &flows.Error{Message: "busy", Upstream: status, RetryAfter: after}
	}
	class := func(c flows.Class) error { return &flows.Error{Message: "away", Class: c} }
	tests := []struct {
		name, retry string
		fails       error
		attempts    int
		took        time.Duration
	}{
		{"backs off", "{attempts: 4, backoff: 1s, jitter: false, on: 5xx}", upstream(503, 0), 4, 7 * time.Second},
		{"by another factor", "{attempts: 3, backoff: 1s, factor: 3, jitter: false, on: [503]}", upstream(503, 0), 3, 4 * time.Second},
		{"as asked", "{attempts: 2, backoff: 1s, jitter: false, on: [429]}", upstream(429, 9*time.Second), 2, 9 * time.Second},
		{"not beyond the deadline", "{attempts: 2, on: [429]}", upstream(429, time.Hour), 1, 0},
		{"not on others", "{attempts: 3, on: [5xx]}", upstream(404, 0), 1, 0},
		{"network", "{attempts: 2, backoff: 1s, jitter: false, on: network}", class(flows.ClassNetwork), 2, time.Second},
		{"timeout", "{attempts: 2, backoff: 1s, jitter: false, on: [timeout]}", class(flows.ClassTimeout), 2, time.Second},
		{"a once effect only where nothing happened", "3", class(flows.ClassNetwork), 1, 0},
		{"a once effect that was refused", "{attempts: 2, jitter: false}", upstream(503, 0), 2, 200 * time.Millisecond},
		{"not without a class", "{attempts: 3, on: [5xx, network, timeout]}", errors.New("broken"), 1, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				attempts := 0
				flow := parseProbe(t, "  - probe:\n    retry: "+test.retry+"\n", func(context.Context, *flows.Input) ([]any, error) {
					attempts++
					return nil, test.fails
				})
				begun := time.Now()
				_, err := flow.Execute(t.Context(), flows.Run{}, flows.Env{})
				if said := strings.Contains(fmt.Sprint(err), "; it is not tried again, because the pause that Retry-After asks for is longer"); said != strings.Contains(test.name, "beyond the deadline") {
					t.Errorf("the message: %v", err)
				}
				if took := time.Since(begun); err == nil || attempts != test.attempts || took != test.took {
					t.Errorf("%v after %d attempts in %v, want %d in %v", err, attempts, took, test.attempts, test.took)
				}
			})
		})
	}
}

// A step is tried again for what it puts out. After the last attempt that is a failure.
func TestRetryIf(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		condition, want string
		attempts        int
	}{
		{".status == \"busy\"", `[{"status":"done"}]`, 3},
		{".status == \"busy\" and $run.attempt == 2", `[{"status":"busy"}]`, 1},
		{".status != \"other\"", `step probe: retry.if is true: .status != "other"`, 4},
		{`if .status == "busy" then error("it refuses: \(.status)") else false end`, "step probe: it refuses: busy", 1},
		{".status.code", "step probe: .status.code: expected an object but got: string (\"busy\")", 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			attempts := 0
			flow := parseProbe(t, "  - probe:\n    retry: {attempts: 4, backoff: 1s, jitter: false, if: '"+test.condition+"'}\n", func(context.Context, *flows.Input) ([]any, error) {
				if attempts++; attempts < 3 {
					return []any{map[string]any{"status": "busy"}}, nil
				}
				return []any{map[string]any{"status": "done"}}, nil
			})
			items, err := flow.Execute(t.Context(), flows.Run{Attempt: 1}, flows.Env{})
			got := string(flows.EncodeJSON(items))
			if err != nil {
				got = err.Error()
			}
			if got != test.want || attempts != test.attempts {
				t.Errorf("%s: %s after %d attempts, want %s after %d", test.condition, got, attempts, test.want, test.attempts)
			}
		})
	}
}

func TestStepTimeoutIsNotTheRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		flow := parseProbe(t, "  - probe:\n    timeout: 2s\n    retry: {attempts: 3, backoff: 1s, factor: 1, jitter: false, on: timeout}\n", func(ctx context.Context, _ *flows.Input) ([]any, error) {
			attempts++
			<-ctx.Done()
			return nil, ctx.Err()
		})
		begun := time.Now()
		_, err := flow.Execute(t.Context(), flows.Run{}, flows.Env{})
		wantError(t, err, flows.CodeStepFailed, "step probe: took longer than its timeout of 2s")
		if took := time.Since(begun); attempts != 3 || took != 8*time.Second {
			t.Errorf("%d attempts, %v", attempts, took)
		}
	})
}

func TestEndOfTheRun(t *testing.T) {
	t.Parallel()
	hang := func(ctx context.Context, _ *flows.Input) ([]any, error) { <-ctx.Done(); return nil, ctx.Err() }
	const steps = "  - split: .[]\n  - probe:\n    on_error: skip\n    retry: {attempts: 9, on: [timeout, network]}\n"
	t.Run("limit", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			begun := time.Now()
			_, err := parseProbe(t, steps, hang).Execute(t.Context(), flows.Run{Event: numbers(20)}, flows.Env{})
			wantError(t, err, flows.CodeTimeout, "the run took longer than its limit of 1m0s")
			if took := time.Since(begun); took != time.Minute {
				t.Errorf("it took %v", took)
			}
		})
	})
	t.Run("deadline", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			begun := time.Now()
			run := flows.Run{Event: numbers(1), Deadline: begun.Add(7 * time.Second)}
			_, err := parseProbe(t, steps, hang).Execute(t.Context(), run, flows.Env{})
			wantError(t, err, flows.CodeTimeout, "limit")
			if took := time.Since(begun); took != 7*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	})
	t.Run("cancelled", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			_, err := parseProbe(t, steps, hang).Execute(ctx, flows.Run{Event: numbers(20)}, flows.Env{})
			wantError(t, err, flows.CodeCancelled, "cancelled")
		})
	})
	t.Run("whatever a step makes of it", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			flow := parseProbe(t, steps, func(ctx context.Context, _ *flows.Input) ([]any, error) {
				<-ctx.Done()
				return nil, &flows.Error{Message: "the connection broke", Class: flows.ClassNetwork}
			})
			_, err := flow.Execute(t.Context(), flows.Run{Event: numbers(20)}, flows.Env{})
			wantError(t, err, flows.CodeTimeout, "limit")
		})
	})
}

func TestPanicFailsTheRunOnly(t *testing.T) {
	t.Parallel()
	flow := parseProbe(t, "  - split: .[]\n  - probe:\n    on_error: skip\n", func(context.Context, *flows.Input) ([]any, error) { panic("boom") })
	_, err := flow.Execute(t.Context(), flows.Run{Event: numbers(20)}, flows.Env{})
	e := wantError(t, err, flows.CodeInternal, "the step broke down")
	if strings.Contains(e.Message, "boom") || !strings.Contains(e.Err.Error(), "boom") {
		t.Errorf("told %q, kept %v", e.Message, e.Err)
	}
}

// A flow is compiled once and executed by many at the same time.
func TestExecuteIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	flow := parse(t, "  - name: a\n    set: {n: '${ .n + 1 }', s: 'x${ $event.n }'}\n  - transform: '. + {sum: ($steps.a.n + $event.n), id: $run.id} | .big = (.n | tostring | test(\"1\"))'\n")
	var crew sync.WaitGroup
	for i := range 16 {
		crew.Go(func() {
			for j := range 100 {
				n := 1000*i + j
				output, err := flow.Execute(t.Context(), flows.Run{ID: fmt.Sprint(n), Event: map[string]any{"n": n}}, flows.Env{})
				if err != nil {
					t.Error(err)
					return
				}
				if got := output[0].(map[string]any); got["sum"] != 2*n+1 || got["id"] != fmt.Sprint(n) || got["s"] != fmt.Sprintf("x%d", n) {
					t.Errorf("%d: %v", n, got)
				}
			}
		})
	}
	crew.Wait()
}

func TestEventMustFitTheSchemaOfTheTrigger(t *testing.T) {
	t.Parallel()
	flow := parseFile(t, "flow: 1\ntrigger: {webhook: {schema: {type: object, required: [id]}}}\nsteps: [{set: {a: 1}}]\n")
	_, err := flow.Execute(t.Context(), flows.Run{Event: map[string]any{"x": json.Number("1")}}, flows.Env{})
	if e := wantError(t, err, flows.CodeValidation, "event: missing property 'id'"); e.Status != 422 {
		t.Errorf("status %d", e.Status)
	}
	want(t, execute(t, flow, map[string]any{"id": "7"}, flows.Env{}), `[{"a":1}]`)
}

func TestVarsAreOverriddenByName(t *testing.T) {
	t.Parallel()
	flow := parseFile(t, "flow: 1\nvars: {crm: a, n: 1}\nsteps: [{set: {crm: '${ $vars.crm }', vars: '${ $vars }'}}]\n")
	want(t, execute(t, flow, nil, flows.Env{Vars: map[string]any{"crm": "b", "other": "c"}}), `[{"crm":"b","vars":{"crm":"b","n":1}}]`)
	want(t, execute(t, flow, nil, flows.Env{}), `[{"crm":"a","vars":{"crm":"a","n":1}}]`)
	want(t, execute(t, flow, nil, flows.Env{VarSubstitutions: map[string]string{"a": "c", "1": "d"}}), `[{"crm":"c","vars":{"crm":"c","n":1}}]`)
	want(t, execute(t, flow, nil, flows.Env{VarSubstitutions: map[string]string{"a": ""}}), `[{"crm":"a","vars":{"crm":"a","n":1}}]`)
	want(t, execute(t, flow, nil, flows.Env{Vars: map[string]any{"n": "7"}}), `[{"crm":"a","vars":{"crm":"a","n":7}}]`)
	for _, v := range []any{"seven", true, map[string]any{}, []any{}} {
		_, err := flow.Execute(t.Context(), flows.Run{}, flows.Env{Vars: map[string]any{"n": v}})
		wantError(t, err, flows.CodeStepFailed, `vars: "n": the value of the environment is `)
	}
	other := func(f *flows.Flow) bool { return f.Version != flow.Version }
	want(t, execute(t, flow, nil, flows.Env{VarSubstitutions: map[string]string{"a": "c"}, SubstitutesIn: other}), `[{"crm":"a","vars":{"crm":"a","n":1}}]`)
}

// A var that is null has no value of its own: the environment, or a test, must have one.
func TestVarsWithoutAValue(t *testing.T) {
	t.Parallel()
	const source = "flow: 1\nvars: {crm: null}\nsteps: [{set: {crm: '${ $vars.crm }'}}]\ntests:\n  - {name: a, vars: {crm: b}, output: [{crm: b}]}\n  - {name: b, output: [{crm: null}]}\n"
	flow := parseFile(t, source)
	_, err := flow.Execute(t.Context(), flows.Run{}, flows.Env{})
	wantError(t, err, flows.CodeStepFailed, `vars: "crm": it has no value here, and the environment has none`)
	want(t, execute(t, flow, nil, flows.Env{Vars: map[string]any{"crm": []any{"b"}}}), `[{"crm":["b"]}]`)
	results := flows.RunTests(t.Context(), flow)
	if results[0].Failure != "" || !strings.Contains(results[1].Failure, `vars: "crm"`) {
		t.Errorf("tests: %+v", results)
	}
	unread := parseFile(t, "flow: 1\nvars: {crm: null}\nsteps: [{set: {a: 1}}]\n")
	want(t, execute(t, unread, nil, flows.Env{}), `[{"a":1}]`)
}

func TestParseVars(t *testing.T) {
	t.Parallel()
	vars, err := flows.ParseVars("prod.yaml", []byte("crm: https://crm.example.org\nlimit: 12345678901234567890\nteam: {a: [1]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	want(t, vars, `{"crm":"https://crm.example.org","limit":12345678901234567890,"team":{"a":[1]}}`)
	for source, problem := range map[string]string{"[a]": "prod.yaml:1:1: expected variables", "a: 1\na: 2": "prod.yaml:2:1: ", "": "the file is empty"} {
		if _, err := flows.ParseVars("prod.yaml", []byte(source)); err == nil || !strings.Contains(err.Error(), problem) {
			t.Errorf("%q: %v", source, err)
		}
	}
}
