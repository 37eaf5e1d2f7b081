package view

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
)

// Run is the content of a run's page.
type Run struct {
	RunRow
	Version                string
	Worker                 string
	Crashes                int
	Limit                  time.Duration
	Started                time.Time
	Finished               time.Time
	Ended                  bool
	Resumable              bool              // a new run may continue it
	ResumedFrom, ResumedBy string            // runs before and after it; empty: none
	ReplayedBy             string            // the last run that replays it; empty: none
	Labels                 map[string]string // as its flow computes them
	FailureOf, FailureRun  string            // the run whose failure it handles, and the run that handles its own; empty: none
	Triage                 *queue.Triage     // nil: it has not failed
	Collects               *queue.Collects   // nil: it waits for no further events
	Deployed               bool              // the flow still exists
	Current                bool              // the run's version is the current one
	Early                  int               // status of a response sent before the run's end; zero: none

	Event   json.RawMessage // nil: none
	Params  map[string]string
	Headers map[string]string
	Output  json.RawMessage // nil: none
	Failure *Failure        // nil: none
	Tries   []Try           // that failed and were followed by another one, the oldest first
	TryMost int             // maximum of tries
	Files   []flows.File    // that the event and the output describe

	Phases  []Phase
	Rows    []StepRow
	Span    time.Duration // covered by Rows
	Lines   []LogLine
	Dropped int // number of steps and log lines that were not recorded
}

// replaced reports whether a run with a later event took its place, which is no failure.
func (r *Run) replaced() bool {
	return r.Failure != nil && r.Failure.Code == string(flows.CodeReplaced)
}

// Failure is the error of a run.
type Failure struct {
	Code, Message, Step string
	Status              int // HTTP status chosen by the flow; zero: none
	Item                int // index of the item; negative: none
}

// Try is a try of a run that failed, see run.retry.
type Try struct {
	Failure
	Attempt      int
	Failed, Next time.Time // when it failed, and when the next one begins
}

// Phase is a part of a run's duration.
type Phase struct {
	Name string
	Took time.Duration
}

// StepRow is one step with all its runs combined.
type StepRow struct {
	Path       string
	Name       string // the path below the parent step
	Kind       string
	Depth      int
	In, Out    int // items
	Times      int // number of step runs
	Attempts   int
	Replayed   int
	Starts     time.Duration // after the first step
	Took       time.Duration
	Running    bool
	Waiting    time.Time // until when the run is parked at this step; zero: it is not
	Error      string
	Each       []ItemRow
	Aggregates bool         // the kind makes one item of all
	Items      []StepOutput // nil: the output is not recorded
	Bars       []Bar
}

// StepOutput is the output of one step run.
type StepOutput struct {
	Within  string          // indices of the items in whose nested steps it ran; empty: not nested
	Items   json.RawMessage // the first items, masked; nil: there was no room
	LeftOut bool            // Items is not complete
}

// maxOutputs is the number of step runs whose output is shown.
const maxOutputs = 10

// inputOf returns the input of a row: the output of the previous row in the same list of steps, or the event. Nil: not
// recorded.
func (r Run) inputOf(i int) []StepOutput {
	folder := func(path string) string { return path[:strings.LastIndexByte(path, '.')+1] }
	for j := i - 1; j >= 0; j-- {
		if folder(r.Rows[j].Path) == folder(r.Rows[i].Path) {
			return r.Rows[j].Items
		}
	}
	if r.Rows[i].Depth == 0 && r.Rows[i].Items != nil && r.Event != nil {
		return []StepOutput{{Items: json.RawMessage("[" + string(r.Event) + "]")}}
	}
	return nil
}

// keepsItems reports whether the record contains the output of steps.
func (r Run) keepsItems() bool {
	return slices.ContainsFunc(r.Rows, func(s StepRow) bool { return s.Items != nil })
}

// Bar is one step run on the timeline, in percent of the span.
type Bar struct {
	From, Width     float64
	Failed, Running bool
}

// LogLine is a message of a log step.
type LogLine struct {
	Step, Level, Message, Fields string
	Item                         int
	At                           time.Time
}

func percent(f float64) string { return strconv.FormatFloat(f, 'f', 3, 64) + "%" }

// width returns the width of a bar, at least as much as can be seen.
func (b Bar) width() string { return percent(max(b.Width, 0.4)) }

func (b Bar) from() string { return percent(min(b.From, 99.6)) }

func (b Bar) class() string {
	switch {
	case b.Failed:
		return "bar bad"
	case b.Running:
		return "bar on"
	}
	return "bar"
}

// total returns the duration of all phases, at least 1 µs.
func (r Run) total() time.Duration {
	var sum time.Duration
	for _, p := range r.Phases {
		sum += p.Took
	}
	return max(sum, time.Microsecond)
}

// placedPhase is a phase with its position and width, in percent.
type placedPhase struct {
	Phase
	From, Width string
}

func (r Run) placedPhases() []placedPhase {
	var all []placedPhase
	var before time.Duration
	for _, p := range r.Phases {
		all = append(all, placedPhase{p, percent(100 * float64(before) / float64(r.total())), percent(100 * float64(p.Took) / float64(r.total()))})
		before += p.Took
	}
	return all
}

// marks returns the time labels below the timeline.
func (r Run) marks() []placedPhase {
	var all []placedPhase
	for i := range 5 {
		all = append(all, placedPhase{Phase{Took: r.Span * time.Duration(i) / 4}, percent(25 * float64(i)), ""})
	}
	return all
}

func (r Run) path() string { return Root + "/runs/" + r.ID }
