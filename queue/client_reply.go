package queue

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/flows"
)

const (
	replySeparator = "\x1e" // RECORD SEPARATOR, between the replies of one message

	replyFormat = "r2" // begins a reply, see lua/lib/reply.lua
	replyFields = 9    // format id state complete at started finished error output
	replyQuiet  = 30 * time.Second
	replyRetry  = 200 * time.Millisecond
)

// replyReader receives the replies of one queue for all tickets of this process,
// over one connection that is subscribed to the channel of the process.
//
// Messages that are published while the connection is lost are not received.
// Results are stored before they are published, so pollOverdue finds them: at once
// after a reconnect, and within two seconds for any ticket whose reply was lost.
type replyReader struct {
	client  *Client
	channel string
	sub     *redis.PubSub
}

func newReplyReader(c *Client, channel string) *replyReader {
	return &replyReader{client: c, channel: channel}
}

// open subscribes and returns when Redis has confirmed the subscription.
func (r *replyReader) open(ctx context.Context) error {
	if r.client.cfg.Redis.Cluster() {
		r.sub = r.client.redis.SSubscribe(ctx, r.channel) // sharded Pub/Sub: only the node of the slot carries it
	} else {
		r.sub = r.client.redis.Subscribe(ctx, r.channel)
	}
	if _, err := r.sub.Receive(ctx); err != nil {
		_ = r.sub.Close()
		return err
	}
	return nil
}

// run delivers replies until ctx ends.
func (r *replyReader) run(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() { _ = r.sub.Close() }) // ends a blocked read
	defer stop()
	for ctx.Err() == nil {
		// A quiet connection is pinged, so that a dead one is detected.
		message, err := r.sub.ReceiveTimeout(ctx, replyQuiet)
		switch m := message.(type) {
		case *redis.Message:
			r.client.receive(m.Payload)
		case *redis.Subscription:
			r.client.waiters.requestPoll() // subscribed again after a loss
		}
		if err == nil || ctx.Err() != nil {
			continue
		}
		if isTimeout(err) {
			err = r.sub.Ping(ctx)
		}
		if err != nil {
			r.client.cfg.Log.Warn("reply reader lost Redis", "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(replyRetry):
			}
		}
	}
}

func isTimeout(err error) bool {
	t, ok := err.(interface{ Timeout() bool })
	return ok && t.Timeout()
}

// receive dispatches a message on the channel of this process: events or replies.
func (c *Client) receive(text string) {
	if event, ok := strings.CutPrefix(text, eventMark); ok {
		c.subscriptions.deliver(event)
		return
	}
	for reply := range strings.SplitSeq(text, replySeparator) {
		c.deliver(reply)
	}
}

// deliver decodes a reply, see lua/lib/reply.lua, and delivers its result.
func (c *Client) deliver(reply string) {
	f := strings.SplitN(reply, specSeparator, replyFields)
	if f[0] != replyFormat || len(f) < replyFields {
		c.waiters.requestPoll() // written by another version: the result is stored, so the poll finds it
		return
	}
	if f[3] != "1" { // too large for a reply, or a flow's own answer
		c.fetchSoon(f[1])
		return
	}
	c.waiters.deliver(f[1], makeResult(State(f[2]), f[8], f[7], f[4], f[5], f[6]))
}

// fetchers is the number of results that are read at the same time.
const fetchers = 8

// fetchSoon reads a result on a goroutine of its own, so that the reader of
// replies is not delayed.
func (c *Client) fetchSoon(id string) {
	if !c.waiters.waiting(id) {
		return
	}
	c.readers.Go(func() {
		select {
		case c.fetchSlots <- struct{}{}:
			defer func() { <-c.fetchSlots }()
			c.fetch(c.stopping, id)
		case <-c.stopping.Done():
		}
	})
}

// fetch reads the result, or the early answer, of a run and delivers it.
func (c *Client) fetch(ctx context.Context, id string) {
	if !c.waiters.waiting(id) {
		return // it has been delivered
	}
	ctx, cancel := context.WithTimeout(ctx, submitWait)
	defer cancel()
	record, err := c.Record(ctx, id)
	if err != nil {
		c.cfg.Log.Warn("read result", "run_id", id, "error", err)
		return // the next poll tries again
	}
	if record.State.Terminal() || record.Early != nil {
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

// publishCommand is the Redis command that publishes a message to one shard.
func publishCommand(cluster bool) string {
	if cluster {
		return "SPUBLISH"
	}
	return "PUBLISH"
}

// maxDeliveries is the number of delivery times that a process records per second.
// Further ones are dropped, which bounds the cost for Redis: they are shown for
// single runs only, which nobody reads at such a rate.
const maxDeliveries = 256

// deliveries are the results that were delivered to callers since the last tick.
type deliveries struct {
	mu  sync.Mutex
	all []delivery // guarded by mu
}

type delivery struct {
	run string
	at  time.Time // on this process' clock
}

// MarkDelivered records that a caller has received the result of a run, now. It
// returns at once: Run stores the time within about a second. Times beyond
// maxDeliveries, and those of a process that ends before, are lost.
func (c *Client) MarkDelivered(id string) {
	now := time.Now()
	c.deliveries.mu.Lock()
	defer c.deliveries.mu.Unlock()
	if len(c.deliveries.all) < maxDeliveries {
		c.deliveries.all = append(c.deliveries.all, delivery{id, now})
	}
}

// writeDeliveries stores the recorded times, in one call for each queue. Times
// whose call fails are dropped.
func (c *Client) writeDeliveries(ctx context.Context) {
	c.deliveries.mu.Lock()
	all := c.deliveries.all
	c.deliveries.all = nil
	c.deliveries.mu.Unlock()
	if len(all) == 0 {
		return
	}
	c.queues.Range(func(_, v any) bool {
		q := v.(*queueState)
		var args []any
		for _, a := range all {
			if onQueue(a.run, q.name) {
				args = append(args, a.run, time.Since(a.at).Microseconds())
			}
		}
		if len(args) == 0 {
			return true
		}
		// Without retries: the time since delivery would be wrong in a second call.
		if err := deliveredScript.Run(ctx, c.unretried, q.keys.slot(), args...).Err(); err != nil {
			c.cfg.Log.Debug("store delivery times", "queue", q.name, "error", err)
		}
		return true
	})
}
