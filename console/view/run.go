package view

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Run is a run on its own page.
type Run struct {
	RunRow
	Version  string
	Worker   string
	Crashes  int
	Limit    time.Duration
	Started  time.Time
	Finished time.Time
	Ended    bool
	Deployed bool // the flow is still there
	Current  bool // its version is the current one
	Early    int  // status that the flow answered before the run's end; zero: none

	Event   json.RawMessage // nil: none
	Params  map[string]string
	Headers map[string]string
	Output  json.RawMessage // nil: none
	Failure *Failure        // nil: none

	Phases  []Phase
	Rows    []StepRow
	Span    time.Duration // that the rows cover
	Lines   []LogLine
	Dropped int // steps and lines that were not kept
}

// Failure is why a run has no output.
type Failure struct {
	Code, Message, Step string
	Status              int // HTTP status that the flow chose; zero: none
	Item                int // negative: none
}

// Phase is a part of a run's time.
type Phase struct {
	Name string
	Took time.Duration
}

// StepRow is what one step did, all its passages together.
type StepRow struct {
	Path     string
	Name     string // the path below what it is part of
	Kind     string
	Depth    int
	In, Out  int // items
	Times    int // passages
	Attempts int
	Replayed int
	Starts   time.Duration // after the first step
	Took     time.Duration
	Running  bool
	Waiting  time.Time // until when the run is parked there; zero: it is not
	Error    string
	Each     []ItemRow
	Gathers  bool     // it makes one item of all
	Items    []PutOut // nil: what it put out is not kept
	Bars     []Bar
}

// PutOut is what one passage put out.
type PutOut struct {
	Within  string          // the items that led into nested steps; empty: it is not nested
	Items   json.RawMessage // the first of them, masked; nil: there was no room
	LeftOut bool            // there were more
}

// shownItems are how many passages of a step show what they put out.
const shownItems = 10

// came is what went into a row: what the row before it put out, in the same
// list of steps, or the event.
func (r Run) came(i int) []PutOut {
	folder := func(path string) string { return path[:strings.LastIndexByte(path, '.')+1] }
	for j := i - 1; j >= 0; j-- {
		if folder(r.Rows[j].Path) == folder(r.Rows[i].Path) {
			return r.Rows[j].Items
		}
	}
	if r.Rows[i].Depth == 0 && r.Rows[i].Items != nil && r.Event != nil {
		return []PutOut{{Items: json.RawMessage("[" + string(r.Event) + "]")}}
	}
	return nil
}

// keepsItems reports whether the record holds what steps put out.
func (r Run) keepsItems() bool {
	return slices.ContainsFunc(r.Rows, func(s StepRow) bool { return s.Items != nil })
}

// Bar is one passage, in percent of the span.
type Bar struct {
	From, Width     float64
	Failed, Running bool
}

// LogLine is what a log step said.
type LogLine struct {
	Step, Level, Message, Fields string
	Item                         int
	At                           time.Time
}

func percent(f float64) string { return strconv.FormatFloat(f, 'f', 3, 64) + "%" }

// width of a bar; a short one can still be seen.
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

// total of the phases.
func (r Run) total() time.Duration {
	var sum time.Duration
	for _, p := range r.Phases {
		sum += p.Took
	}
	return max(sum, time.Microsecond)
}

// placed is a phase with its place among them, in percent.
type placed struct {
	Phase
	From, Width string
}

func (r Run) placed() []placed {
	var all []placed
	var before time.Duration
	for _, p := range r.Phases {
		all = append(all, placed{p, percent(100 * float64(before) / float64(r.total())), percent(100 * float64(p.Took) / float64(r.total()))})
		before += p.Took
	}
	return all
}

// marks are the moments under the waterfall.
func (r Run) marks() []placed {
	var all []placed
	for i := range 5 {
		all = append(all, placed{Phase{Took: r.Span * time.Duration(i) / 4}, percent(25 * float64(i)), ""})
	}
	return all
}

func (r Run) path() string { return Root + "/runs/" + r.ID }
