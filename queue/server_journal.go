package queue

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/redisconn"
)

// Journal returns the journal of the run's effects. Its writes require the fence of
// this attempt.
func (a *Attempt) Journal() flows.Journal { return &journal{attempt: a} }

// journal implements flows.Journal. A first attempt has nothing to read, and only an
// effect with flows.Once records its start, so that other effects cost no call before
// they begin.
type journal struct {
	attempt *Attempt

	mu     sync.Mutex
	known  map[string]string // guarded by mu; entries of earlier attempts
	loaded bool              // guarded by mu
}

func (j *journal) Start(ctx context.Context, key string, effect flows.Effect) (flows.Recorded, error) {
	known, err := j.lookUp(ctx, key)
	if err != nil || known != "" || effect != flows.Once {
		return recorded(known), err
	}
	// A start has a random mark, so that a call repeated after a lost reply recognises its own.
	mine := "s" + rand.Text()
	if known, err = j.record(ctx, key, mine); known == mine {
		known = ""
	}
	return recorded(known), err
}

func (j *journal) Finish(ctx context.Context, key string, result []byte) error {
	if len(result) <= perCall {
		_, err := j.record(ctx, key, "r"+string(result))
		return err
	}
	j.attempt.effects.Store(true)
	reference, err := j.attempt.storePieces(ctx, key, result)
	if err != nil {
		return j.failed(err)
	}
	_, err = j.record(ctx, key, "r"+reference)
	return err
}

func recorded(known string) flows.Recorded {
	if known == "" {
		return flows.Recorded{}
	}
	r := flows.Recorded{Started: true}
	if result, ok := strings.CutPrefix(known, "r"); ok {
		r.Result = []byte(result)
	}
	return r
}

// lookUp returns an entry of earlier attempts, "" if there is none. It reads the
// journal on its first call.
func (j *journal) lookUp(ctx context.Context, key string) (string, error) {
	if j.attempt.Number == 1 && !j.attempt.redelivered {
		return "", nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.loaded {
		if err := j.load(ctx); err != nil {
			return "", redisError("read journal", err)
		}
		j.loaded = true
		if len(j.known) > 0 {
			j.attempt.effects.Store(true)
		}
	}
	known := j.known[key]
	result, finished := strings.CutPrefix(known, "r")
	if !finished || !isReference(result) {
		return known, nil
	}
	if !strings.Contains(result, ":") {
		result += ":" + key // of an earlier version
	}
	s := j.attempt.server
	var whole string
	err := redisconn.RetryUntilDone(ctx, func() (err error) {
		whole, err = readPieces(ctx, s.redis, s.keys.journalPrefix()+j.attempt.ID, result)
		return err
	})
	if err != nil {
		return "", redisError("read journal", err)
	}
	return "r" + whole, nil
}

// load reads all entries of earlier attempts except the pieces of long results.
func (j *journal) load(ctx context.Context) error {
	const fields = 1000 // fields read in one command
	s := j.attempt.server
	name := s.keys.journalPrefix() + j.attempt.ID
	var all []string
	err := redisconn.RetryUntilDone(ctx, func() (err error) {
		all, err = s.redis.HKeys(ctx, name).Result()
		return err
	})
	if err != nil {
		return err
	}
	j.known = make(map[string]string, len(all))
	for some := range slices.Chunk(slices.DeleteFunc(all, isPiece), fields) {
		err := redisconn.RetryUntilDone(ctx, func() error {
			values, err := s.redis.HMGet(ctx, name, some...).Result()
			for i, v := range values {
				j.known[some[i]], _ = v.(string)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (j *journal) record(ctx context.Context, key, what string) (string, error) {
	j.attempt.effects.Store(true)
	known, err := j.attempt.recordEntry(ctx, key, what)
	if err != nil {
		return "", j.failed(err)
	}
	return known, nil
}

// failed returns the error for an entry that was not stored. It ends a stale attempt.
func (j *journal) failed(err error) error {
	if errors.Is(err, ErrLost) {
		j.attempt.end(ErrLost)
		return fmt.Errorf("record effect: %w", ErrLost)
	}
	return redisError("record effect", err)
}
