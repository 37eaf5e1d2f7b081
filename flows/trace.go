package flows

import (
	"context"
	"time"
)

// Tracer is told what an execution does, as it does it. It is called by many
// goroutines at once and must not block.
type Tracer interface {
	Begin(Begun)
	End(Ended)
	Log(Line)
}

// Spanner is a Tracer that also follows a step into the context under which it
// executes: Span is called in the place of Begin, and what it returns in the
// place of End.
type Spanner interface {
	Tracer
	Span(ctx context.Context, b Begun) (context.Context, func(Ended))
}

// ProgressTracer is a Tracer that is also told how far a step of several items
// is, after each item but the last.
type ProgressTracer interface {
	Tracer
	Progress(Progress)
}

// Progress is how far a step is.
type Progress struct {
	Step     string
	Kind     string
	Done, In int // items
}

// Begun is a step that starts on its items. A step inside a switch begins
// once for every item that is routed to it.
type Begun struct {
	Step string // path: "find", "switch.else.http"
	Kind string
	In   int // items
	At   time.Time

	// Items are the first items that went in, at most so many, as they may be
	// recorded: what the step's redact names is masked.
	Items func(most int) []any
}

// Ended is a step that has put out its items, or failed.
type Ended struct {
	Step     string
	Kind     string
	In, Out  int // items
	At       time.Time
	Duration time.Duration
	Attempts int   // of all items together, retries included
	Replayed int   // items whose effect came from the journal
	Err      error // nil: it did not fail; a *Parked: it waits

	// Within is the indices of the items that led into nested steps, "3.0.";
	// empty for a step of the flow itself.
	Within string

	Items func(most int) []any // the same of those that came out

	// Outcomes is what became of single items, in their order: of a step that
	// reaches the world, or takes its time, the first 50 and the first 50 of
	// those that failed after them; of any other step the failed ones alone.
	Outcomes []ItemOutcome
}

// Line is what a log step said.
type Line struct {
	Step    string
	Item    int
	At      time.Time
	Level   string // debug, info, warn, error
	Message string
	Fields  map[string]any // nil: none
}
