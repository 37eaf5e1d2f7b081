package imap

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/penstock/penstock/flows"
)

const (
	// callLimit is the maximum time of one exchange with the server.
	callLimit = time.Minute
	// restEvery is how often the server is asked for nothing while a delivery waits: it ends connections that are quiet.
	restEvery = 2 * time.Minute
)

// receiver is a consumer with its connection. One goroutine calls its functions, except done.
type receiver struct {
	*consumer
	client   *client
	on       *conn
	s        flows.Subscription
	validity uint32
	idles    bool              // the server tells of changes
	taken    map[imap.UID]bool // delivered and not settled

	changed chan struct{} // the server told of a change
	woken   chan struct{} // a message is done

	mu       sync.Mutex
	accepted []imap.UID // guarded by mu; done and not settled
	rejected []imap.UID // guarded by mu
}

func newReceiver(q *consumer, c *client, s flows.Subscription) *receiver {
	return &receiver{consumer: q, client: c, s: s, taken: map[imap.UID]bool{}, changed: make(chan struct{}, 1), woken: make(chan struct{}, 1)}
}

// call calls the library within callLimit. The end of ctx does not interrupt it.
func (r *receiver) call(ctx context.Context, do func() error) error {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), callLimit)
	defer cancel()
	r.on.wire.left.Store(maxReceived)
	return r.client.during(limited, r.on, do)
}

func (r *receiver) run(ctx context.Context) error {
	err := r.call(ctx, func() error {
		selected, err := r.on.Select(r.mailbox, nil).Wait()
		if err != nil {
			return err
		}
		r.validity, r.idles = selected.UIDValidity, r.on.Caps().Has(imap.CapIdle)
		return r.check(selected, r.on)
	})
	if err == nil {
		r.s.Ready()
	}
	for err == nil && ctx.Err() == nil {
		var found []imap.UID
		if found, err = r.find(ctx); err != nil {
			return err
		}
		for _, uid := range found {
			if err = r.take(ctx, uid); err != nil || ctx.Err() != nil {
				return err
			}
		}
		if err = r.settle(ctx); err == nil {
			err = r.wait(ctx)
		}
	}
	return err
}

// find returns the new messages that were not taken, in their order.
func (r *receiver) find(ctx context.Context) (uids []imap.UID, err error) {
	criteria := &imap.SearchCriteria{NotFlag: []imap.Flag{imap.FlagDeleted}}
	if r.moveTo == "" {
		criteria.NotFlag = append(criteria.NotFlag, r.flag)
	}
	err = r.call(ctx, func() error {
		found, err := r.on.UIDSearch(criteria, nil).Wait()
		if err == nil {
			uids = slices.DeleteFunc(found.AllUIDs(), func(u imap.UID) bool { return r.taken[u] })
		}
		return err
	})
	slices.Sort(uids)
	return uids, err
}

// take reads a message and delivers it. Meanwhile other messages are settled.
func (r *receiver) take(ctx context.Context, uid imap.UID) error {
	m, err := r.message(ctx, uid)
	if err != nil || m == nil {
		return err
	}
	r.taken[uid] = true
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	delivered := make(chan error, 1)
	go func() { delivered <- r.s.Deliver(ctx, *m) }()
	rest := time.NewTicker(restEvery)
	defer rest.Stop()
	for {
		var err error
		select {
		case err := <-delivered:
			return err
		case <-r.woken:
			err = r.settle(ctx)
		case <-rest.C:
			err = r.call(ctx, r.on.Noop().Wait)
		}
		if err != nil {
			cancel()
			<-delivered
			return err
		}
	}
}

// message reads a message; nil: it is gone.
func (r *receiver) message(ctx context.Context, uid imap.UID) (m *flows.Message, err error) {
	err = r.call(ctx, func() error {
		found, err := r.on.Fetch(imap.UIDSetNum(uid), &imap.FetchOptions{UID: true, Flags: true, InternalDate: true, RFC822Size: true}).Collect()
		if err != nil || len(found) == 0 {
			return err
		}
		content, err := r.on.content(uid, maxRead, true)
		if err != nil {
			return err
		}
		event := about(r.mailbox, r.validity, found[0])
		body, contentType := r.event(content, event)
		m = &flows.Message{
			Key: fmt.Sprintf("%s/%d/%d", r.mailbox, r.validity, uid), Body: body, ContentType: contentType, Event: event,
			Done: func(failed error) { r.done(uid, failed) },
		}
		return nil
	})
	return m, err
}

// done notes that a message can be settled.
func (r *receiver) done(uid imap.UID, failed error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if failed == nil {
		r.accepted = append(r.accepted, uid)
	} else {
		r.rejected = append(r.rejected, uid)
	}
	select {
	case r.woken <- struct{}{}:
	default: // it will be seen with an earlier one
	}
}

// settle flags or moves the messages that are done.
func (r *receiver) settle(ctx context.Context) error {
	r.mu.Lock()
	accepted, rejected := r.accepted, r.rejected
	r.accepted, r.rejected = nil, nil
	r.mu.Unlock()
	return r.call(ctx, func() error {
		if len(rejected) > 0 {
			if r.rejectedTo != "" {
				if err := r.moveAll(rejected, r.rejectedTo); err != nil {
					return err
				}
			} else {
				if err := r.flagAll(rejected, imap.FlagFlagged); err != nil {
					return err
				}
				accepted = append(accepted, rejected...)
			}
		}
		if len(accepted) == 0 {
			return nil
		}
		if r.moveTo != "" {
			return r.moveAll(accepted, r.moveTo)
		}
		return r.flagAll(accepted, r.flag)
	})
}

func (r *receiver) moveAll(uids []imap.UID, to string) error {
	_, err := r.on.Move(imap.UIDSetNum(uids...), to).Wait()
	if err == nil {
		r.forget(uids)
	}
	return err
}

func (r *receiver) flagAll(uids []imap.UID, flag imap.Flag) error {
	err := r.on.Store(imap.UIDSetNum(uids...), &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{flag}}, nil).Close()
	if err == nil && flag == r.flag {
		r.forget(uids)
	}
	return err
}

// forget is called for messages that are not found as new ones any more.
func (r *receiver) forget(uids []imap.UID) {
	for _, uid := range uids {
		delete(r.taken, uid)
	}
}

// wait waits for a change, for a message to settle, or for the time of the next search.
func (r *receiver) wait(ctx context.Context) error {
	if r.idles {
		var idle *imapclient.IdleCommand
		err := r.call(ctx, func() (err error) {
			idle, err = r.on.Idle()
			return err
		})
		if err != nil {
			return err
		}
		defer func() { _ = idle.Close() }() // of a connection that is lost: the next call says so
		defer func() { r.on.wire.left.Store(maxReceived) }()
	}
	timer := time.NewTimer(r.every)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-r.changed:
	case <-r.woken:
	case <-timer.C:
	case <-r.on.Closed():
	}
	return nil
}
