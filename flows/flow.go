package flows

import (
	"time"
)

// Flow is a flow that was parsed, checked and compiled. It never changes and
// is executed by many goroutines at once.
type Flow struct {
	Number  int64  // the flow's id
	Slug    string // empty: it has none
	Name    string
	Enabled bool   // its own schedule and poll fire; the API runs it all the same
	Version string // SHA-256 of Source, 64 hex digits
	Source  []byte

	// Limit is how long a run may take: run.limit, 60 s by default, at most
	// 24 h. A door waits at most 60 s of it.
	Limit       time.Duration
	Queue       string       // run.queue, "default" by default
	Concurrency *Concurrency // nil: as many runs at once as there are workers
	Share       int          // run.share, in percent; 0: as the workers say
	FairBy      *Template    // run.fair_by: its runs of each value take turns; nil: none
	RecordItems bool         // run.record is "items": the record of a run holds what its steps put out

	Webhook  *Webhook  // nil: the trigger is no webhook
	Schedule *Schedule // nil: the trigger is neither schedule nor poll
	Vars     map[string]any

	steps         *Block
	afterResponse *Block // what follows the answer: after_response; nil: nothing
	varNames      []string
	tests         []test
	externalSteps []ExternalStep
	uses          []Use
	schema        *Validator
	reads         [ofStep + 1]bool // the kinds of variable that some program reads
}

// Answers reports whether the flow may answer its caller before it ends.
func (f *Flow) Answers() bool { return f.steps.Answers() || f.afterResponse != nil }

// Webhook is a webhook trigger.
type Webhook struct {
	Params         []string  // query parameters that the flow reads
	Headers        []string  // request headers that the flow reads, lower-case: declared, or named in an expression
	Schema         any       // JSON Schema of the event; nil: none. Execute enforces it
	IdempotencyKey *Template // nil: none; Flow.Text renders it
	Verify         *Verify   // how its sender proves itself; nil: it takes none but the API's
	Reply          string    // "result": the sender waits; "ack": it is answered at once
}

// Concurrency bounds the runs of a flow that execute at once.
type Concurrency struct {
	Limit    int
	Key      *Template // the bound holds for each value of it; nil: for the flow
	WhenFull string    // "queue", "reject" or "drop_oldest"
}
