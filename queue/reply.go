package queue

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"penstock/flows"
)

const (
	replyBlock = 2 * time.Second  // one blocking read
	replyCount = 512              // replies taken in one read
	replyTTL   = 60 * time.Second // of a reply stream after its process' last sign of life
	replyTidy  = 5 * time.Second  // between signs of life, which also drop what was read
	replyRetry = 200 * time.Millisecond
)

// replyReader is responsible for the results of one queue: one connection,
// blocked on this process' reply stream, for all who wait.
//
// The stream keeps what was sent while a connection was lost, so a reconnect
// loses nothing; what a failover loses is found by recheck.
type replyReader struct {
	client   *Client
	stream   string
	blocking redis.UniversalClient
	last     string // id of the last reply read; owned by run
	tidied   time.Time
}

func newReplyReader(c *Client, stream string) *replyReader {
	return &replyReader{client: c, stream: stream, blocking: c.cfg.Redis.Blocking(replyBlock, nil), last: "0"}
}

// create makes the stream: replies go only to streams that exist, so that the
// results for a process that is gone take no memory.
func (r *replyReader) create(ctx context.Context) error {
	pipe := r.client.redis.Pipeline()
	pipe.XAdd(ctx, &redis.XAddArgs{Stream: r.stream, Values: []any{"id", ""}})
	pipe.PExpire(ctx, r.stream, replyTTL)
	_, err := pipe.Exec(ctx)
	return err
}

// run delivers replies until ctx ends.
func (r *replyReader) run(ctx context.Context) {
	defer context.AfterFunc(ctx, func() { r.blocking.Close() })() // ends a blocked read
	for ctx.Err() == nil {
		r.tidy(ctx)
		streams, err := r.blocking.XRead(ctx, &redis.XReadArgs{
			Streams: []string{r.stream, r.last}, Count: replyCount, Block: replyBlock,
		}).Result()
		switch {
		case err == nil:
			for _, m := range streams[0].Messages {
				r.last = m.ID
				r.client.deliver(m.Values)
			}
		case errors.Is(err, redis.Nil):
		case ctx.Err() == nil:
			r.client.cfg.Log.Warn("reply reader lost Redis", "error", err)
			r.client.waiters.nudge()
			r.tidied = time.Time{} // a Redis that lost its memory lost the stream
			select {
			case <-ctx.Done():
			case <-time.After(replyRetry):
			}
		}
	}
}

// tidy shows that this process lives and drops the replies it has read.
func (r *replyReader) tidy(ctx context.Context) {
	if time.Since(r.tidied) < replyTidy {
		return
	}
	pipe := r.client.redis.Pipeline()
	pipe.XTrimMinID(ctx, r.stream, r.last)
	alive := pipe.PExpire(ctx, r.stream, replyTTL)
	if _, err := pipe.Exec(ctx); err != nil {
		return
	}
	if !alive.Val() {
		if r.create(ctx) != nil {
			return
		}
		r.last = "0"
		r.client.waiters.nudge()
	}
	r.tidied = time.Now()
}

// deliver turns the fields of a reply into a result.
func (c *Client) deliver(fields map[string]any) {
	get := func(name string) string { s, _ := fields[name].(string); return s }
	id := get("id")
	if id == "" {
		return
	}
	if get("whole") != "1" { // too large for a reply
		c.fetch(context.Background(), id)
		return
	}
	c.waiters.deliver(id, makeResult(State(get("state")), get("output"), get("error"), get("at"), get("started"), get("finished")))
}

// fetch reads the result of a run that has ended and delivers it.
func (c *Client) fetch(ctx context.Context, id string) {
	if !c.waiters.waiting(id) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, submitWait)
	defer cancel()
	record, err := c.Record(ctx, id)
	if err != nil {
		c.cfg.Log.Warn("read result", "run_id", id, "error", err)
		return // recheck tries again
	}
	if record.State.Terminal() {
		c.waiters.deliver(id, record.Result)
	}
}

func makeResult(state State, output, failure, at, started, finished string) Result {
	r := Result{State: state, Times: Times{Accepted: micros(at), Started: micros(started), Finished: micros(finished)}}
	if output != "" {
		r.Output = json.RawMessage(output)
	}
	if failure != "" {
		r.Error = &flows.Error{}
		if err := json.Unmarshal([]byte(failure), r.Error); err != nil {
			r.Error = &flows.Error{Code: flows.CodeInternal, Message: "the run's error could not be read"}
		}
	}
	return r
}

// micros reads unix microseconds; empty is the zero time.
func micros(s string) time.Time {
	us, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMicro(us)
}
