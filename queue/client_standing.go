package queue

import (
	"context"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Standing is what a run waits for that no worker executes, apart from what its steps wait for.
type Standing struct {
	For   string // one of the constants below; empty: nothing of the kind
	Ahead int64  // number of runs that come before it; negative: not known
}

// What a run may wait for.
const (
	StandsForQueue = "queue" // the queue is paused
	StandsForSlot  = "slot"  // a slot of a worker, as one of the next of its queue
	StandsForTurn  = "turn"  // the turn of its flow
	StandsForPlace = "place" // a place at a concurrency limit
	StandsForPause = "pause" // the end of the pause of its flow
)

// Standing returns what a run waits for. It costs two round trips. Errors: ErrUnavailable.
func (c *Client) Standing(ctx context.Context, r *Record) (Standing, error) {
	k, s := keysOf(r.shard), Standing{Ahead: -1}
	if r.State != Queued && r.State != Waiting {
		return s, nil
	}
	pipe := c.redis.Pipeline()
	paused := pipe.Exists(ctx, k.paused())
	task := taskID(r.ID, max(1, r.fence)) // absent before the first attempt
	group := pipe.HGet(ctx, k.taskPrefix()+task, "group")
	gates := pipe.HMGet(ctx, k.runPrefix()+r.ID, "gated", "gates")
	_, line := k.pausedFlow(r.Flow)
	held := pipe.ZRank(ctx, line, r.ID)
	if _, err := pipe.Exec(ctx); err != nil && !isNil(err) {
		return s, redisError("read what a run waits for", err)
	}
	var rank *redis.IntCmd
	pipe = c.redis.Pipeline()
	switch limited, hashes := texts(gates.Val()); {
	case r.State == Queued && paused.Val() > 0:
		s.For = StandsForQueue
	case r.State == Queued && group.Val() == "":
		s.For = StandsForSlot
	case r.State == Queued:
		s.For, rank = StandsForTurn, pipe.ZRank(ctx, k.groupPrefix()+group.Val(), task)
	case r.Collects != nil:
	case limited != "" && hashes != "":
		last := hashes[strings.LastIndexByte(hashes, ',')+1:]
		s.For, rank = StandsForPlace, pipe.ZRank(ctx, k.gateLine(last), r.ID)
	case held.Err() == nil:
		s.For, s.Ahead = StandsForPause, held.Val()
	}
	if rank == nil {
		return s, nil
	}
	if _, err := pipe.Exec(ctx); err != nil && !isNil(err) {
		return s, redisError("read line of run", err)
	}
	if rank.Err() == nil { // else it has left the line meanwhile
		s.Ahead = rank.Val()
	}
	return s, nil
}

// texts returns two values of a hash; empty: absent.
func texts(values []any) (first, second string) {
	if len(values) == 2 {
		first, _ = values[0].(string)
		second, _ = values[1].(string)
	}
	return first, second
}
