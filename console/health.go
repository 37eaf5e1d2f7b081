package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/session"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

const (
	// redisAwayAfter is how long Redis has not answered this process when pages say so. The store asks twice a second.
	redisAwayAfter = 3 * time.Second
	// loadsTTL is how long one list of the workers serves all users.
	loadsTTL = 2 * time.Second
	// historyTTL is the time between two checks of the history.
	historyTTL = 5 * time.Second
	// probeLimit is how long a page waits for Redis that has not answered for some seconds.
	probeLimit = 500 * time.Millisecond
	// healthLimit is how long the question what does not answer waits for Redis: until pages say so, and less than the script waits.
	healthLimit = redisAwayAfter + 500*time.Millisecond
	// checkLimit is the maximum duration of one check.
	checkLimit = time.Second
)

// Pinger reports whether a database answers. *history.DB implements it.
type Pinger interface {
	Ping(ctx context.Context) error
}

// health is whether what the console depends on answers. It is read by every page, and asks at most once in a while for all
// users. Safe for concurrent use.
type health struct {
	history Pinger // nil: there is none
	loads   cached[[]queue.Load]
	probe   probe

	mu          sync.Mutex // guards the fields below
	historyAway time.Time  // since when the history has not answered; zero: it does, as far as is known
	checkedAt   time.Time  // last check of the history
	checking    bool
}

// workers lists the workers. It is at most two seconds old.
func (h *health) workers(ctx context.Context) ([]queue.Load, error) {
	return h.loads.get(ctx, time.Now())
}

// historyAwaySince returns since when the history has not answered; zero: it does. It does not wait: an older check is repeated
// beside, for the next call.
func (h *health) historyAwaySince() time.Time {
	if h.history == nil {
		return time.Time{}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if now := time.Now(); !h.checking && now.Sub(h.checkedAt) >= historyTTL {
		h.checking = true
		go h.checkHistory(now)
	}
	return h.historyAway
}

func (h *health) checkHistory(now time.Time) {
	ctx, cancel := context.WithTimeout(context.Background(), checkLimit)
	defer cancel()
	err := h.history.Ping(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checking, h.checkedAt = false, now
	switch {
	case err == nil:
		h.historyAway = time.Time{}
	case h.historyAway.IsZero():
		h.historyAway = now
	}
}

// redisAway makes an error of Redis, which is not one of the queue, one of those that pages explain.
func redisAway(err error) error {
	if errors.Is(err, queue.ErrUnavailable) || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w: %w", queue.ErrUnavailable, err)
}

// probe asks Redis while that is away. The zero value has not asked. Safe for concurrent use.
type probe struct {
	mu   sync.Mutex
	last *question // nil: there was none
}

// question is one question to Redis.
type question struct {
	begun   time.Time
	done    chan struct{} // closed at its end
	answers bool          // valid after done
}

// probeInterval is the time between two questions to Redis while it is away.
const probeInterval = time.Second

// ask reports whether Redis answers: now, or a moment ago. It begins at most one question a second, and waits for it until
// probeLimit from its begin.
func (p *probe) ask(answers func() bool) bool {
	p.mu.Lock()
	if p.last == nil || p.last.over() && time.Since(p.last.begun) > probeInterval {
		q := &question{begun: time.Now(), done: make(chan struct{})}
		p.last = q
		go func() {
			q.answers = answers()
			close(q.done)
		}()
	}
	q := p.last
	p.mu.Unlock()
	select {
	case <-q.done:
		return q.answers
	case <-time.After(probeLimit - time.Since(q.begun)):
		return q.over() && q.answers
	}
}

func (q *question) over() bool {
	select {
	case <-q.done:
		return true
	default:
		return false
	}
}

// redisIsAway reports whether Redis has not answered this process for some seconds.
func (c *Console) redisIsAway(ctx context.Context) bool {
	if time.Since(c.config.Store.Reached()) <= redisAwayAfter {
		return false
	}
	return !c.health.probe.ask(func() bool {
		_, err := c.config.Store.Users().User(context.WithoutCancel(ctx), "") // read from memory if that is current, else from Redis
		return errors.Is(err, store.ErrNotFound)
	})
}

// answered reports whether an error is an answer of Redis that works, such as one that is full.
func answered(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply) && !slices.ContainsFunc([]string{"LOADING", "CLUSTERDOWN", "MASTERDOWN"}, func(prefix string) bool { return redis.HasErrorPrefix(err, prefix) })
}

// troubles are what does not answer, the worst first.
func (req *requestState) troubles() []view.Trouble {
	h := req.console.health
	var all []view.Trouble
	if req.away {
		return append(all, view.RedisAway(req.ctx(), req.console.config.Store.Reached(), h.history != nil))
	}
	if since := h.historyAwaySince(); !since.IsZero() {
		all = append(all, view.HistoryAway(req.ctx(), since))
	}
	ctx, cancel := context.WithTimeout(req.ctx(), checkLimit)
	defer cancel()
	if loads, err := h.workers(ctx); err == nil {
		if since, gone := req.workersGone(loads); gone {
			all = append(all, view.WorkersGone(req.ctx(), since, req.site.Root == Root && req.may(auth.ScopeReadQueues)))
		}
	}
	return all
}

// workersGone reports whether no worker runs, and when the last one was seen; zero: that is not known.
func (req *requestState) workersGone(loads []queue.Load) (since time.Time, gone bool) {
	for i := range loads {
		if !loads[i].Lost {
			return time.Time{}, false
		}
		if loads[i].Seen.After(since) {
			since = loads[i].Seen
		}
	}
	if !since.IsZero() {
		return since, true
	}
	_, left := req.console.config.Store.Fleet()
	for i := range left {
		if left[i].Executes() && left[i].At.After(since) {
			since = left[i].At
		}
	}
	return since, true
}

// healthFragment is what the script of every page asks for every few seconds: what does not answer. It reads no more than pages
// do, and answers without a session with 401.
func healthFragment(req *requestState) error {
	ctx, cancel := context.WithTimeout(req.ctx(), healthLimit)
	defer cancel()
	page := req.r
	req.r = page.WithContext(ctx)
	err := req.identify()
	if req.r = page; errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = queue.ErrUnavailable // the script waits no longer, and would say that the front door is gone
	}
	switch {
	case errors.Is(err, session.ErrNone):
		req.w.WriteHeader(http.StatusUnauthorized)
		return nil
	case err != nil && !errors.Is(err, queue.ErrUnavailable):
		return err
	case err != nil: // whose session it is cannot be read
		req.away = true
	}
	p := req.page("", "")
	p.Troubles = req.troubles()
	return req.render(http.StatusOK, view.HealthFragment(p))
}
