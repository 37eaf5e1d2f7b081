package queue

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const tellBatch = 128

// listen hears which runs are watched, until ctx ends.
func (s *Server) listen(ctx context.Context) {
	subscribe := s.redis.Subscribe
	if s.cfg.Redis.Cluster() {
		subscribe = s.redis.SSubscribe
	}
	sub := subscribe(ctx, s.keys.watch())
	stop := context.AfterFunc(ctx, func() { _ = sub.Close() }) // ends a blocked read
	defer stop()
	for ctx.Err() == nil {
		message, err := sub.ReceiveTimeout(ctx, replyQuiet)
		if m, ok := message.(*redis.Message); ok {
			s.heed(m.Payload)
		}
		if isTimeout(err) {
			s.watched.prune()
			err = sub.Ping(ctx)
		}
		if err != nil && ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-time.After(replyRetry):
			}
		}
	}
}

// heed reads a door's wish to watch runs, see Client.ask.
func (s *Server) heed(message string) {
	door, ids, _ := strings.Cut(message, ",")
	s.watched.prune()
	for id := range strings.SplitSeq(ids, ",") {
		s.watched.ask(id, door)
	}
	for _, a := range s.held.all() {
		if s.watched.behind(a.ID, door, a.Number) {
			s.catchUp(a, door)
		}
	}
}

// spread publishes what is told, until ctx ends.
func (s *Server) spread(ctx context.Context) {
	for {
		var batch []told
		select {
		case <-ctx.Done():
			return
		case t := <-s.watched.out:
			batch = append(batch, t)
		}
		for len(batch) < tellBatch && len(s.watched.out) > 0 {
			batch = append(batch, <-s.watched.out)
		}
		if err := s.publishEvents(ctx, batch); err != nil && ctx.Err() == nil {
			s.cfg.Log.Warn("tell events", "count", len(batch), "error", err)
		}
	}
}

func (s *Server) publishEvents(ctx context.Context, batch []told) error {
	pipe := s.redis.Pipeline()
	for _, t := range batch {
		e := t.event
		text := eventMark + strings.Join([]string{t.run, strconv.Itoa(e.Attempt), strconv.Itoa(e.Number), e.Kind, string(e.Data)}, specSeparator)
		if s.cfg.Redis.Cluster() {
			pipe.SPublish(ctx, s.keys.replyPrefix()+t.door, text)
		} else {
			pipe.Publish(ctx, s.keys.replyPrefix()+t.door, text)
		}
	}
	_, err := pipe.Exec(ctx)
	return err
}
