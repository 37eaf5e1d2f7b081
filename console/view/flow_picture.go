package view

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/console/diagram"
)

// FlowPicture is the picture of a flow, with what is laid over it.
type FlowPicture struct {
	diagram.Outline
	Over *Overlay // nil: nothing
}

// step returns the picture of one of its steps.
func (f *FlowPicture) step(s diagram.Step) pictureStep {
	return pictureStep{s, f, f.Over.of(s.Path)}
}

// pictureStep is a step in a picture.
type pictureStep struct {
	diagram.Step
	in      *FlowPicture
	figures *StepFigures // nil: none
}

// href is the page of the step in the run that is laid over; empty: none.
func (s pictureStep) href() string {
	if s.figures == nil || s.in.Over.Page != OverRun || s.in.Over.Run == nil || s.figures.State == "" {
		return ""
	}
	return Root + "/runs/" + url.PathEscape(s.in.Over.Run.ID) + "/steps?" + url.Values{"step": {s.Path}}.Encode()
}

// class is the class of the box, with the state of the step.
func (s pictureStep) class() string {
	class := "box k-" + s.Kind
	if s.figures != nil {
		class += " over is-" + s.figures.stateClass()
	}
	return class
}

// tip is what the box says when the pointer rests on it.
func (s pictureStep) tip() string {
	return strings.TrimSpace(s.Path + " " + s.Kind + " " + s.Detail)
}

// What is laid over a picture: a run, or the runs of a time.
const (
	OverRun    = "run" // the run of the page
	OverLast   = "last"
	OverFailed = "failed"
	OverDay    = "24h"
	OverWeek   = "7d"
)

// Overlay are the figures of the steps of a flow, of one run or of those of a time.
type Overlay struct {
	Page   string // one of the constants
	Flow   int64
	Run    *RunRow // nil: the figures are of several runs, or there is none
	None   string  // why there are no figures; empty: there are
	Short  string  // the version that the run has executed
	Stale  bool    // the picture is of another version than that
	Runs   int64   // of several: that have ended
	Failed int64   // of them, those that failed or took too long
	P50    time.Duration
	P95    time.Duration // of whole runs
	Steps  []StepFigures // in the order of the flow
	Notes  []string      // what is not known
}

// of returns the figures of a step; nil: none.
func (o *Overlay) of(path string) *StepFigures {
	if o == nil {
		return nil
	}
	for i := range o.Steps {
		if o.Steps[i].Path == path {
			return &o.Steps[i]
		}
	}
	return nil
}

// StepFigures are the figures of a step.
type StepFigures struct {
	Path, Name, Kind string
	Depth            int    // 0: a step of the flow itself
	State            string // of the step in a run, as of runs; of several runs "failed" or "succeeded". Empty: it did not run
	Unknown          bool   // whether it ran, and how long it took, is not known

	Times    int64 // how often it ran
	Failures int   // runs that ended with its error
	AtLeast  bool  // there may be more of them
	Took     time.Duration
	P50, P95 time.Duration // of several runs
	Items    bool          // In and Out are known
	In, Out  int

	Error    string // the last one; empty: none
	ErrorRun string // the run that had it
	ErrorAt  time.Time
}

// stateClass is the state as part of a class.
func (f *StepFigures) stateClass() string {
	switch {
	case f.State != "":
		return f.State
	case f.Unknown:
		return "unknown"
	}
	return "none"
}

// text are the figures in a few words.
func (o *Overlay) text(f *StepFigures) string {
	var parts []string
	single := o.Run != nil
	switch {
	case f.Unknown && f.Failures == 0:
		return "not known"
	case f.State == "":
		return "did not run"
	case single:
		parts = append(parts, Took(f.Took))
		if f.Items {
			parts = append(parts, strconv.Itoa(f.In)+" → "+strconv.Itoa(f.Out))
		}
		if f.Failures > 0 {
			parts = append(parts, count(f.Failures)+" failed")
		}
	default:
		if f.Failures > 0 {
			parts = append(parts, f.failures()+" failed")
		}
		if f.Times > 0 {
			parts = append(parts, count(int(f.Times))+"×", Took(f.P50))
		}
	}
	return strings.Join(parts, " · ")
}

// failures is the number of runs that failed at the step.
func (f *StepFigures) failures() string {
	if f.AtLeast && f.Failures > 0 {
		return "≥ " + count(f.Failures)
	}
	return count(f.Failures)
}

// overChoice is something that can be laid over the picture of a flow.
type overChoice struct{ name, title, about string }

func overChoices() []overChoice {
	return []overChoice{
		{"", "None", "The picture alone"},
		{OverLast, "Last run", "The last run, also one that has not ended"},
		{OverFailed, "Last failed", "The last run that failed or took too long"},
		{OverDay, "24 hours", "All runs that ended in the last 24 hours"},
		{OverWeek, "7 days", "All runs that ended in the last 7 days"},
	}
}

// overURL is the page of a flow with something laid over its picture.
func overURL(flow int64, name string) string {
	path := Root + "/flows/" + strconv.FormatInt(flow, 10)
	if name == "" {
		return path
	}
	return path + "?" + url.Values{"over": {name}}.Encode()
}

// title says what the figures are of.
func (o *Overlay) title() string {
	switch o.Page {
	case OverLast:
		return "Steps in the last run"
	case OverFailed:
		return "Steps in the last run that failed"
	case OverDay:
		return "Steps in the last 24 hours"
	case OverWeek:
		return "Steps in the last 7 days"
	}
	return "Steps"
}

// stepsText formats a number of nested steps.
func stepsText(n int) string { return many(n, "step", "steps") }

// plural returns the singular or plural of a noun.
func plural(n int, one, more string) string {
	if n == 1 {
		return one
	}
	return more
}

// timesText is how often the step ran, if that is known.
func (f *StepFigures) timesText() string {
	if f.Unknown {
		return "–"
	}
	return count(int(f.Times))
}

// durationText formats a time of the step, if it ran.
func (f *StepFigures) durationText(d time.Duration) string {
	if f.Unknown || f.Times == 0 {
		return "–"
	}
	return Took(d)
}
