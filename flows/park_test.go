package flows_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/flows"
)

// decide is a kind that remembers its decision, and may wait.
func decide(do func(ctx context.Context, in *flows.Input) ([]any, error)) *flows.Catalogue {
	return catalogue().With(flows.Kind{Name: "decide", Effect: flows.Durable, New: func(*flows.Args) (flows.Runner, error) {
		return flows.RunFunc(do), nil
	}})
}

func parseWith(t *testing.T, c *flows.Catalogue, steps string) *flows.Flow {
	t.Helper()
	flow, err := flows.Parse("test.yaml", []byte("flow: 1\nsteps:\n"+steps), c)
	if err != nil {
		t.Fatal(err)
	}
	return flow
}

func TestDecisionsAreRemembered(t *testing.T) {
	t.Parallel()
	made := 0
	flow := parseWith(t, decide(func(ctx context.Context, in *flows.Input) ([]any, error) {
		v, err := in.Remember(ctx, "choice", func() (any, error) {
			if made++; in.Value() == 7 {
				return nil, errors.New("no choice")
			}
			return map[string]any{"n": made}, nil
		})
		return []any{v}, err
	}), "  - split: .[]\n  - decide:\n    concurrency: 1\n")
	j := newJournal()
	for range 2 {
		want(t, execute(t, flow, []any{1, 2}, flows.Env{Journal: j}), `[{"n":1},{"n":2}]`)
	}
	want(t, execute(t, flow, []any{1}, flows.Env{}), `[{"n":3}]`)
	_, err := flow.Execute(t.Context(), flows.Run{Event: []any{7}}, flows.Env{Journal: newJournal()})
	wantError(t, err, flows.CodeStepFailed, "no choice")
	j = newJournal()
	j.refuse = errors.New("away")
	_, err = flow.Execute(t.Context(), flows.Run{Event: []any{1}}, flows.Env{Journal: j})
	wantError(t, err, flows.CodeInternal, "could not be recorded")
	j = newJournal()
	j.results["decide.0.choice"] = "{"
	_, err = flow.Execute(t.Context(), flows.Run{Event: []any{1}}, flows.Env{Journal: j})
	wantError(t, err, flows.CodeInternal, "cannot be read")
}

// The start time of a step is the same for all its items and attempts.
func TestWhenAStepBegan(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		flow := parseWith(t, decide(func(ctx context.Context, in *flows.Input) ([]any, error) {
			time.Sleep(time.Second)
			began, err := in.Began(ctx)
			return []any{began.Format(time.TimeOnly)}, err
		}), "  - split: .[]\n  - decide:\n    concurrency: 2\n")
		j := newJournal()
		for range 2 {
			want(t, execute(t, flow, numbers(4), flows.Env{Journal: j}), `["00:00:01","00:00:01","00:00:01","00:00:01"]`)
		}
		j.results["decide.began"] = `"yesterday"`
		_, err := flow.Execute(t.Context(), flows.Run{Event: []any{7}}, flows.Env{Journal: j})
		wantError(t, err, flows.CodeInternal, "cannot be read")
	})
}

// A park of an item is neither retried, nor caught, nor recorded.
func TestParkedItemsAreNoFailures(t *testing.T) {
	t.Parallel()
	wake := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, workers := range []string{"1", "8"} {
		var seen atomic.Int64
		flow := parseProbe(t, "  - split: .[]\n  - probe:\n    retry: 3\n    timeout: 1s\n    on_error: skip\n    concurrency: "+workers+"\n", func(_ context.Context, in *flows.Input) ([]any, error) {
			if in.Value() == 1 {
				return []any{1}, nil
			}
			seen.Add(1)
			return nil, in.Park(wake.Add(time.Duration(in.Value().(int)) * time.Hour))
		})
		j := newJournal()
		_, err := flow.Execute(t.Context(), flows.Run{Event: []any{3, 1, 2}}, flows.Env{Journal: j, Parks: true})
		var parked *flows.Parked
		if !errors.As(err, &parked) || !parked.Wake.Equal(wake.Add(2*time.Hour)) || seen.Load() != 2 || len(j.results) != 1 {
			t.Errorf("%v, seen %d, recorded %v", err, seen.Load(), j.results)
		}
		if parked != nil && parked.Error() != "step probe waits until 2030-01-02T05:04:05Z" {
			t.Errorf("%v", parked)
		}
	}
}

// A run whose limit has passed does not park.
func TestTheEndOfTheRunIsNoParking(t *testing.T) {
	t.Parallel()
	flow := parseProbe(t, "  - probe:\n", func(ctx context.Context, in *flows.Input) ([]any, error) {
		<-ctx.Done()
		return nil, in.Park(time.Now().Add(time.Hour))
	})
	_, err := flow.Execute(t.Context(), flows.Run{Deadline: time.Now().Add(10 * time.Millisecond)}, flows.Env{Parks: true})
	wantError(t, err, flows.CodeTimeout, "limit")
}

// A kind may make items of its own beside those of its nested steps.
func TestItemsOfANestedKind(t *testing.T) {
	t.Parallel()
	kind := flows.Kind{
		Name: "around", Params: []flows.Param{{Name: "steps", Type: flows.TypeSteps, Required: true, Inline: true}},
		New: func(args *flows.Args) (flows.Runner, error) {
			return flows.NestFunc(func(ctx context.Context, in *flows.Input) (flows.Items, error) {
				inside, err := args.Steps("steps").RunItem(ctx, in)
				if err != nil {
					return inside, err
				}
				made, err := in.NewItems(inside.Len(), "end")
				return in.Passthrough().Append(inside).Append(made), err
			}), nil
		},
	}
	flow := parseWith(t, catalogue().With(kind), "  - name: first\n    split: .[]\n  - around:\n      - name: inner\n        split: ., .\n  - transform: '[., $steps.first, $steps.inner]'\n")
	want(t, execute(t, flow, []any{5}, flows.Env{}), `[[5,5,null],[5,5,5],[5,5,5],[2,5,null],["end",5,null]]`)
	_, err := flow.Execute(t.Context(), flows.Run{Event: []any{1}}, flows.Env{MaxMemory: 300})
	wantError(t, err, flows.CodeLimit, "items at once")
	fails := flows.NestFunc(func(context.Context, *flows.Input) (flows.Items, error) { return flows.Items{}, errors.New("no way") })
	if _, err := fails.Run(t.Context(), nil); err == nil || err.Error() != "no way" {
		t.Errorf("%v", err)
	}
}
