package flows

import (
	"time"
)

// Flow is a parsed, checked and compiled flow. It is immutable and safe for concurrent use.
type Flow struct {
	Number  int64  // the flow's id
	Slug    string // empty: none
	Name    string
	Enabled bool   // its own schedule or poll fires; the API can run it in any case
	Version string // SHA-256 of Source, 64 hex digits
	Source  []byte

	// Limit is the maximum duration of a run: run.limit, default 60 s, at most 24 h. An API process waits at most 60
	// s of it for the output.
	Limit       time.Duration
	Queue       string       // run.queue, "default" by default
	Concurrency *Concurrency // nil: no limit
	Share       int          // run.share, in percent; 0: the workers' --flow-share
	FairBy      *Template    // run.fair_by: runs of each value take turns; nil: none
	RecordItems bool         // run.record is "items": the run's record includes output items of the steps

	Webhook  *Webhook  // nil: the trigger is not a webhook
	Schedule *Schedule // nil: the trigger is neither a schedule nor a poll
	Vars     map[string]any

	steps         *Block
	afterResponse *Block // the after_response steps; nil: none
	varNames      []string
	tests         []test
	externalSteps []ExternalStep
	uses          []Use
	schema        *Validator
	reads         [ofStep + 1]bool // by kind of variable: some program reads it
}

// Responds reports whether the flow may answer its caller before it ends.
func (f *Flow) Responds() bool { return f.steps.Responds() || f.afterResponse != nil }

// Webhook is a webhook trigger.
type Webhook struct {
	Params         []string  // query parameters that the flow reads
	Headers        []string  // request headers that the flow reads, lower-case: declared, or named in an expression
	Schema         any       // JSON Schema of the event; nil: none. Execute checks it
	IdempotencyKey *Template // nil: none; rendered by Flow.Text
	Verify         *Verify   // how the sender authenticates; nil: the webhook URL accepts none, only the API does
	Reply          string    // "result": the sender waits; "ack": the sender is answered at once
}

// Concurrency limits the runs of a flow that execute at once.
type Concurrency struct {
	Limit    int
	Key      *Template // the limit applies to each value of it; nil: to the flow
	WhenFull string    // "queue", "reject" or "drop_oldest"
}
