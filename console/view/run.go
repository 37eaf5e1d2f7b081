package view

import (
	"encoding/json"
	"net/url"
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

	Stored  bool      // the branches of its JSON, and what its steps did, are loaded when they are opened
	Waits   []RunWait // what it waits for now
	Folded  int       // number of attempts before those of Attempts
	LeftOut int       // number of exchanges that there was no room for

	Attempts []RunAttempt // if there is more than one, or one has parked the run

	Phases  []Phase
	Rows    []StepRow
	Span    time.Duration // covered by Rows
	Lines   []LogLine
	Hidden  bool // the user may not see what the run contains
	Dropped int  // number of steps and log lines that were not recorded
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

// AddExchanges puts recorded exchanges to the rows of their steps. leftOut is the number of those that were not kept.
func (r *Run) AddExchanges(all []flows.Exchange, leftOut int) {
	r.LeftOut = leftOut
	for i := range r.Rows {
		for _, x := range all {
			if x.Step == r.Rows[i].Path {
				r.Rows[i].Exchanges = append(r.Rows[i].Exchanges, x)
			}
		}
	}
}

// RunWait is what a run waits for.
type RunWait struct {
	Text  string    // before the step, as in "a delay at"
	Step  string    // empty: none
	Until time.Time // the latest end; zero: there is none
	Lines bool      // the page of the runs in line tells more
	Flow  int64     // whose page tells more; zero: none
}

// RunAttempt is an attempt of a run, or several that left no record.
type RunAttempt struct {
	Number int
	To     int // the last one of several; zero: it is one
	Worker string
	Began  time.Time // zero: not known
	Took   time.Duration
	Wait   *RunWait // what the run waited for after it; nil: it has not parked the run
	State  string   // of the run at the end of it, or why nothing is known
}

// label is the number of the attempt, as in "2" or "2–4".
func (a RunAttempt) label() string {
	if a.To > a.Number {
		return strconv.Itoa(a.Number) + "–" + strconv.Itoa(a.To)
	}
	return strconv.Itoa(a.Number)
}

// Phase is a part of a run's duration.
type Phase struct {
	Name string
	Took time.Duration
}

// StepRow is one step with all its runs combined.
type StepRow struct {
	Path       string
	Name       string // the path below the parent step, or within the branch
	Branch     string // title of the branch of the parent step that it is in; empty: it is in none
	Kind       string
	Depth      int
	In, Out    int // items
	Times      int // number of step runs
	Attempts   int
	Replayed   int
	Starts     time.Duration // after the first step
	Took       time.Duration
	Running    bool
	Since      time.Time // when it began, of a step that runs
	Done       int       // items that it has processed, of a step that runs
	Waiting    time.Time // until when the run is parked at this step; zero: it is not
	Topic      string    // of the event that it waits for, of such a step
	Error      string
	Each       []ItemRow
	Aggregates bool         // the kind makes one item of all
	Items      []StepOutput // nil: the output is not recorded
	Bars       []Bar

	BranchBegins bool // it is the first row of Branch
	Exchanges    []flows.Exchange
	Resumable    bool // a new run may execute the flow from this step on
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

// runs are the innermost steps that run now.
func (r Run) runs() []StepRow {
	var all []StepRow
	for i, s := range r.Rows {
		inner := i+1 < len(r.Rows) && r.Rows[i+1].Depth > s.Depth && slices.ContainsFunc(r.Rows[i+1:], func(o StepRow) bool {
			return o.Running && strings.HasPrefix(o.Path, s.Path+".")
		})
		if s.Running && !inner {
			all = append(all, s)
		}
	}
	return all
}

// source is the address at which the branches of a part of the run are loaded; empty: it is rendered at once.
func (r Run) source(part string, more ...string) string {
	if !r.Stored && part != "event" {
		return ""
	}
	query := url.Values{"part": {part}}
	for i := 0; i+1 < len(more); i += 2 {
		query.Set(more[i], more[i+1])
	}
	return JSONSource{r.ID, query.Encode()}.url()
}

// stepPath is the address of what one step did.
func (r Run) stepPath(s *StepRow) string {
	return r.path() + "/steps?" + url.Values{"step": {s.Path}}.Encode()
}

// mayMakeTest reports whether a test can be made of the run.
func (r Run) mayMakeTest() bool {
	return r.Deployed && (r.State == string(queue.Succeeded) || r.State == string(queue.Failed))
}

// JSONPart returns a part of the run that its page shows as JSON: "event", "output"; "in" and "out", the items of a step, of
// which number n is meant; "item-in" and "item-out", those of one item. False: there is no such part.
func (r *Run) JSONPart(part, step string, n int) (json.RawMessage, bool) {
	switch part {
	case "event":
		return r.Event, len(r.Event) > 0
	case "output":
		return r.Output, len(r.Output) > 0
	}
	i := r.RowOf(step)
	if i < 0 || n < 0 {
		return nil, false
	}
	var text json.RawMessage
	switch s := &r.Rows[i]; {
	case part == "in" && n < len(r.inputOf(i)):
		text = r.inputOf(i)[n].Items
	case part == "out" && n < len(s.Items):
		text = s.Items[n].Items
	case part == "item-in" && n < len(s.Each):
		text = s.Each[n].Input
	case part == "item-out" && n < len(s.Each):
		text = s.Each[n].Output
	}
	return text, text != nil
}
