// Package recording makes tests of flows from past runs.
package recording

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/mask"
)

// Source is what is known of an ended run.
type Source struct {
	Flow            *flows.Flow // the version that the run executed
	Event           []byte      // JSON; nil: none
	Params, Headers map[string]string
	Steps           json.RawMessage // what each step did, as the worker records it
	Output          []byte          // JSON array, of a run that succeeded
	Failed          *Failure        // of a run that failed; nil: it succeeded
}

// Failure is how a run failed.
type Failure struct{ Code, Step string }

// Run is an ended run, as far as a test can repeat it.
type Run struct {
	flow   *flows.Flow
	run    flows.Run
	mocks  map[string]any
	output any // nil: it failed
	failed *Failure
}

// New makes a Run and verifies that its mocks repeat it. The error says what the record lacks for that.
func New(ctx context.Context, s Source) (*Run, error) {
	r := &Run{flow: s.Flow, failed: s.Failed, run: flows.Run{ID: "test", Attempt: 1, Params: s.Params, Headers: s.Headers}}
	var err error
	if len(s.Event) > 0 {
		if r.run.Event, err = flows.DecodeJSON(s.Event); err != nil {
			return nil, fmt.Errorf("read event: %w", err)
		}
	}
	if s.Failed == nil {
		if r.output, err = flows.DecodeJSON(s.Output); err != nil {
			return nil, fmt.Errorf("read output: %w", err)
		}
	}
	if r.mocks, err = mocksOf(s.Flow, s.Steps); err != nil {
		return nil, err
	}
	return r, r.verify(ctx)
}

// Mocks returns the results that the steps with effects had, by their names.
func (r *Run) Mocks() map[string]any { return r.mocks }

// verify runs the flow locally with the mocks and compares the result.
func (r *Run) verify(ctx context.Context) error {
	output, err := r.flow.RunWithMocks(ctx, r.run, r.mocks)
	var failure *flows.Error
	switch {
	case r.failed != nil && errors.As(err, &failure):
		if failure.Step != r.failed.Step || string(failure.Code) != r.failed.Code {
			return fmt.Errorf("record run: with what is recorded it fails elsewhere: %w", err)
		}
		return nil
	case err != nil:
		return fmt.Errorf("record run: what is recorded does not repeat it: %w", err)
	case r.failed != nil:
		return errors.New("record run: with what is recorded it does not fail")
	}
	if want, got := string(flows.EncodeJSON(r.output)), string(flows.EncodeJSON(output)); want != got {
		return fmt.Errorf("record run: what is recorded does not repeat it: it put out %s, here %s", clip(want), clip(got))
	}
	return nil
}

func clip(s string) string {
	if len(s) > 200 {
		return s[:200] + "…"
	}
	return s
}

// Print writes the test, as an entry of the tests of a flow file. Its output is computed from masked values, so that it contains no secret.
func (r *Run) Print(ctx context.Context, w io.Writer, name string, m *mask.Masker) error {
	run := r.run
	m.Collect(run.Event, false)
	m.CollectTexts(run.Params)
	m.CollectTexts(run.Headers)
	for step, mock := range r.mocks {
		m.Collect(mock, false)
		if m.Masks(step) {
			m.CollectUnnamed(mock)
		}
	}
	run.Event = m.Value(run.Event)
	run.Params, run.Headers = m.Texts(run.Params), m.Texts(run.Headers)
	mocks := make(map[string]any, len(r.mocks))
	for step, mock := range r.mocks {
		mocks[step] = m.Value(mock)
	}
	output, err := r.flow.RunWithMocks(ctx, run, mocks)
	var failure *flows.Error
	if err != nil && (r.failed == nil || !errors.As(err, &failure)) {
		return fmt.Errorf("record run: with masked values it fails: %w", err)
	}
	entry := []testField{{"event", run.Event}, {"params", run.Params}, {"headers", run.Headers}, {"mocks", mocks}}
	if failure != nil {
		entry = append(entry, testField{"error", map[string]any{"code": string(failure.Code), "step": failure.Step}})
	} else {
		entry = append(entry, testField{"output", output})
	}
	if _, err := fmt.Fprintf(w, "  - name: %s\n", flows.EncodeJSON(name)); err != nil {
		return err
	}
	for _, f := range entry {
		if text := string(oneLine(f.value)); text != "null" && text != "{}" {
			if _, err := fmt.Fprintf(w, "    %s: %s\n", f.name, text); err != nil {
				return err
			}
		}
	}
	return nil
}

type testField struct {
	name  string
	value any
}

// oneLine encodes a value as one line of YAML and keeps the digits of numbers.
func oneLine(v any) []byte {
	if texts, ok := v.(map[string]string); ok {
		text, _ := json.Marshal(texts) // texts always encode
		return text
	}
	return flows.EncodeJSON(v)
}
