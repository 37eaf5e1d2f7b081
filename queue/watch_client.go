package queue

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"sync"
)

// Event is a change of a run that is sent to its watchers. Events are not stored.
type Event struct {
	Attempt int
	Number  int    // position among the events of the attempt that a later watcher also receives, from 1; 0: the event is not repeated
	Kind    string // EventState, or a kind that the worker defines
	Data    json.RawMessage
}

// EventState is the kind of an event whose Data is the run's new state.
const EventState = "state"

const (
	eventMark   = "\x1e" // first byte of an event on the channel of an API process; replies begin with replyFormat
	eventFields = 5      // id attempt number kind data
	watchBuffer = 256    // events buffered for a slow reader
)

// Watch receives the events of one run. Workers publish events to the API
// processes that have subscribed to the run, and store none.
type Watch struct {
	client *Client
	queue  *queueState
	id     string
	events chan Event // closed when its buffer is full
}

// Watch subscribes to the events of a run until the Watch is closed. The events
// of the current attempt so far come first. The end of the run is not an event:
// a Ticket of Attach reports it. Errors: ErrNotFound, ErrUnavailable.
func (c *Client) Watch(ctx context.Context, id string) (*Watch, error) {
	queues, err := c.queuesOf(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, queue := range queues {
		q, err := c.queueState(ctx, queue)
		if err != nil {
			return nil, err
		}
		n, err := c.redis.Exists(ctx, q.keys.runPrefix()+id).Result()
		if err != nil {
			return nil, redisError("watch run", err)
		}
		if n == 0 {
			continue
		}
		w := &Watch{client: c, queue: q, id: id, events: make(chan Event, watchBuffer)}
		c.subscriptions.add(w)
		if err := c.sendWatch(ctx, q, []string{id}); err != nil {
			w.Close()
			return nil, redisError("watch run", err)
		}
		return w, nil
	}
	return nil, ErrNotFound
}

// Events returns the channel of the run's events. It is closed when the reader
// falls behind; a new Watch repeats the events that were missed.
func (w *Watch) Events() <-chan Event { return w.events }

// Close ends the subscription.
func (w *Watch) Close() { w.client.subscriptions.remove(w) }

// sendWatch tells all workers of a queue which runs this API process watches.
// Run renews it every second; workers drop a subscription after watchTTL.
func (c *Client) sendWatch(ctx context.Context, q *queueState, ids []string) error {
	message := c.process + "," + strings.Join(ids, ",")
	if c.cfg.Redis.Cluster() {
		return c.redis.SPublish(ctx, q.keys.watch(), message).Err()
	}
	return c.redis.Publish(ctx, q.keys.watch(), message).Err()
}

// renewWatches sends all current watches again.
func (c *Client) renewWatches(ctx context.Context) {
	for q, ids := range c.subscriptions.all() {
		if err := c.sendWatch(ctx, q, ids); err != nil {
			c.cfg.Log.Warn("watch runs", "error", err)
		}
	}
}

// subscriptions are the open watches of this process, by run id.
type subscriptions struct {
	mu    sync.Mutex
	byRun map[string][]*Watch // guarded by mu
}

func (ws *subscriptions) add(w *Watch) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.byRun == nil {
		ws.byRun = map[string][]*Watch{}
	}
	ws.byRun[w.id] = append(ws.byRun[w.id], w)
}

func (ws *subscriptions) remove(w *Watch) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.removeLocked(w)
}

func (ws *subscriptions) removeLocked(w *Watch) {
	var left []*Watch
	for _, other := range ws.byRun[w.id] {
		if other != w {
			left = append(left, other)
		}
	}
	if len(left) == 0 {
		delete(ws.byRun, w.id)
	} else {
		ws.byRun[w.id] = left
	}
}

// deliver decodes an event, as Server.publishBatch writes it, and sends it to the
// watches of its run.
func (ws *subscriptions) deliver(text string) {
	f := strings.SplitN(text, specSeparator, eventFields)
	if len(f) < eventFields {
		return
	}
	e := Event{Kind: f[3], Data: json.RawMessage(f[4])}
	e.Attempt, _ = strconv.Atoi(f[1])
	e.Number, _ = strconv.Atoi(f[2])
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for _, w := range ws.byRun[f[0]] {
		select {
		case w.events <- e:
		default:
			ws.removeLocked(w)
			close(w.events)
		}
	}
}

func (ws *subscriptions) all() map[*queueState][]string {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	out := map[*queueState][]string{}
	for id, all := range ws.byRun {
		out[all[0].queue] = append(out[all[0].queue], id)
	}
	return out
}
