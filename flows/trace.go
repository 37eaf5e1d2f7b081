package flows

import (
	"context"
	"time"
)

// Tracer receives the events of an execution while they happen. Its methods are called concurrently and must not
// block.
type Tracer interface {
	Begin(StepStart)
	End(StepEnd)
	Log(LogLine)
}

// Spanner is a Tracer that also sets the context of each step. Span is called instead of Begin; the returned function
// is called instead of End.
type Spanner interface {
	Tracer
	Span(ctx context.Context, b StepStart) (context.Context, func(StepEnd))
}

// ProgressTracer is a Tracer that also receives the progress of a step with several items, after each item but the
// last.
type ProgressTracer interface {
	Tracer
	Progress(Progress)
}

// Progress is the progress of a step.
type Progress struct {
	Step     string
	Kind     string
	Done, In int // items
}

// StepStart reports the start of a step on its items. A nested step starts once for every item that is routed to it.
type StepStart struct {
	Step string // path: "find", "switch.else.http"
	Kind string
	In   int // items
	At   time.Time

	// Items returns up to most of the first input items as they may be recorded: redacted fields are masked.
	Items func(most int) []any
}

// StepEnd reports the end of a step, successful or not.
type StepEnd struct {
	Step     string
	Kind     string
	In, Out  int // items
	At       time.Time
	Duration time.Duration
	Attempts int   // tries of all items together
	Replayed int   // items whose effect came from the journal
	Err      error // nil: success; a *Parked: the step waits

	// Within holds the indices of the items that led into nested steps, "3.0."; empty for a step of the flow itself.
	Within string

	Items func(most int) []any // as of StepStart, for the output items

	// Outcomes are those of single items, in the order of the items. A step with effects or with Kind.CPUBound
	// reports the first 50, and the first 50 failed ones after them; any other step reports failed items only.
	Outcomes []ItemOutcome
}

// LogLine is the output of a log step.
type LogLine struct {
	Step    string
	Item    int
	At      time.Time
	Level   string // debug, info, warn, error
	Message string
	Fields  map[string]any // nil: none
}
