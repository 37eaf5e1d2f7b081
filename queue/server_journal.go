package queue

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/redisconn"
)

// Journal returns the journal of the run's effects. Its writes require the fence of
// this attempt.
func (a *Attempt) Journal() flows.Journal { return &journal{attempt: a} }

// perCall is the largest part of a result in one command, in bytes, because Redis
// serves nobody else meanwhile. A longer result is stored in pieces, followed by
// their number as the result, "r#3". No JSON value begins with #.
const perCall = 256 << 10

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
	n := 0
	for piece := range slices.Chunk(result, perCall) {
		if _, err := j.record(ctx, pieceKey(key, n), "p"+string(piece)); err != nil {
			return err
		}
		n++
	}
	_, err := j.record(ctx, key, "r#"+strconv.Itoa(n))
	return err
}

// pieceKey returns the field of a piece of a result. No other key contains a #.
func pieceKey(key string, n int) string { return key + "#" + strconv.Itoa(n) }

func isPiece(key string) bool { return strings.Contains(key, "#") }

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
	number, pieces := strings.CutPrefix(known, "r#")
	if !pieces {
		return known, nil
	}
	n, err := strconv.Atoi(number)
	if err != nil {
		return "", fmt.Errorf("read journal: %w", err)
	}
	return j.joined(ctx, key, n)
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

// joined reads a result that was stored in n pieces.
func (j *journal) joined(ctx context.Context, key string, n int) (string, error) {
	s := j.attempt.server
	var result strings.Builder
	result.WriteByte('r')
	for i := range n {
		err := redisconn.RetryUntilDone(ctx, func() error {
			piece, err := s.redis.HGet(ctx, s.keys.journalPrefix()+j.attempt.ID, pieceKey(key, i)).Result()
			if err == nil {
				result.WriteString(piece[1:])
			}
			return err
		})
		if err != nil {
			return "", redisError("read journal", err)
		}
	}
	return result.String(), nil
}

func (j *journal) record(ctx context.Context, key, what string) (string, error) {
	a := j.attempt
	a.effects.Store(true)
	var known string
	err := redisconn.RetryUntilDone(ctx, func() (err error) {
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
