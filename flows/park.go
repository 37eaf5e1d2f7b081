package flows

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/penstock/penstock/internal/sleep"
)

// ParkAfter is the longest wait that occupies a worker; for a longer one the run parks.
const ParkAfter = 5 * time.Second

// Parked is the error of Execute when the run waits. The run is resumed at Wake, or earlier when an event that it
// waits for arrives. Its effects so far are in the journal. A runner must return a *Parked unchanged.
type Parked struct {
	Wake  time.Time // the latest time to resume the run
	Step  string    // path of the step that waits
	Kind  string    // of the step
	Topic string    // of the event that it waits for; empty: it waits for none
}

func (p *Parked) Error() string {
	return fmt.Sprintf("step %s waits until %s", p.Step, p.Wake.UTC().Format(time.RFC3339))
}

// asParked returns err as a *Parked; nil when it is none.
func asParked(err error) *Parked {
	if err == nil {
		return nil
	}
	var p *Parked
	errors.As(err, &p)
	return p
}

// earlier returns the one with the earlier Wake; either may be nil.
func earlier(a, b *Parked) *Parked {
	if a == nil || b != nil && b.Wake.Before(a.Wake) {
		return b
	}
	return a
}

// Park returns a *Parked that ends this attempt until the given time. It returns nil when the caller of Execute
// cannot park runs.
func (in *Input) Park(until time.Time) error {
	if !in.p.x.env.Parks {
		return nil
	}
	return &Parked{Wake: until, Step: in.p.path(), Kind: in.p.step.kind}
}

// ParkForEvent is Park for a step that waits for an event of a topic.
func (in *Input) ParkForEvent(until time.Time, topic string) error {
	err := in.Park(until)
	if parked := asParked(err); parked != nil {
		parked.Topic = topic
	}
	return err
}

// WaitUntil returns at the given time. For a long wait the run parks: the returned error must be passed on unchanged.
// Tests do not wait.
func (in *Input) WaitUntil(ctx context.Context, at time.Time) error {
	wait := time.Until(at)
	if wait <= 0 || in.p.x.simulated() {
		return nil
	}
	if wait > ParkAfter {
		if err := in.Park(at); err != nil {
			return err
		}
	}
	return sleep.For(ctx, wait)
}

// Began returns the time at which the step started on its items: equal for all items and in every attempt.
func (in *Input) Began(ctx context.Context) (time.Time, error) {
	p := in.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.began.IsZero() {
		return p.began, nil
	}
	v, err := p.x.remember(ctx, p.journalKey()+"began", func() (any, error) { return time.Now().UTC().Format(time.RFC3339Nano), nil })
	if err != nil {
		return time.Time{}, err
	}
	said, _ := v.(string)
	if p.began, err = time.Parse(time.RFC3339Nano, said); err != nil {
		return time.Time{}, &Error{Code: CodeInternal, Message: "a recorded moment cannot be read", Err: err}
	}
	return p.began, nil
}

// Remember returns the value that make returned at the first call with this item and name in any attempt of the run.
// It is for decisions that a later attempt must repeat. The value must be encodable as JSON.
func (in *Input) Remember(ctx context.Context, name string, make func() (any, error)) (any, error) {
	return in.p.x.remember(ctx, in.Key()+"."+name, make)
}

func (x *execution) remember(ctx context.Context, key string, make func() (any, error)) (any, error) {
	journal := x.env.Journal
	if journal == nil {
		return make()
	}
	known, err := journal.Start(ctx, key, Idempotent)
	if err != nil {
		return nil, journalError(ctx, err)
	}
	if known.Result != nil {
		v, err := DecodeJSON(known.Result)
		if err != nil {
			return nil, &Error{Code: CodeInternal, Message: "a recorded value cannot be read", Err: err}
		}
		return v, nil
	}
	v, err := make()
	if err != nil {
		return nil, err
	}
	if err := journal.Finish(ctx, key, EncodeJSON(v)); err != nil {
		return nil, journalError(ctx, err)
	}
	return v, nil
}
