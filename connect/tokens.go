package connect

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/store"
)

const (
	// requestLimit bounds one request for a token.
	requestLimit = 10 * time.Second
	// lockLife is how long a process may keep the others waiting: longer than
	// requestLimit and saving what came.
	lockLife = requestLimit + 5*time.Second
	// lockPause is how often those who wait look for what came.
	lockPause = 50 * time.Millisecond
	// obtainLimit bounds waiting and asking together: a crashed process'
	// lock, and then a request of one's own.
	obtainLimit = lockLife + requestLimit
	// refusedLife is how long a refusal stands for all: a server that counts
	// failures is not asked again by every run.
	refusedLife = 10 * time.Second
	// rotatedLife is how long a refresh token that replaced the connection's
	// own is kept without being used.
	rotatedLife = 400 * 24 * time.Hour
)

// tokens are the access tokens of one connection: asked for by one process at
// a time, used by all. Safe for concurrent use.
type tokens struct {
	conn     *store.Connection
	grants   *store.Grants
	log      *slog.Logger
	endpoint endpoint
	form     func(replaced string) (url.Values, error)

	last   atomic.Pointer[store.Grant] // that this process has seen; nil: none
	flight singleflight.Group
}

// token returns a token that is good for a while, and not the rejected one.
// Fresh: it was asked for just now. A store that is away is waited for until
// ctx ends; what the server says is an answer.
func (t *tokens) token(ctx context.Context, rejected string) (token string, fresh bool, err error) {
	away := redisconn.Insist(ctx, func() error {
		if token, fresh, err = t.once(ctx, rejected); errors.Is(err, errStoreAway) {
			return err
		}
		return nil
	})
	if away != nil {
		err = away
	}
	return token, fresh, err
}

// errStoreAway says that the store of the tokens did not answer.
var errStoreAway = errors.New("the store of tokens is away")

// once is one try.
func (t *tokens) once(ctx context.Context, rejected string) (token string, fresh bool, err error) {
	if g := t.last.Load(); usable(g, rejected) {
		return g.AccessToken, false, nil
	}
	landed := t.flight.DoChan(rejected, func() (any, error) {
		// The work is for all who wait: the first of them may give up.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), obtainLimit)
		defer cancel()
		return t.obtain(ctx, rejected)
	})
	select {
	case r := <-landed:
		got, _ := r.Val.(obtained)
		return got.token, got.fresh, r.Err
	case <-ctx.Done():
		return "", false, ctx.Err()
	}
}

// obtained is a token, and whether it was asked for just now.
type obtained struct {
	token string
	fresh bool
}

// usable reports whether the token is there, another one than the rejected,
// and good for long enough to be sent: ExpiresAt allows for that.
func usable(g *store.Grant, rejected string) bool {
	return g != nil && g.AccessToken != "" && g.AccessToken != rejected && time.Until(g.ExpiresAt) > 0
}

// obtain takes what another process has got, or waits for its turn to ask.
func (t *tokens) obtain(ctx context.Context, rejected string) (obtained, error) {
	for {
		g, err := t.stored(ctx, rejected)
		if err != nil {
			return obtained{}, err
		}
		if g != nil {
			return obtained{g.AccessToken, false}, nil
		}
		lock, err := t.grants.Lock(ctx, t.conn, lockLife)
		if err != nil {
			return obtained{}, t.unstored(ctx, err)
		}
		if lock != "" {
			return t.renew(ctx, lock, rejected)
		}
		select {
		case <-time.After(lockPause):
		case <-ctx.Done():
			return obtained{}, t.unstored(ctx, ctx.Err())
		}
	}
}

// stored returns the fleet's token if it is usable, and the refusal that
// still stands. Neither: nil, nil.
func (t *tokens) stored(ctx context.Context, rejected string) (*store.Grant, error) {
	g, err := t.grants.Grant(ctx, t.conn)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, t.unstored(ctx, err)
	case usable(g, rejected):
		t.last.Store(g)
		return g, nil
	case g.Refused != "" && time.Until(g.ExpiresAt) > 0:
		return nil, troubled(t.conn.Name, "%s", g.Refused)
	}
	return nil, nil
}

// renew asks for a new token and shares it. The lock is ours.
func (t *tokens) renew(ctx context.Context, lock, rejected string) (obtained, error) {
	defer func() { // a lock that was saved with is gone already
		if err := t.grants.Unlock(context.WithoutCancel(ctx), t.conn, lock); err != nil {
			t.log.Warn("a lock stays until it expires", "connection", t.conn.Name, "error", err)
		}
	}()
	old, err := t.stored(ctx, rejected)
	switch {
	case err != nil:
		return obtained{}, err
	case old != nil: // somebody was faster, just before we had the lock
		return obtained{old.AccessToken, false}, nil
	}
	replaced, err := t.replaced(ctx)
	if err != nil {
		return obtained{}, err
	}
	g, failure := t.ask(ctx, replaced)
	if g == nil {
		return obtained{}, failure
	}
	life := time.Until(g.ExpiresAt)
	if g.RefreshToken != "" {
		life = rotatedLife
	}
	if err := t.save(ctx, lock, g, life); err != nil {
		return obtained{}, t.unstored(ctx, err)
	}
	if failure != nil {
		return obtained{}, failure
	}
	t.last.Store(g)
	return obtained{g.AccessToken, true}, nil
}

// save keeps a grant, which a server that exchanges refresh tokens gives only once:
// a store that is away is waited for. When a reply was lost, the grant may be kept, and the
// lock given back.
func (t *tokens) save(ctx context.Context, lock string, g *store.Grant, life time.Duration) error {
	_, err := patiently(ctx, func() (struct{}, error) { return struct{}{}, t.grants.Save(ctx, t.conn, lock, g, life) })
	if errors.Is(err, store.ErrLockLost) {
		if kept, failed := t.grants.Grant(ctx, t.conn); failed == nil && kept.AccessToken == g.AccessToken && kept.Refused == g.Refused {
			return nil
		}
	}
	return err
}

// replaced is the refresh token that the server gave last, empty when it gave
// none.
func (t *tokens) replaced(ctx context.Context) (string, error) {
	old, err := t.grants.Grant(ctx, t.conn)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return "", nil
	case err != nil:
		return "", t.unstored(ctx, err)
	}
	return old.RefreshToken, nil
}

// ask returns what is to be stored, and why it is no token.
func (t *tokens) ask(ctx context.Context, replaced string) (*store.Grant, error) {
	form, err := t.form(replaced)
	if err != nil {
		return nil, troubled(t.conn.Name, "%v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	answer, err := t.endpoint.request(ctx, form)
	if err != nil {
		return nil, unreachable(t.conn.Name, "its token endpoint", err)
	}
	if answer.trouble != "" {
		failure := troubled(t.conn.Name, "its token endpoint %s", answer.trouble)
		failure.Upstream, failure.RetryAfter = answer.status, answer.retryAfter
		if !answer.final {
			return nil, failure
		}
		return &store.Grant{Refused: "its token endpoint " + answer.trouble, ExpiresAt: time.Now().Add(refusedLife), RefreshToken: replaced}, failure
	}
	g := &store.Grant{AccessToken: answer.token, ExpiresAt: answer.usableUntil(time.Now()), RefreshToken: replaced}
	if form.Get("grant_type") == "refresh_token" && answer.refresh != "" {
		g.RefreshToken = answer.refresh
	}
	return g, nil
}

// unstored is a failure of what the fleet shares; what exactly is wrong is
// for the log.
func (t *tokens) unstored(ctx context.Context, err error) error {
	t.log.Error("a token cannot be shared", "connection", t.conn.Name, "error", err)
	e := troubled(t.conn.Name, "its token cannot be got now")
	if e.Class = flows.ClassNetwork; ctx.Err() != nil {
		e.Class = flows.ClassTimeout
	}
	if redisconn.Away(err) {
		e.Err = errStoreAway
	}
	return e
}
