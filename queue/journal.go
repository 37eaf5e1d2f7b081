package queue

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"penstock/flows"
	"penstock/internal/redisconn"
)

// Journal returns the record of the run's effects, written through this
// attempt's fence.
func (a *Attempt) Journal() flows.Journal { return &journal{attempt: a} }

// journal implements flows.Journal. A first attempt has nothing to look up,
// and an effect that may be repeated needs no record of its start: only a once
// effect costs a call before it.
type journal struct {
	attempt *Attempt

	mu     sync.Mutex
	known  map[string]string // guarded by mu; what earlier attempts recorded
	loaded bool              // guarded by mu
}

func (j *journal) Start(ctx context.Context, key string, effect flows.Effect) (flows.Recorded, error) {
	known, err := j.lookUp(ctx, key)
	if err != nil || known != "" || effect != flows.Once {
		return recorded(known), err
	}
	// A start that is repeated, because its answer was lost, finds itself.
	mine := "s" + rand.Text()
	if known, err = j.record(ctx, key, mine); known == mine {
		known = ""
	}
	return recorded(known), err
}

func (j *journal) Finish(ctx context.Context, key string, result []byte) error {
	_, err := j.record(ctx, key, "r"+string(result))
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

// lookUp reads the journal once, when there may be one.
func (j *journal) lookUp(ctx context.Context, key string) (string, error) {
	if j.attempt.Number == 1 && !j.attempt.resumed {
		return "", nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.loaded {
		s := j.attempt.server
		var all map[string]string
		err := redisconn.Insist(ctx, func() (err error) {
			all, err = s.redis.HGetAll(ctx, s.keys.journalPrefix()+j.attempt.ID).Result()
			return err
		})
		if err != nil {
			return "", redisError("read journal", err)
		}
		j.known, j.loaded = all, true
		if len(all) > 0 {
			j.attempt.effects.Store(true)
		}
	}
	return j.known[key], nil
}

func (j *journal) record(ctx context.Context, key, what string) (string, error) {
	a := j.attempt
	a.effects.Store(true)
	var known string
	err := redisconn.Insist(ctx, func() (err error) {
		known, err = journalScript.Run(ctx, a.server.redis, a.server.keys.slot(), a.ID, a.Number, key, what).Text()
		return err
	})
	if errors.Is(err, redis.Nil) {
		a.end(ErrLost)
		return "", fmt.Errorf("record effect: %w", ErrLost)
	}
	if err != nil {
		return "", redisError("record effect", err)
	}
	return known, nil
}
