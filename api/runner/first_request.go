package runner

import (
	"context"
	"maps"

	"github.com/penstock/penstock/queue"
)

// traceRequest is the member of a run's trace with the id of the request that began it.
const traceRequest = "penstock-request"

// noteRequest keeps the id of the request with a run that equal requests may attach to. A failure is a problem document
// with that id, and all of them get the same bytes.
func noteRequest(s *queue.Submission, id string) {
	if s.IdempotencyKey == nil || s.IdempotencyKey.Reject { // no request attaches to it
		return
	}
	trace := maps.Clone(s.Trace)
	if trace == nil {
		trace = map[string]string{}
	}
	trace[traceRequest] = id
	s.Trace = trace
}

// firstRequest returns the id of the request that began a run; empty when it is not known any more.
func (r *Runner) firstRequest(ctx context.Context, run string) string {
	record, err := r.config.Records.Record(ctx, run)
	if err != nil {
		return ""
	}
	return record.Trace[traceRequest]
}
