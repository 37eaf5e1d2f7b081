package view

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/console/diagram"
	"github.com/penstock/penstock/console/language"
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
func (s pictureStep) tip(ctx context.Context) string {
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
func (o *Overlay) text(ctx context.Context, f *StepFigures) string {
	var parts []string
	single := o.Run != nil
	switch {
	case f.Unknown && f.Failures == 0:
		return language.T(ctx, "not known")
	case f.State == "":
		return language.T(ctx, "did not run")
	case single:
		parts = append(parts, Took(ctx, f.Took))
		if f.Items {
			parts = append(parts, strconv.Itoa(f.In)+" → "+strconv.Itoa(f.Out))
		}
		if f.Failures > 0 {
			parts = append(parts, language.T(ctx, "%d failed", f.Failures))
		}
	default:
		if f.Failures > 0 {
			parts = append(parts, language.T(ctx, "%s failed", f.failures(ctx)))
		}
		if f.Times > 0 {
			parts = append(parts, count(ctx, int(f.Times))+"×", Took(ctx, f.P50))
		}
	}
	return strings.Join(parts, " · ")
}

// failures is the number of runs that failed at the step.
func (f *StepFigures) failures(ctx context.Context) string {
	if f.AtLeast && f.Failures > 0 {
		return "≥ " + count(ctx, f.Failures)
	}
	return count(ctx, f.Failures)
}

// overChoice is something that can be laid over the picture of a flow.
type overChoice struct{ name, title, about string }

func overChoices(ctx context.Context) []overChoice {
	return []overChoice{
		{"", language.T(ctx, "None"), language.T(ctx, "The picture alone")},
		{OverLast, language.T(ctx, "Last run"), language.T(ctx, "The last run, also one that has not ended")},
		{OverFailed, language.T(ctx, "Last failed"), language.T(ctx, "The last run that failed or took too long")},
		{OverDay, language.T(ctx, "24 hours"), language.T(ctx, "All runs that ended in the last 24 hours")},
		{OverWeek, language.T(ctx, "7 days"), language.T(ctx, "All runs that ended in the last 7 days")},
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
func (o *Overlay) title(ctx context.Context) string {
	switch o.Page {
	case OverLast:
		return language.T(ctx, "Steps in the last run")
	case OverFailed:
		return language.T(ctx, "Steps in the last run that failed")
	case OverDay:
		return language.T(ctx, "Steps in the last 24 hours")
	case OverWeek:
		return language.T(ctx, "Steps in the last 7 days")
	}
	return language.T(ctx, "Steps")
}

// stepsText formats a number of nested steps.
func stepsText(ctx context.Context, n int) string { return language.N(ctx, n, "%d step", "%d steps") }

// timesText is how often the step ran, if that is known.
func (f *StepFigures) timesText(ctx context.Context) string {
	if f.Unknown {
		return "–"
	}
	return count(ctx, int(f.Times))
}

// durationText formats a time of the step, if it ran.
func (f *StepFigures) durationText(ctx context.Context, d time.Duration) string {
	if f.Unknown || f.Times == 0 {
		return "–"
	}
	return Took(ctx, d)
}
