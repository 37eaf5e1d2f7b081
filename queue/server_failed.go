package queue

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/sleep"
)

// settle.lua adds each run that failed to a stream, from which the workers of the queue read
// as one consumer group. An entry is deleted after ServerConfig.Failed has handled it. A
// worker that is lost before leaves it to the group: it is read again once it has been
// with that worker for failedRetry.
const (
	failedEvery = time.Second
	failedBatch = 200
	failedLimit = 20 * time.Second // of one call of ServerConfig.Failed
	failedRetry = 30 * time.Second // more than failedLimit

	failedGroup = "workers"
	// failedConsumer is the same in all workers, so that none of them leaves a name behind.
	failedConsumer = "worker"
)

// readFailed handles failed runs until ctx ends.
func (s *Server) readFailed(ctx context.Context) {
	failing := false
	for ctx.Err() == nil {
		n, err := s.handleFailed(ctx)
		if err != nil && !failing && ctx.Err() == nil { // logged once, not every second
			s.cfg.Log.Warn("handle failed runs", "queue", s.cfg.Queue, "error", err)
		}
		if failing = err != nil; n < failedBatch {
			_ = sleep.For(ctx, failedEvery)
		}
	}
}

// handleFailed handles one batch: runs that another worker has left, otherwise new ones. It
// returns their number.
func (s *Server) handleFailed(ctx context.Context) (int, error) {
	entries, err := s.takeFailed(ctx)
	if err != nil || len(entries) == 0 {
		return 0, err
	}
	runs, ids := make([]string, len(entries)), make([]string, len(entries))
	for i, e := range entries {
		ids[i] = e.ID
		runs[i], _ = e.Values["run"].(string)
	}
	ctx, cancel := context.WithTimeout(ctx, failedLimit)
	defer cancel()
	if err := s.cfg.Failed(ctx, runs); err != nil {
		return 0, err
	}
	_, err = s.redis.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.XAck(ctx, s.keys.failed(), failedGroup, ids...)
		p.XDel(ctx, s.keys.failed(), ids...)
		return nil
	})
	if err != nil {
		return 0, redisError("delete failed runs", err)
	}
	return len(entries), nil
}

// takeFailed takes entries of the stream. It makes the group if there is none.
func (s *Server) takeFailed(ctx context.Context) ([]redis.XMessage, error) {
	pipe := s.redis.Pipeline()
	left := pipe.XAutoClaim(ctx, &redis.XAutoClaimArgs{
		Stream: s.keys.failed(), Group: failedGroup, Consumer: failedConsumer, MinIdle: failedRetry, Start: "0-0", Count: failedBatch,
	})
	fresh := pipe.XReadGroup(ctx, &redis.XReadGroupArgs{
		Streams: []string{s.keys.failed(), ">"}, Group: failedGroup, Consumer: failedConsumer, Count: failedBatch, Block: -1,
	})
	if _, err := pipe.Exec(ctx); err != nil && !isNil(err) {
		if !redis.HasErrorPrefix(err, "NOGROUP") {
			return nil, redisError("read failed runs", err)
		}
		if err := s.redis.XGroupCreateMkStream(ctx, s.keys.failed(), failedGroup, "0").Err(); err != nil && !redis.HasErrorPrefix(err, "BUSYGROUP") {
			return nil, redisError("read failed runs", err)
		}
		return nil, nil
	}
	entries, _, err := left.Result()
	if err != nil {
		return nil, redisError("read failed runs", err)
	}
	for _, stream := range fresh.Val() {
		entries = append(entries, stream.Messages...)
	}
	return entries, nil
}
