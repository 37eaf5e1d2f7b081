package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// changeAttempts bounds how often a change is tried again because another
	// one came first. Changes are rare: many directories deployed at once by
	// many processes is the worst there is.
	changeAttempts = 100
	// logLength is how many changes the log keeps, about. A process that has
	// missed more reads everything.
	logLength = 10_000
	// maxNames is how many records one change names in the log, and how many a
	// process reads one by one. Beyond, everything is read: it costs less.
	maxNames = 1000
)

// errBehind says that the view is older than what is stored.
var errBehind = errors.New("the view is not current")

// change is one decision on what is stored. It knows all that is in v, which
// is current, may read more through tx, and returns what to write; nil:
// nothing. It may be called more than once.
type change func(tx *redis.Tx, v *view) (write func(*writes), err error)

// writes are what a change writes, in one transaction.
type writes struct {
	redis.Pipeliner
	names []string // of the records that change
}

// set writes a record.
func (w *writes) set(ctx context.Context, k kind, name string, record any) {
	w.HSet(ctx, k.hash(), name, record)
	w.names = append(w.names, k.of(name))
}

// drop deletes a record.
func (w *writes) drop(ctx context.Context, k kind, name string) {
	w.HDel(ctx, k.hash(), name)
	w.names = append(w.names, k.of(name))
}

// logged is what the log says of them.
func (w *writes) logged() string {
	if len(w.names) > maxNames {
		return "*"
	}
	return strings.Join(w.names, "\n")
}

// apply carries a change out unless any other change happened since the view
// was read; then it decides again. When it returns, this process sees the
// change.
func (s *Store) apply(ctx context.Context, decide change) error {
	for range changeAttempts {
		v := s.view.Load()
		err := s.config.Redis.Watch(ctx, func(tx *redis.Tx) error { return s.commit(ctx, tx, v, decide) }, keyRevision)
		switch {
		case errors.Is(err, redis.TxFailedErr), errors.Is(err, errBehind):
			if err := s.refresh(ctx, time.Now()); err != nil {
				return err
			}
			continue
		case err != nil:
			return err
		}
		return s.refresh(ctx, time.Now())
	}
	return fmt.Errorf("the store changed %d times meanwhile: try again", changeAttempts)
}

// commit writes what decide wants, on top of v.
func (s *Store) commit(ctx context.Context, tx *redis.Tx, v *view, decide change) error {
	found, err := tx.MGet(ctx, keyRevision, keyEpoch).Result()
	if err != nil {
		return err
	}
	if rev, _ := found[0].(string); rev != v.revText() || found[1] != v.epoch {
		return errBehind
	}
	write, err := decide(tx, v)
	if err != nil || write == nil {
		return err
	}
	_, err = tx.TxPipelined(ctx, func(p redis.Pipeliner) error {
		w := &writes{Pipeliner: p}
		write(w)
		p.Incr(ctx, keyRevision)
		p.XAdd(ctx, &redis.XAddArgs{
			Stream: keyLog, MaxLen: logLength, Approx: true, ID: strconv.FormatInt(v.rev+1, 10) + "-0",
			Values: []any{"names", w.logged(), "tag", rand.Text()[:12]},
		})
		p.Publish(ctx, channelChanges, "")
		return nil
	})
	return err
}
