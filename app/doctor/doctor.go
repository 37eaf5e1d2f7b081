// Package doctor checks the environment of a fleet and gives advice for what it finds.
package doctor

import (
	"context"
	"fmt"
)

// Level is the severity of a finding.
type Level string

const (
	OK   Level = "ok"
	Warn Level = "warn" // works, but may cause trouble later
	Fail Level = "fail" // does not work, or loses runs
)

// Finding is the result of one check.
type Finding struct {
	Check  string `json:"check"`
	Level  Level  `json:"level"`
	Found  string `json:"found"`
	Advice string `json:"advice,omitempty"` // what to do; empty: nothing
}

// Report collects findings. It must not be used concurrently.
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

// Add adds a finding of the caller.
func (r *Report) Add(f Finding) { r.Findings = append(r.Findings, f) }

// Worst returns the highest level of all findings.
func (r *Report) Worst() Level {
	worst := OK
	for _, f := range r.Findings {
		if f.Level == Fail || f.Level == Warn && worst == OK {
			worst = f.Level
		}
	}
	return worst
}

// unlessDone runs a check unless ctx has ended.
func unlessDone(ctx context.Context, check func(context.Context)) {
	if ctx.Err() == nil {
		check(ctx)
	}
}
