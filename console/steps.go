package console

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/queue"
)

// passed is one passage of items through a step, as workers record it.
type passed struct {
	Step     string    `json:"step"`
	Kind     string    `json:"kind"`
	In       int       `json:"in"`
	Out      int       `json:"out"`
	At       time.Time `json:"at"` // of its end, once there is one
	Micros   int64     `json:"us"`
	Attempts int       `json:"attempts"`
	Replayed int       `json:"replayed"`
	Error    string    `json:"error"`
	Within   string    `json:"within"` // indices of the items that led into nested steps

	Each    []passedItem    `json:"each"`          // what became of single items
	Items   json.RawMessage `json:"items"`         // the first that it put out, masked; nil: not kept
	LeftOut bool            `json:"left_out"`      // there were more, or no room for them
	Waiting time.Time       `json:"waiting_until"` // of a step that parked the run

	open bool // it has not ended
}

func (p *passed) begin() time.Time {
	if p.open {
		return p.At
	}
	return p.At.Add(-time.Duration(p.Micros) * time.Microsecond)
}

func (p *passed) end(now time.Time) time.Time {
	if p.open {
		return now
	}
	return p.At
}

// account is what the steps of one attempt of a run did.
type account struct {
	Steps []passed `json:"steps"`
	Log   []struct {
		Step    string         `json:"step"`
		Item    int            `json:"item"`
		At      time.Time      `json:"at"`
		Level   string         `json:"level"`
		Message string         `json:"message"`
		Fields  map[string]any `json:"fields"`
	} `json:"log"`
	Dropped int `json:"dropped"`

	attempt int // that events told of; zero: none
}

// accountOf reads what is stored of a run that has ended.
func accountOf(r *queue.Record) account {
	var a account
	if r.Steps != nil {
		_ = json.Unmarshal(r.Steps, &a) // our own worker wrote it; of what it cannot be nothing is shown
	}
	return a
}

// hear takes in what is told of a run that has not ended.
func (a *account) hear(e queue.Event) {
	if e.Attempt != a.attempt { // another attempt begins from the beginning
		*a = account{attempt: e.Attempt}
	}
	var p passed
	if json.Unmarshal(e.Data, &p) != nil {
		return
	}
	began := func(o passed) bool { return o.open && o.Step == p.Step }
	switch e.Kind {
	case "step_started":
		p.open = true
		a.Steps = append(a.Steps, p)
	case "step":
		if i := slices.IndexFunc(a.Steps, began); i >= 0 {
			a.Steps = slices.Delete(a.Steps, i, i+1)
		}
		a.Steps = append(a.Steps, p)
	}
}

// span is from the first beginning to the last end.
func (a *account) span(now time.Time) (from, to time.Time) {
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

// rows gathers the passages of each step in one row, in the order in which
// they began, those of nested steps below what they are part of. gathers tells the
// kinds that make one item of all.
func (a *account) rows(now time.Time, gathers func(kind string) bool) []view.StepRow {
	from, to := a.span(now)
	total := max(to.Sub(from), time.Microsecond)
	part := func(d time.Duration) float64 { return 100 * float64(d) / float64(total) }
	steps := slices.Clone(a.Steps)
	slices.SortStableFunc(steps, func(x, y passed) int {
		return cmp.Or(x.begin().Compare(y.begin()), cmp.Compare(len(x.Step), len(y.Step)))
	})
	at := map[string]int{}
	var rows []view.StepRow
	for _, s := range steps {
		i, known := at[s.Step]
		if !known {
			i = len(rows)
			at[s.Step] = i
			rows = append(rows, view.StepRow{Path: s.Step, Kind: s.Kind, Starts: s.begin().Sub(from), Gathers: gathers(s.Kind)})
		}
		r, took := &rows[i], s.end(now).Sub(s.begin())
		r.In, r.Out, r.Attempts, r.Replayed, r.Times = r.In+s.In, r.Out+s.Out, r.Attempts+s.Attempts, r.Replayed+s.Replayed, r.Times+1
		r.Took += took
		r.Each = append(r.Each, s.itemRows(from, part)...)
		r.Running = r.Running || s.open
		r.Error, r.Waiting = cmp.Or(r.Error, s.Error), s.Waiting
		if s.Items != nil || s.LeftOut {
			r.Items = append(r.Items, view.PutOut{Within: s.Within, Items: s.Items, LeftOut: s.LeftOut})
		}
		r.Bars = append(r.Bars, view.Bar{From: part(s.begin().Sub(from)), Width: part(took), Failed: s.Error != "", Running: s.open})
	}
	return nested(rows)
}

// nested puts each row below the one that it is a part of and says how deep
// it lies.
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

// parentOf is the longest path of a row that the path continues; empty: none.
func parentOf(path string, rows []view.StepRow) string {
	parent := ""
	for _, r := range rows {
		if strings.HasPrefix(path, r.Path+".") && len(r.Path) > len(parent) {
			parent = r.Path
		}
	}
	return parent
}

// lines are what log steps said.
func (a *account) lines() []view.LogLine {
	lines := make([]view.LogLine, len(a.Log))
	for i, l := range a.Log {
		lines[i] = view.LogLine{Step: l.Step, Item: l.Item, At: l.At, Level: l.Level, Message: l.Message}
		if len(l.Fields) > 0 {
			fields, _ := json.Marshal(l.Fields) // it was JSON
			lines[i].Fields = string(fields)
		}
	}
	return lines
}
