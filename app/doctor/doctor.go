// Package doctor looks at what a fleet stands on and says what to do about
// what it finds.
package doctor

import (
	"context"
	"fmt"
)

// Level is how bad a finding is.
type Level string

const (
	OK   Level = "ok"
	Warn Level = "warn" // it works, and will hurt some day
	Fail Level = "fail" // it does not work, or loses runs
)

// Finding is what one check found.
type Finding struct {
	Check  string `json:"check"`
	Level  Level  `json:"level"`
	Found  string `json:"found"`
	Advice string `json:"advice,omitempty"` // what to do; empty when nothing is
}

// Report gathers findings. It belongs to one goroutine.
type Report struct{ Findings []Finding }

func (r *Report) ok(check, found string, args ...any) {
	r.Findings = append(r.Findings, Finding{Check: check, Level: OK, Found: fmt.Sprintf(found, args...)})
}

func (r *Report) warn(check, advice, found string, args ...any) {
	r.Findings = append(r.Findings, Finding{check, Warn, fmt.Sprintf(found, args...), advice})
}

func (r *Report) fail(check, advice, found string, args ...any) {
	r.Findings = append(r.Findings, Finding{check, Fail, fmt.Sprintf(found, args...), advice})
}

// Add adds a finding of the caller's own.
func (r *Report) Add(f Finding) { r.Findings = append(r.Findings, f) }

// Worst is the worst level that was found.
func (r *Report) Worst() Level {
	worst := OK
	for _, f := range r.Findings {
		if f.Level == Fail || f.Level == Warn && worst == OK {
			worst = f.Level
		}
	}
	return worst
}

// within runs a check under a context that still lives.
func within(ctx context.Context, check func(context.Context)) {
	if ctx.Err() == nil {
		check(ctx)
	}
}
