// Package steprecord reads what a worker records of the steps of a run, and turns it into the rows of the run's page.
package steprecord

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/queue/attempts"
)

// stepRun is one execution of a step over a list of items, as recorded by the worker.
type stepRun struct {
	Step     string    `json:"step"`
	Kind     string    `json:"kind"`
	In       int       `json:"in"`
	Out      int       `json:"out"`
	At       time.Time `json:"at"` // of its end; of its start while it runs
	Micros   int64     `json:"us"`
	Attempts int       `json:"attempts"`
	Replayed int       `json:"replayed"`
	Error    string    `json:"error"`
	Within   string    `json:"within"` // indices of the items in whose nested steps it ran; empty: not nested

	Each    []itemOutcome   `json:"each"`          // of the recorded items
	Items   json.RawMessage `json:"items"`         // the first output items, masked; nil: not recorded
	LeftOut bool            `json:"left_out"`      // Items is not complete
	Waiting time.Time       `json:"waiting_until"` // of a step that parked the run: until when; zero: not parked
	Topic   string          `json:"waiting_for"`   // of such a step: the topic of the event that it waits for
	Done    int             `json:"done"`          // of a step that has not ended: processed items

	open bool // it has not ended
}

func (p *stepRun) begin() time.Time {
	if p.open {
		return p.At
	}
	return p.At.Add(-time.Duration(p.Micros) * time.Microsecond)
}

func (p *stepRun) end(now time.Time) time.Time {
	if p.open {
		return now
	}
	return p.At
}

// Record is the record of the steps of one attempt.
type Record struct {
	Steps []stepRun `json:"steps"`
	Log   []struct {
		Step    string         `json:"step"`
		Item    int            `json:"item"`
		At      time.Time      `json:"at"`
		Level   string         `json:"level"`
		Message string         `json:"message"`
		Fields  map[string]any `json:"fields"`
	} `json:"log"`
	Dropped int `json:"dropped"`
	AllAttempts

	attempt int // of the applied events; zero: none
}

// AllAttempts is what the record of the latest attempt keeps of all attempts of the run.
type AllAttempts struct {
	Attempts  attempts.History `json:"attempts"`
	Exchanges []flows.Exchange `json:"exchanges"`
	LeftOut   int              `json:"exchanges_left_out"`
}

// Decode decodes the stored record of an ended run. A record that cannot be decoded is empty.
func Decode(r *queue.Record) Record {
	var a Record
	if r.Steps != nil {
		_ = json.Unmarshal(r.Steps, &a) // written by our own worker
	}
	return a
}

// Apply adds an event of a run that has not ended.
func (a *Record) Apply(e queue.Event) {
	if e.Attempt != a.attempt { // another attempt starts again
		*a = Record{attempt: e.Attempt, AllAttempts: a.AllAttempts}
	}
	var p stepRun
	if json.Unmarshal(e.Data, &p) != nil {
		return
	}
	began := func(o stepRun) bool { return o.open && o.Step == p.Step && o.Within == p.Within }
	switch e.Kind {
	case "step_started":
		p.open = true
		a.Steps = append(a.Steps, p)
	case "step_progress": // it does not say within which items; more than one runs only within nested steps
		for i := range a.Steps {
			if s := &a.Steps[i]; s.open && s.Step == p.Step && s.In == p.In {
				s.Done = max(s.Done, p.Done)
			}
		}
	case "step":
		if i := slices.IndexFunc(a.Steps, began); i >= 0 {
			a.Steps = slices.Delete(a.Steps, i, i+1)
		}
		a.Steps = append(a.Steps, p)
	}
}

// Span returns the start of the first step run and the end of the last one.
func (a *Record) Span(now time.Time) (from, to time.Time) {
	for i := range a.Steps {
		s := &a.Steps[i]
		if begin := s.begin(); from.IsZero() || begin.Before(from) {
			from = begin
		}
		if end := s.end(now); end.After(to) {
			to = end
		}
	}
	return from, to
}

// Rows combines the runs of each step into one row, in the order of their starts, nested steps below their parent.
// aggregates reports whether a kind makes one item of all.
func (a *Record) Rows(now time.Time, aggregates func(kind string) bool) []view.StepRow {
	from, to := a.Span(now)
	total := max(to.Sub(from), time.Microsecond)
	part := func(d time.Duration) float64 { return 100 * float64(d) / float64(total) }
	steps := slices.Clone(a.Steps)
	slices.SortStableFunc(steps, func(x, y stepRun) int {
		return cmp.Or(x.begin().Compare(y.begin()), cmp.Compare(len(x.Step), len(y.Step)))
	})
	at := map[string]int{}
	var rows []view.StepRow
	for _, s := range steps {
		i, known := at[s.Step]
		if !known {
			i = len(rows)
			at[s.Step] = i
			rows = append(rows, view.StepRow{Path: s.Step, Kind: s.Kind, Starts: s.begin().Sub(from), Aggregates: aggregates(s.Kind)})
		}
		r, took := &rows[i], s.end(now).Sub(s.begin())
		r.In, r.Out, r.Attempts, r.Replayed, r.Times = r.In+s.In, r.Out+s.Out, r.Attempts+s.Attempts, r.Replayed+s.Replayed, r.Times+1
		r.Took += took
		r.Each = append(r.Each, s.itemRows(from, part)...)
		if s.open {
			r.Running, r.Done = true, r.Done+s.Done
			if r.Since.IsZero() || s.At.Before(r.Since) {
				r.Since = s.At
			}
		}
		r.Error, r.Waiting, r.Topic = cmp.Or(r.Error, s.Error), s.Waiting, s.Topic
		if s.Items != nil || s.LeftOut {
			r.Items = append(r.Items, view.StepOutput{Within: s.Within, Items: s.Items, LeftOut: s.LeftOut})
		}
		r.Bars = append(r.Bars, view.Bar{From: part(s.begin().Sub(from)), Width: part(took), Failed: s.Error != "", Running: s.open})
	}
	return nested(rows)
}

// nested sorts rows below their parents and sets depths and names.
func nested(rows []view.StepRow) []view.StepRow {
	var out []view.StepRow
	var add func(parent string, depth int, all []view.StepRow)
	add = func(parent string, depth int, all []view.StepRow) {
		for _, r := range all {
			if parentOf(r.Path, rows) != parent {
				continue
			}
			r.Depth = depth
			r.Name = strings.TrimPrefix(strings.TrimPrefix(r.Path, parent), ".")
			out = append(out, r)
			add(r.Path, depth+1, all)
		}
	}
	add("", 0, rows)
	return out
}

// parentOf returns the longest path of a row that is a prefix of this path; empty when there is none.
func parentOf(path string, rows []view.StepRow) string {
	parent := ""
	for _, r := range rows {
		if strings.HasPrefix(path, r.Path+".") && len(r.Path) > len(parent) {
			parent = r.Path
		}
	}
	return parent
}

// LogLines returns the messages of log steps.
func (a *Record) LogLines() []view.LogLine {
	lines := make([]view.LogLine, len(a.Log))
	for i, l := range a.Log {
		lines[i] = view.LogLine{Step: l.Step, Item: l.Item, At: l.At, Level: l.Level, Message: l.Message}
		if len(l.Fields) > 0 {
			fields, _ := json.Marshal(l.Fields) // decoded from JSON before
			lines[i].Fields = string(fields)
		}
	}
	return lines
}

// DroppedBy returns the path of the filter that let no item through, so that nothing was left to do; empty: there is none.
func (a *Record) DroppedBy() string {
	for _, s := range a.Steps {
		if s.Kind == "filter" && s.Within == "" && s.In > 0 && s.Out == 0 {
			return s.Step
		}
	}
	return ""
}
