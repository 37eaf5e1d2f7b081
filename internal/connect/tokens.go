package connect

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"penstock/flows"
	"penstock/internal/store"
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
func (t *tokens) token(ctx context.Context, rejected string) (string, error) {
	if g := t.last.Load(); usable(g, rejected) {
		return g.AccessToken, nil
	}
	landed := t.flight.DoChan(rejected, func() (any, error) {
		// The work is for all who wait: the first of them may give up.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), obtainLimit)
		defer cancel()
		return t.obtain(ctx, rejected)
	})
	select {
	case r := <-landed:
		if r.Err != nil {
			return "", r.Err
		}
		return r.Val.(*store.Grant).AccessToken, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// usable reports whether the token is there, another one than the rejected,
// and good for long enough to be sent: ExpiresAt allows for that.
func usable(g *store.Grant, rejected string) bool {
	return g != nil && g.AccessToken != "" && g.AccessToken != rejected && time.Until(g.ExpiresAt) > 0
}

// obtain takes what another process has got, or waits for its turn to ask.
func (t *tokens) obtain(ctx context.Context, rejected string) (*store.Grant, error) {
	for {
		g, err := t.stored(ctx, rejected)
		if g != nil || err != nil {
			return g, err
		}
		lock, err := t.grants.Lock(ctx, t.conn, lockLife)
		if err != nil {
			return nil, t.unstored(ctx, err)
		}
		if lock != "" {
			return t.renew(ctx, lock, rejected)
		}
		select {
		case <-time.After(lockPause):
		case <-ctx.Done():
			return nil, t.unstored(ctx, ctx.Err())
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
func (t *tokens) renew(ctx context.Context, lock, rejected string) (*store.Grant, error) {
	defer func() { // a lock that was saved with is gone already
		if err := t.grants.Unlock(context.WithoutCancel(ctx), t.conn, lock); err != nil {
			t.log.Warn("a lock stays until it expires", "connection", t.conn.Name, "error", err)
		}
	}()
	if g, err := t.stored(ctx, rejected); g != nil || err != nil {
		return g, err // somebody was faster, just before we had the lock
	}
	old, err := t.grants.Grant(ctx, t.conn)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, t.unstored(ctx, err)
	}
	replaced := ""
	if old != nil {
		replaced = old.RefreshToken
	}
	g, failure := t.ask(ctx, replaced)
	if g == nil {
		return nil, failure
	}
	life := time.Until(g.ExpiresAt)
	if g.RefreshToken != "" {
		life = rotatedLife
	}
	if err := t.grants.Save(ctx, t.conn, lock, g, life); err != nil {
		return nil, t.unstored(ctx, err)
	}
	if failure != nil {
		return nil, failure
	}
	t.last.Store(g)
	return g, nil
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
	return e
}
