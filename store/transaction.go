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
	// changeAttempts is the maximum number of tries of a change when other changes come first. Changes are rare; the
	// worst case is many directories deployed by many processes at once.
	changeAttempts = 100
	// logLength is the approximate number of changes in the log. A process that has missed more reads everything.
	logLength = 10_000
	// maxNames is the maximum number of records that one change names in the log, and that a process reads one by
	// one. Beyond it, reading everything is cheaper.
	maxNames = 1000
)

// errOutdated reports that the view is older than the store.
var errOutdated = errors.New("the view is not current")

// updateDeployment decides on one transaction. v is the current content of the store; more can be read through tx. It returns
// the function that writes; nil: nothing to write. It may be called more than once.
type transaction func(tx *redis.Tx, v *snapshot) (write func(*transactionWrites), err error)

// transactionWrites are the writes of a change, in one transaction.
type transactionWrites struct {
	redis.Pipeliner
	names []string // of the changed records
}

// set writes a record.
func (w *transactionWrites) set(ctx context.Context, k kind, name string, record any) {
	w.HSet(ctx, k.hash(), name, record)
	w.names = append(w.names, k.of(name))
}

// delete deletes a record.
func (w *transactionWrites) delete(ctx context.Context, k kind, name string) {
	w.HDel(ctx, k.hash(), name)
	w.names = append(w.names, k.of(name))
}

// logged returns the log's text for the changed records.
func (w *transactionWrites) logged() string {
	if len(w.names) > maxNames {
		return "*"
	}
	return strings.Join(w.names, "\n")
}

// update executes a change as a transaction on the current view. When another change came first, it refreshes the view
// and decides again. After its return, this process sees the change.
func (s *Store) update(ctx context.Context, decide transaction) error {
	for range changeAttempts {
		v := s.snapshot.Load()
		err := s.config.Redis.Watch(ctx, func(tx *redis.Tx) error { return s.commit(ctx, tx, v, decide) }, keyRevision)
		switch {
		case errors.Is(err, redis.TxFailedErr), errors.Is(err, errOutdated):
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

// commit writes the result of decide on top of v.
func (s *Store) commit(ctx context.Context, tx *redis.Tx, v *snapshot, decide transaction) error {
	found, err := tx.MGet(ctx, keyRevision, keyEpoch).Result()
	if err != nil {
		return err
	}
	if rev, _ := found[0].(string); rev != v.revText() || found[1] != v.epoch {
		return errOutdated
	}
	write, err := decide(tx, v)
	if err != nil || write == nil {
		return err
	}
	_, err = tx.TxPipelined(ctx, func(p redis.Pipeliner) error {
		w := &transactionWrites{Pipeliner: p}
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
