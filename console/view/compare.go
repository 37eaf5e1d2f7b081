package view

import "time"

// DiffLine is a line of two texts; a number is zero where the line is only
// in the other.
type DiffLine struct {
	Before, After int
	Text          string
	Gap           bool // stands for lines that both have
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

// Comparison is two runs, the older one first.
type Comparison struct {
	Runs   [2]Run
	Event  []DiffLine // nil: they are equal
	Output []DiffLine // likewise
	Steps  []StepPair
}

// StepPair is one step in two runs; nil: it did not run.
type StepPair struct {
	Path          string
	Before, After *StepRow
}

// change is how much longer, or shorter, the step took.
func (p StepPair) change() string {
	if p.Before == nil || p.After == nil {
		return ""
	}
	d := p.After.Took - p.Before.Took
	if d.Abs() < time.Millisecond || 10*d.Abs() < p.Before.Took {
		return "≈"
	}
	if d < 0 {
		return "−" + Took(-d)
	}
	return "+" + Took(d)
}
