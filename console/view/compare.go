package view

import (
	"context"
	"time"
)

// DiffLine is one line of a comparison. The number in a text that does not have the line is zero.
type DiffLine struct {
	Before, After int
	Text          string
	Gap           bool // stands for omitted unchanged lines
}

func (l DiffLine) class() string {
	switch {
	case l.Gap:
		return "gap"
	case l.After == 0:
		return "gone"
	case l.Before == 0:
		return "come"
	}
	return ""
}

func (l DiffLine) sign() string {
	switch l.class() {
	case "gone":
		return "−"
	case "come":
		return "+"
	case "gap":
		return "⋯"
	}
	return ""
}

// Comparison compares two runs, the older one first.
type Comparison struct {
	Runs   [2]Run
	Event  []DiffLine // nil: equal
	Output []DiffLine // nil: equal
	Steps  []StepPair
}

// StepPair is one step in two runs; nil: the step did not run.
type StepPair struct {
	Path          string
	Before, After *StepRow
}

// change describes the difference of the durations; "≈" below 1 ms or 10 %.
func (p StepPair) change(ctx context.Context) string {
	if p.Before == nil || p.After == nil {
		return ""
	}
	d := p.After.Took - p.Before.Took
	if d.Abs() < time.Millisecond || 10*d.Abs() < p.Before.Took {
		return "≈"
	}
	if d < 0 {
		return "−" + Took(ctx, -d)
	}
	return "+" + Took(ctx, d)
}
