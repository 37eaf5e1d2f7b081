package flows

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ParkAfter is how long a wait may hold a worker; a longer one parks the run.
const ParkAfter = 5 * time.Second

// Parked is how Execute ends when the run waits: nobody works on it until
// Wake, or until something that it waits for has come. What it has done so far
// is in the journal. A runner returns it as it got it.
type Parked struct {
	Wake time.Time // when the run must be executed again, at the latest
	Step string    // path of a step that waits
	Kind string    // of that step
}

func (p *Parked) Error() string {
	return fmt.Sprintf("step %s waits until %s", p.Step, p.Wake.UTC().Format(time.RFC3339))
}

// asParked is err as a Parked, nil when it is none.
func asParked(err error) *Parked {
	if err == nil {
		return nil
	}
	var p *Parked
	errors.As(err, &p)
	return p
}

// earlier is the one that wakes first; both may be nil.
func earlier(a, b *Parked) *Parked {
	if a == nil || b != nil && b.Wake.Before(a.Wake) {
		return b
	}
	return a
}

// Park ends this attempt of the run until the moment. It returns nil when
// whoever executes the run cannot park it.
func (in *Input) Park(until time.Time) error {
	if !in.p.x.env.Parks {
		return nil
	}
	return &Parked{Wake: until, Step: in.p.path(), Kind: in.p.step.kind}
}

// WaitUntil returns at the moment. When that is far the run is parked: the
// error must be returned as it is. Tests do not wait.
func (in *Input) WaitUntil(ctx context.Context, at time.Time) error {
	wait := time.Until(at)
	if wait <= 0 || in.p.x.mocks != nil {
		return nil
	}
	if wait > ParkAfter {
		if err := in.Park(at); err != nil {
			return err
		}
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Began is when the step began on its items: the same moment for all of them
// and in every attempt of the run.
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

// Remember returns what make returned the first time that any attempt of the
// run came here with this item: what a step decides once and must find again.
// The value must be one that JSON can hold.
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
