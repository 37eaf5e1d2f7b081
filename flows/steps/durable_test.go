package steps_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
)

// durableRun is the environment of a run with durable steps: in memory, and the
// same for every attempt.
type durableRun struct {
	t      *testing.T
	flow   *flows.Flow
	memory *flows.Memory
	env    flows.Env

	mu        sync.Mutex
	started   map[string]bool   // guarded by mu, as are the rest
	results   map[string]string // of the journal
	answers   []flows.Response
	emitted   []flows.Emission
	callbacks map[string]time.Time // expiry by key
	maxBody   int64                // of the latest callback
	effects   []any                // items that a probe processed
	others    map[string]*flows.Flow
}

func newDurableRun(t *testing.T, source string) *durableRun {
	t.Helper()
	r := &durableRun{
		t: t, memory: flows.NewMemory(), started: map[string]bool{}, results: map[string]string{},
		callbacks: map[string]time.Time{}, others: map[string]*flows.Flow{},
	}
	r.flow = r.parse("flow: 1\nsteps:\n" + source)
	r.env = flows.Env{
		Journal: r, State: r.memory, Pace: r.memory, Emit: r, Callbacks: r, Flows: r, Parks: true,
		Respond: func(_ context.Context, a flows.Response) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.answers = append(r.answers, a)
			return nil
		},
	}
	return r
}

// parse adds a kind probe: an effect whose items are counted.
func (r *durableRun) parse(source string) *flows.Flow {
	r.t.Helper()
	probe := flows.Kind{Name: "probe", Effect: flows.Once, New: func(*flows.Args) (flows.Runner, error) {
		return flows.RunFunc(func(_ context.Context, in *flows.Input) ([]any, error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.effects = append(r.effects, in.Value())
			return []any{in.Value()}, nil
		}), nil
	}}
	flow, err := flows.Parse("test.yaml", []byte(source), steps.Catalogue().With(probe))
	if err != nil {
		r.t.Fatal(err)
	}
	return flow
}

func (r *durableRun) attempt(event any) ([]any, error) {
	return r.flow.Execute(r.t.Context(), flows.Run{ID: "run", Event: event, Principal: "key:k"}, r.env)
}

// done executes an attempt that must end the run.
func (r *durableRun) done(event any, want string) {
	r.t.Helper()
	output, err := r.attempt(event)
	if err != nil {
		r.t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(flows.EncodeJSON(output))); diff != "" {
		r.t.Errorf("output (-want +got)\n%s", diff)
	}
}

// parked executes an attempt that must park the run; it returns the time until the next one.
func (r *durableRun) parked(event any) time.Duration {
	r.t.Helper()
	_, err := r.attempt(event)
	var parked *flows.Parked
	if !errors.As(err, &parked) {
		r.t.Fatalf("not parked: %v", err)
	}
	return time.Until(parked.Wake)
}

func (r *durableRun) fails(event any, code flows.Code, part string) *flows.Error {
	r.t.Helper()
	_, err := r.attempt(event)
	var e *flows.Error
	if !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Message, part) {
		r.t.Fatalf("failed with %v, want %s: %s", err, code, part)
	}
	return e
}

func (r *durableRun) sawEffects(n int) {
	r.t.Helper()
	if len(r.effects) != n {
		r.t.Errorf("effects on %v, want %d", r.effects, n)
	}
}

// keys returns the keys of the journal.
func (r *durableRun) keys() []string { return keysOf(r.results) }

func keysOf(journal map[string]string) []string { return slices.Sorted(maps.Keys(journal)) }

func (r *durableRun) Start(_ context.Context, key string, _ flows.Effect) (flows.Recorded, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := flows.Recorded{Started: r.started[key]}
	r.started[key] = true
	if result, ok := r.results[key]; ok {
		known.Result = []byte(result)
	}
	return known, nil
}

func (r *durableRun) Finish(_ context.Context, key string, result []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.results[key]; !known {
		r.results[key] = string(result)
	}
	return nil
}

func (r *durableRun) Emit(_ context.Context, e flows.Emission) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.Flow == "gone" {
		return "", &flows.Error{Message: "there is no flow \"gone\""}
	}
	r.emitted = append(r.emitted, e)
	return "new-run", nil
}

func (r *durableRun) URL(key string, expires time.Time, maxBody int64) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.maxBody = maxBody
	r.callbacks[key] = expires
	return "https://here/" + key, nil
}

func (r *durableRun) Find(ref string) (*flows.Flow, bool) {
	f, ok := r.others[ref]
	return f, ok
}

func (r *durableRun) Version(_ context.Context, number int64, version string) (*flows.Flow, error) {
	for _, f := range r.others {
		if f.Number == number && f.Version == version {
			return f, nil
		}
	}
	return nil, errors.New("not found")
}
