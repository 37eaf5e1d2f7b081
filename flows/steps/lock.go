package steps

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/internal/failure"
)

const (
	lockLease        = 15 * time.Second // time after which a lock of a lost worker expires
	lockRenew        = 5 * time.Second  // renewal interval; must be well below lockLease
	lockParked       = time.Minute      // time after the wake-up of a parked run at which its lock expires
	lockParkInterval = 5 * time.Second  // interval at which a parked run tries again
	defaultLockWait  = time.Minute      // default of wait
	minLockPoll      = 20 * time.Millisecond
	maxLockPoll      = 500 * time.Millisecond
)

// lock sends one item at a time through its steps.
func lock() flows.Kind {
	return flows.Kind{
		Name:    "lock",
		Summary: "Lets one item at a time, of all runs, through its nested steps.",
		Doc: "The lock belongs to the run and item that holds it. When its worker is lost, the run continues on another worker with " +
			"the lock; the lock of a run that does not continue expires after 15 seconds. It stays held while the run is parked in " +
			"the nested steps. Waiting runs get the lock in no particular order; after a few seconds a waiting run is parked and " +
			"tries again every five seconds.",
		Params: []flows.Param{
			{Name: "key", Type: flows.TypeTemplate, Required: true, Summary: "The name of the lock."},
			{Name: "steps", Type: flows.TypeSteps, Required: true, Summary: "The steps that hold the lock."},
			{Name: "wait", Type: flows.TypeDuration, Default: "1m", Summary: "How long to wait for the lock; then the step fails. 0s: fail at once."},
			scopeParam(),
		},
		Example:      "lock:\n  key: person-${ .id }\n  steps:\n    - http: {put: \"https://crm.example.org/people/${ .id }\", json: \"${ . }\"}",
		Effect:       flows.Durable,
		InternalOnly: true,
		New: func(args *flows.Args) (flows.Runner, error) {
			l := &lockStep{keyedState: newKeyedState("lock", "key", args), steps: args.Steps("steps"), maxWait: defaultLockWait}
			if args.Has("wait") {
				l.maxWait = args.Duration("wait")
			}
			return flows.NestFunc(l.nest), nil
		},
	}
}

type lockStep struct {
	keyedState
	steps   *flows.Block
	maxWait time.Duration
}

// heldLock is a lock that one item holds or waits for.
type heldLock struct {
	values flows.State
	key    string
	owner  []byte
}

var errLockLost = errors.New("the lock was lost")

func (l *lockStep) nest(ctx context.Context, in *flows.Input) (flows.Items, error) {
	key, err := l.key(ctx, in)
	if err != nil {
		return flows.Items{}, err
	}
	values, err := stateOf(in)
	if err != nil {
		return flows.Items{}, err
	}
	h := &heldLock{values: values, key: key, owner: flows.EncodeJSON(in.RunKey())}
	if err := l.acquire(ctx, in, h); err != nil {
		return flows.Items{}, err
	}
	items, err := h.runLocked(ctx, func(ctx context.Context) (flows.Items, error) { return l.steps.RunItem(ctx, in) })
	var parked *flows.Parked
	switch {
	case errors.As(err, &parked):
		_, _ = h.acquireOrRenew(context.WithoutCancel(ctx), time.Until(parked.Wake)+lockParked)
	case err == nil || failedForGood(ctx, err):
		removeKey(ctx, values, key, h.owner)
	}
	return items, err
}

// acquireOrRenew acquires the lock, or renews it for its owner.
func (h *heldLock) acquireOrRenew(ctx context.Context, lease time.Duration) (bool, error) {
	done, err := h.values.Swap(ctx, flows.Change{Key: h.key, Value: h.owner, For: lease, If: flows.Free, Old: h.owner})
	return done.Done, err
}

// acquire waits for the lock; for a long wait the run parks.
func (l *lockStep) acquire(ctx context.Context, in *flows.Input, h *heldLock) error {
	asked := time.Now()
	for pause := minLockPoll; ; pause = min(2*pause, maxLockPoll) {
		taken, err := h.acquireOrRenew(ctx, lockLease)
		if err != nil {
			return stateError(ctx, err)
		}
		waited := time.Since(asked)
		if !taken && waited > flows.ParkAfter && in.Env().Parks {
			if waited, err = waitedSince(ctx, in, asked); err == nil && waited < l.maxWait {
				err = in.Park(time.Now().Add(lockParkInterval))
			}
			if err != nil {
				return err
			}
		}
		switch {
		case taken:
			return nil
		case waited >= l.maxWait:
			return &flows.Error{Class: flows.ClassTimeout, Message: "the lock was taken by another run for longer than " + l.maxWait.String()}
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// waitedSince returns how long the run has waited, in all its attempts.
func waitedSince(ctx context.Context, in *flows.Input, asked time.Time) (time.Duration, error) {
	v, err := in.Remember(ctx, "asked", func() (any, error) { return asked.UTC().Format(time.RFC3339Nano), nil })
	if err != nil {
		return 0, err
	}
	said, _ := v.(string)
	first, err := time.Parse(time.RFC3339Nano, said)
	return time.Since(first), err
}

// runLocked calls do while it renews the lock. When the lock cannot be renewed, it cancels the context of do.
func (h *heldLock) runLocked(ctx context.Context, do func(context.Context) (flows.Items, error)) (flows.Items, error) {
	inside, lose := context.WithCancelCause(ctx)
	var renewer sync.WaitGroup
	renewer.Go(func() { h.renew(inside, lose) })
	items, err := do(inside)
	lose(nil)
	renewer.Wait()
	if errors.Is(context.Cause(inside), errLockLost) {
		return items, failure.Errorf("%v: another run may have entered", errLockLost)
	}
	return items, err
}

func (h *heldLock) renew(ctx context.Context, lose context.CancelCauseFunc) {
	tick := time.NewTicker(lockRenew)
	defer tick.Stop()
	for kept := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		ours, err := h.acquireOrRenew(ctx, lockLease)
		if err == nil && ours {
			kept = time.Now()
		} else if err == nil || time.Since(kept) > lockLease-lockRenew {
			lose(errLockLost)
			return
		}
	}
}
