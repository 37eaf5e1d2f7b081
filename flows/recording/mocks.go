package recording

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock/penstock/flows"
)

// stepRecord is one step in the record of a run.
type stepRecord struct {
	Step    string          `json:"step"`
	In      int             `json:"in"`
	Out     int             `json:"out"`
	Error   string          `json:"error"`
	Within  string          `json:"within"`
	Items   json.RawMessage `json:"items"`
	LeftOut bool            `json:"left_out"`
}

// mocksOf makes mocks from the recorded outputs of external steps. The error lists everything that is missing.
func mocksOf(flow *flows.Flow, steps json.RawMessage) (map[string]any, error) {
	var record struct {
		Steps   []stepRecord `json:"steps"`
		Dropped int          `json:"dropped"`
	}
	if len(steps) > 0 {
		if err := json.Unmarshal(steps, &record); err != nil {
			return nil, fmt.Errorf("read record: %w", err)
		}
	}
	mocks, paths := map[string]any{}, map[string]string{}
	var missing []error
	for _, reached := range flow.ExternalSteps() {
		answers, err := outputsOf(reached.Path, record.Steps)
		switch {
		case err != nil:
			missing = append(missing, err)
		case len(answers) == 0: // not executed
		case paths[reached.Mock] != "":
			missing = append(missing, fmt.Errorf("the steps %s and %s have the same mock: give them names", paths[reached.Mock], reached.Path))
		default:
			mocks[reached.Mock], paths[reached.Mock] = mockFrom(answers), reached.Path
		}
	}
	if len(missing) > 0 && !flow.RecordItems {
		return nil, errors.New("record run: its flow does not keep what steps put out: add `run: {record: items}`, deploy, and run it again")
	}
	if record.Dropped > 0 {
		missing = append(missing, fmt.Errorf("%d entries of the record did not fit", record.Dropped))
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("record run: the record lacks what a test needs:\n%w", errors.Join(missing...))
	}
	return mocks, nil
}

// outputsOf returns the outputs of a step in the order in which a test executes it.
func outputsOf(path string, record []stepRecord) (answers []any, err error) {
	passed := slices.DeleteFunc(slices.Clone(record), func(s stepRecord) bool { return s.Step != path })
	slices.SortStableFunc(passed, func(a, b stepRecord) int { return byIndices(a.Within, b.Within) })
	for _, s := range passed {
		if s.Error != "" {
			message := strings.TrimPrefix(s.Error, "step "+path+": ") // a test adds this prefix again
			return append(answers, map[string]any{"error": map[string]any{"message": message}}), nil
		}
		if s.In == 0 {
			continue
		}
		if s.Items == nil || s.LeftOut {
			return nil, fmt.Errorf("step %s put out %d items, more than are kept", path, s.Out)
		}
		v, err := flows.DecodeJSON(s.Items)
		if err != nil {
			return nil, fmt.Errorf("read items of step %s: %w", path, err)
		}
		items, _ := v.([]any)
		switch {
		case s.In == 1 && len(items) != 1:
			answers = append(answers, items)
		case s.In == len(items):
			answers = append(answers, items...)
		default:
			return nil, fmt.Errorf("step %s put out %d items for %d: which belong to which is not kept", path, len(items), s.In)
		}
	}
	return answers, nil
}

// byIndices compares lists of indices numerically: "3.10." is after "3.9.".
func byIndices(a, b string) int {
	return slices.CompareFunc(strings.Split(a, "."), strings.Split(b, "."), func(x, y string) int {
		m, _ := strconv.Atoi(x) // empty behind the last dot
		n, _ := strconv.Atoi(y)
		return cmp.Compare(m, n)
	})
}

// mockFrom returns a mock with these outputs, one per execution.
func mockFrom(answers []any) any {
	first := string(flows.EncodeJSON(answers[0]))
	if !slices.ContainsFunc(answers, func(v any) bool { return string(flows.EncodeJSON(v)) != first }) {
		return answers[0]
	}
	return map[string]any{"each": answers}
}
