package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/penstock/penstock/flows"
)

// handledFor is how long the failure of a run is known to be handled: longer than it may take until its entry in the
// stream of failed runs is deleted.
const handledFor = 24 * time.Hour

// FailureSubmission returns the submission of the run that handles the failure of a run with on_failure of flow, the
// version of that run. It has the event and the principal of that run. Submitted again it is the same run.
func FailureSubmission(flow *flows.Flow, failed *Record) (Submission, error) {
	failure := failed.Error
	if failure == nil {
		failure = &flows.Error{Code: flows.CodeInternal, Message: "the run is " + string(failed.State)}
	}
	b, err := json.Marshal(failure)
	if err != nil {
		return Submission{}, fmt.Errorf("encode failure: %w", err)
	}
	s := SubmissionOf(flow)
	s.Principal, s.Event, s.Params, s.Headers = failed.Principal, failed.Event, failed.Params, failed.Headers
	s.Depth, s.Queue = failed.Depth+1, failed.Queue
	s.HandlesFailureOf(&Spec{FailureOf: failed.ID, Failure: b, Limit: flow.OnFailure.Limit})
	s.IdempotencyKey = &IdempotencyKey{Key: "on_failure " + strconv.FormatInt(failed.Flow, 10) + " " + failed.ID, Window: handledFor}
	return s, nil
}

// HandlesFailureOf makes the run handle the failure that another run handles, with the limit of that run. It has no effect
// when that handles none.
func (s *Submission) HandlesFailureOf(other *Spec) {
	if other.FailureOf != "" {
		s.FailureOf, s.Failure, s.Limit, s.Limited = other.FailureOf, other.Failure, other.Limit, false
	}
}

// HandledFailure returns the failure that a run handles, for flows.Run; nil: it handles none.
func (s *Spec) HandledFailure() (*flows.Failure, error) {
	if s.FailureOf == "" {
		return nil, nil
	}
	f := &flows.Failure{Run: s.FailureOf, Error: new(flows.Error)}
	if err := json.Unmarshal(s.Failure, f.Error); err != nil {
		return nil, fmt.Errorf("decode failure: %w", err)
	}
	return f, nil
}

// SetFailureRun notes in the record of a run which run handles its failure. A run that is no longer stored is left alone.
// Errors: ErrUnavailable.
func (c *Client) SetFailureRun(ctx context.Context, failed *Record, run string) error {
	_, err := c.annotate(ctx, failed.ID, false, "failure_run", []byte(run))
	return err
}
