package cli

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

// stepRecord is what a run's record tells of one step.
type stepRecord struct {
	Step    string          `json:"step"`
	In      int             `json:"in"`
	Out     int             `json:"out"`
	Error   string          `json:"error"`
	Within  string          `json:"within"`
	Items   json.RawMessage `json:"items"`
	LeftOut bool            `json:"left_out"`
}

// mocksOf makes mocks of what steps that reach the world put out in a run.
// The error tells all that is missing.
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
		answers, err := answersOf(reached.Path, record.Steps)
		switch {
		case err != nil:
			missing = append(missing, err)
		case len(answers) == 0: // it was not executed
		case paths[reached.Mock] != "":
			missing = append(missing, fmt.Errorf("the steps %s and %s have the same mock: give them names", paths[reached.Mock], reached.Path))
		default:
			mocks[reached.Mock], paths[reached.Mock] = mockOf(answers), reached.Path
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

// answersOf are what a step put out, in the order in which a test executes it.
func answersOf(path string, record []stepRecord) (answers []any, err error) {
	passed := slices.DeleteFunc(slices.Clone(record), func(s stepRecord) bool { return s.Step != path })
	slices.SortStableFunc(passed, func(a, b stepRecord) int { return byIndices(a.Within, b.Within) })
	for _, s := range passed {
		if s.Error != "" {
			message := strings.TrimPrefix(s.Error, "step "+path+": ") // which a test puts before it again
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

// byIndices orders "3.10." behind "3.9.".
func byIndices(a, b string) int {
	return slices.CompareFunc(strings.Split(a, "."), strings.Split(b, "."), func(x, y string) int {
		m, _ := strconv.Atoi(x) // empty behind the last dot
		n, _ := strconv.Atoi(y)
		return cmp.Compare(m, n)
	})
}

// mockOf is the mock with these answers, one for each time.
func mockOf(answers []any) any {
	first := string(flows.EncodeJSON(answers[0]))
	if !slices.ContainsFunc(answers, func(v any) bool { return string(flows.EncodeJSON(v)) != first }) {
		return answers[0]
	}
	return map[string]any{"each": answers}
}
