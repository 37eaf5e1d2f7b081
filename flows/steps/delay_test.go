package steps_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
)

func delayed(t *testing.T, ctx context.Context, step string, event any) (time.Duration, []any, error) {
	t.Helper()
	flow, err := flows.Parse("test.yaml", []byte("flow: 1\nsteps:\n  - split: .[]\n  - "+step+"\n"), steps.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	output, err := flow.Execute(ctx, flows.Run{Event: event}, flows.Env{})
	return time.Since(begun), output, err
}

func TestDelayHoldsEachItem(t *testing.T) {
	t.Parallel()
	tests := []struct {
		step string
		took time.Duration
	}{
		{"delay: 2s", 2 * time.Second},
		{"delay: 2s\n    concurrency: 3", 2 * time.Second},
		{"delay: {until: '${ . }'}", 10 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.step, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				at := time.Now().Add(10 * time.Second).Format(time.RFC3339)
				took, output, err := delayed(t, t.Context(), test.step, []any{at, at, at})
				if err != nil || took != test.took || len(output) != 3 {
					t.Errorf("%v, %v, %v", took, output, err)
				}
			})
		})
	}
}

func TestDelayEndsWithTheRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		took, _, err := delayed(t, ctx, "delay: 30s", []any{1})
		var e *flows.Error
		if took != time.Second || !errors.As(err, &e) || e.Code != flows.CodeCancelled {
			t.Errorf("%v, %v", took, err)
		}
	})
}
