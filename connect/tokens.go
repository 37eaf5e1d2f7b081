package connect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/sync/singleflight"

	"github.com/penstock/penstock/connect/internal/server"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/store"
)

const (
	// requestLimit is the maximum duration of one request for a token.
	requestLimit = 10 * time.Second
	// lockTTL is how long a process may block the others: longer than requestLimit and the time to save the token.
	lockTTL = requestLimit + 5*time.Second
	// lockPollInterval is the interval at which waiting processes look for a token.
	lockPollInterval = 50 * time.Millisecond
	// obtainLimit is the maximum duration of waiting and requesting together: the lock of a crashed process, and then
	// one request.
	obtainLimit = lockTTL + requestLimit
	// rejectionTTL is how long a rejection applies to all processes, so that a server that counts failures is not
	// tokenRequests again by every run.
	rejectionTTL = 10 * time.Second
	// refreshTokenTTL is how long a refresh token that replaced the connection's own is kept without use.
	refreshTokenTTL = 400 * 24 * time.Hour
)

// tokens are the access tokens of one connection: requested by one process at a time, used by all. Safe for
// concurrent use.
type tokens struct {
	conn   *store.Connection
	grants *store.Grants
	log    *slog.Logger
	// rotated reads the credential of the connection again after a refusal, and reports whether it was replaced; nil: it cannot be.
	rotated func(context.Context) bool
	what    string   // is asked for a token: "its token endpoint"
	fields  []string // names of further members of the answer that the connection uses
	// request asks for a token once. replaced is the latest refresh token of the server, empty if none; rotates says that the
	// answer may have a newer one. An error means that there was no response, or a *flows.Error why nothing was asked.
	request func(ctx context.Context, replaced string) (answer *tokenResponse, rotates bool, err error)

	last   atomic.Pointer[store.Grant] // last one seen by this process; nil: none
	flight singleflight.Group
}

// token returns the grant with a usable token other than rejected. fresh reports whether it was requested just now. While the store
// is unavailable, token waits until ctx ends; a response of the server is final.
func (t *tokens) token(ctx context.Context, rejected string) (g *store.Grant, fresh bool, err error) {
	away := redisconn.RetryUntilDone(ctx, func() error {
		if g, fresh, err = t.tryToken(ctx, rejected); errors.Is(err, errStoreUnavailable) {
			return err
		}
		return nil
	})
	if away != nil {
		err = away
	}
	return g, fresh, err
}

// errStoreUnavailable reports that the store of the tokens is unavailable.
var errStoreUnavailable = errors.New("the store of tokens is away")

// tryToken is a single try of token.
func (t *tokens) tryToken(ctx context.Context, rejected string) (g *store.Grant, fresh bool, err error) {
	if g := t.last.Load(); usable(g, rejected) {
		return g, false, nil
	}
	landed := t.flight.DoChan(rejected, func() (any, error) {
		// The result is for all waiters: the first of them may give up.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), obtainLimit)
		defer cancel()
		return t.obtain(ctx, rejected)
	})
	select {
	case r := <-landed:
		got, _ := r.Val.(obtained)
		return got.grant, got.fresh, r.Err
	case <-ctx.Done():
		return nil, false, ctx.Err()
	}
}

// obtained is a grant with a token; fresh: it was requested just now.
type obtained struct {
	grant *store.Grant
	fresh bool
}

// usable reports whether there is a token other than rejected that stays valid long enough to be sent; ExpiresAt
// includes that margin.
func usable(g *store.Grant, rejected string) bool {
	return g != nil && g.AccessToken != "" && g.AccessToken != rejected && time.Until(g.ExpiresAt) > 0
}

// obtain takes the token of another process, or waits for the lock and requests one.
func (t *tokens) obtain(ctx context.Context, rejected string) (obtained, error) {
	for {
		g, err := t.stored(ctx, rejected)
		if err != nil {
			return obtained{}, err
		}
		if g != nil {
			return obtained{g, false}, nil
		}
		lock, err := t.grants.Lock(ctx, t.conn, lockTTL)
		if err != nil {
			return obtained{}, t.storeError(ctx, err)
		}
		if lock != "" {
			return t.renew(ctx, lock, rejected)
		}
		select {
		case <-time.After(lockPollInterval):
		case <-ctx.Done():
			return obtained{}, t.storeError(ctx, ctx.Err())
		}
	}
}

// stored returns the fleet's token if it is usable, or the error of a rejection that still applies. Neither: nil,
// nil.
func (t *tokens) stored(ctx context.Context, rejected string) (*store.Grant, error) {
	g, err := t.grants.Grant(ctx, t.conn)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, t.storeError(ctx, err)
	case usable(g, rejected):
		t.last.Store(g)
		return g, nil
	case g.Refused != "" && time.Until(g.ExpiresAt) > 0:
		return nil, server.Failure(t.conn.Name, "%s", g.Refused)
	}
	return nil, nil
}

// renew requests a new token and shares it. The caller holds the lock.
func (t *tokens) renew(ctx context.Context, lock, rejected string) (obtained, error) {
	defer func() { // Save has released the lock already
		if err := t.grants.Unlock(context.WithoutCancel(ctx), t.conn, lock); err != nil {
			t.log.Warn("a lock stays until it expires", "connection", t.conn.Name, "error", err)
		}
	}()
	old, err := t.stored(ctx, rejected)
	switch {
	case err != nil:
		return obtained{}, err
	case old != nil: // another process was faster, just before we had the lock
		return obtained{old, false}, nil
	}
	replaced, err := t.currentRefreshToken(ctx)
	if err != nil {
		return obtained{}, err
	}
	g, failure := t.requestToken(ctx, replaced)
	if g == nil {
		return obtained{}, failure
	}
	life := time.Until(g.ExpiresAt)
	if g.RefreshToken != "" {
		life = refreshTokenTTL
	}
	if err := t.save(ctx, lock, g, life); err != nil {
		return obtained{}, t.storeError(ctx, err)
	}
	if failure != nil {
		return obtained{}, failure
	}
	t.last.Store(g)
	return obtained{g, true}, nil
}

// save stores a grant, which a server that rotates refresh tokens gives only once: while the store is unavailable it
// waits. When a reply was lost, the grant may be stored and the lock released already.
func (t *tokens) save(ctx context.Context, lock string, g *store.Grant, life time.Duration) error {
	_, err := retryWhileUnavailable(ctx, func() (struct{}, error) { return struct{}{}, t.grants.Save(ctx, t.conn, lock, g, life) })
	if errors.Is(err, store.ErrLockLost) {
		if kept, failed := t.grants.Grant(ctx, t.conn); failed == nil && kept.AccessToken == g.AccessToken && kept.Refused == g.Refused {
			return nil
		}
	}
	return err
}

// currentRefreshToken returns the latest refresh token of the server; empty when there was none.
func (t *tokens) currentRefreshToken(ctx context.Context) (string, error) {
	old, err := t.grants.Grant(ctx, t.conn)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return "", nil
	case err != nil:
		return "", t.storeError(ctx, err)
	}
	return old.RefreshToken, nil
}

// requestToken requests a token. It returns the grant to store, and the error when that is not a token.
func (t *tokens) requestToken(ctx context.Context, replaced string) (*store.Grant, error) {
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	answer, rotates, err := t.request(ctx, replaced)
	var told *flows.Error
	switch {
	case errors.As(err, &told):
		return nil, told
	case err != nil:
		return nil, server.Unreachable(t.conn.Name, t.what, err)
	}
	if answer.failure != "" {
		failure := server.Failure(t.conn.Name, "%s %s", t.what, answer.failure)
		failure.Upstream, failure.RetryAfter = answer.status, answer.retryAfter
		if !answer.final {
			return nil, failure
		}
		if t.rotated != nil && t.rotated(ctx) {
			failure.Err = errRotated
			return nil, failure
		}
		return &store.Grant{Refused: t.what + " " + answer.failure, ExpiresAt: time.Now().Add(rejectionTTL), RefreshToken: replaced}, failure
	}
	refresh := replaced
	if rotates && answer.refresh != "" {
		refresh = answer.refresh
	}
	fields, missing := t.fieldsOf(answer.content)
	if missing != "" {
		refused := t.what + " answered without " + missing + ", or with one that cannot be sent"
		return &store.Grant{Refused: refused, ExpiresAt: time.Now().Add(rejectionTTL), RefreshToken: refresh}, server.Failure(t.conn.Name, "%s", refused)
	}
	return &store.Grant{AccessToken: answer.token, ExpiresAt: answer.usableUntil(time.Now()), RefreshToken: refresh, Fields: fields}, nil
}

// fieldsOf returns the further members of an answer that the connection uses, or the name of one that is missing.
func (t *tokens) fieldsOf(content []byte) (fields map[string]string, missing string) {
	fields = map[string]string{}
	for _, name := range t.fields {
		value := memberText(content, strings.Split(name, "."))
		if value == "" || !httpguts.ValidHeaderFieldValue(value) {
			return nil, name
		}
		fields[name] = value
	}
	return fields, ""
}

// storeError returns the error for a failure of the shared store; the details go to the log only.
func (t *tokens) storeError(ctx context.Context, err error) error {
	t.log.Error("a token cannot be shared", "connection", t.conn.Name, "error", err)
	e := server.Failure(t.conn.Name, "its token cannot be got now")
	if e.Class = flows.ClassNetwork; ctx.Err() != nil {
		e.Class = flows.ClassTimeout
	}
	if redisconn.Temporary(err) {
		e.Err = fmt.Errorf("%w: %w", errStoreUnavailable, err)
	}
	return e
}
