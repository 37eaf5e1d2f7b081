package history

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/penstock/penstock/queue"
)

// The properties by which a summary counts runs.
const (
	ByState     = "state"
	ByCode      = "code" // of the error of runs that have one
	ByPrincipal = "principal"
	ByTrigger   = "trigger" // see queue.Record.Trigger
)

// Properties lists the properties by which runs are counted, in the order in which they are stored: a new one is the last.
func Properties() []string { return []string{ByState, ByCode, ByPrincipal, ByTrigger} }

// A summary tells apart the most frequent values of a property, and steps. The others are counted as one, Others.
const (
	maxValues = 20 // of a property
	maxSteps  = 100
)

// Values that stand for no value of a record.
const (
	Others = "(others)"
	None   = "(none)" // the principal of runs that no caller started
)

// summary describes runs. Summaries of different runs can be merged.
type summary struct {
	Runs   int64
	Counts map[string]map[string]int64 // by property and value
	Took   histogram                   // from acceptance to the end
	Wait   histogram                   // from acceptance to the start, of runs with one attempt
	Steps  map[string]*histogram
}

func newSummary() *summary {
	s := &summary{Counts: map[string]map[string]int64{}, Steps: map[string]*histogram{}}
	for _, property := range Properties() {
		s.Counts[property] = map[string]int64{}
	}
	return s
}

// observation is what a summary counts of a run.
type observation struct {
	counted map[string]string // values by property
	took    int64             // microseconds
	wait    int64             // microseconds; -1: unknown
	steps   []recordedStep
}

// observe returns what a summary counts of an ended run.
func observe(r *queue.Record, steps *recordedSteps) observation {
	o := observation{
		counted: map[string]string{ByState: string(r.State), ByPrincipal: cmp.Or(r.Principal, None), ByTrigger: r.Trigger()},
		took:    r.Times.Finished.Sub(r.Times.Accepted).Microseconds(), wait: -1, steps: steps.Steps,
	}
	if r.Error != nil {
		o.counted[ByCode] = string(r.Error.Code)
	}
	if r.Attempt == 1 && !r.Times.Started.IsZero() {
		o.wait = r.Times.Started.Sub(r.Times.Accepted).Microseconds()
	}
	return o
}

// add counts a run; with its steps if the summary is that of a flow.
func (s *summary) add(o *observation, withSteps bool) {
	s.Runs++
	for property, value := range o.counted {
		s.Counts[property][value]++
	}
	s.Took.observe(o.took)
	if o.wait >= 0 {
		s.Wait.observe(o.wait)
	}
	if !withSteps {
		return
	}
	for i := range o.steps {
		if step := &o.steps[i]; step.Within == "" {
			s.step(step.Step).observe(step.Micros)
		}
	}
}

// step returns the histogram of a step.
func (s *summary) step(name string) *histogram {
	if s.Steps[name] == nil {
		s.Steps[name] = &histogram{}
	}
	return s.Steps[name]
}

// merge adds the runs of another summary.
func (s *summary) merge(other *summary) {
	s.Runs += other.Runs
	for property, counts := range s.Counts {
		for value, n := range other.Counts[property] {
			counts[value] += n
		}
	}
	s.Took.merge(&other.Took)
	s.Wait.merge(&other.Wait)
	for name, times := range other.Steps {
		s.step(name).merge(times)
	}
}

// limit merges the values beyond maxValues, and the steps beyond maxSteps.
func (s *summary) limit() {
	for _, counts := range s.Counts {
		for _, value := range rare(counts, maxValues, func(n int64) int64 { return n }) {
			counts[Others] += counts[value]
			delete(counts, value)
		}
	}
	for _, name := range rare(s.Steps, maxSteps, (*histogram).total) {
		s.step(Others).merge(s.Steps[name])
		delete(s.Steps, name)
	}
}

// rare returns the names other than Others beyond a number of the most frequent ones.
func rare[V any](values map[string]V, most int, count func(V) int64) []string {
	if len(values) <= most {
		return nil
	}
	names := slices.DeleteFunc(slices.Collect(maps.Keys(values)), func(name string) bool { return name == Others })
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(count(values[b]), count(values[a])), strings.Compare(a, b))
	})
	return names[min(len(names), most):]
}
