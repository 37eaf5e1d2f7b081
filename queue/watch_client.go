package queue

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"sync"
)

// Event is something that happened to a run while somebody watched it.
type Event struct {
	Attempt int
	Number  int    // counts the events of an attempt that are repeated to who comes late, from 1; 0: it is not among them
	Kind    string // "state", or what the worker calls it
	Data    json.RawMessage
}

// EventState is the kind of an event whose Data is the run's new state.
const EventState = "state"

const (
	eventMark   = "\x1e" // begins an event on a door's channel, where replies begin with a run's id
	eventFields = 5      // id attempt number kind data
	watchBuffer = 256    // events that may wait for a slow reader
)

// Watch follows what happens to one run. Nothing of it is stored: workers tell
// it to the doors that ask, for as long as they ask.
type Watch struct {
	client *Client
	queue  *queueState
	id     string
	events chan Event // closed when the reader is too slow
}

// Watch follows a run until it is closed. What the attempt that executes it
// has done so far comes first; the run's end is told by a Ticket of Attach,
// not here. Errors: ErrNotFound, ErrUnavailable.
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

// Events returns the channel of what happens. It is closed when its reader
// falls behind; then watching again tells what was missed.
func (w *Watch) Events() <-chan Event { return w.events }

// Close stops watching.
func (w *Watch) Close() { w.client.subscriptions.remove(w) }

// ask tells all workers of a queue which runs this door watches. It is said
// again every second; workers forget it after a few.
func (c *Client) sendWatch(ctx context.Context, q *queueState, ids []string) error {
	message := c.process + "," + strings.Join(ids, ",")
	if c.cfg.Redis.Cluster() {
		return c.redis.SPublish(ctx, q.keys.watch(), message).Err()
	}
	return c.redis.Publish(ctx, q.keys.watch(), message).Err()
}

// askAgain does it for everything that is watched.
func (c *Client) renewWatches(ctx context.Context) {
	for q, ids := range c.subscriptions.all() {
		if err := c.sendWatch(ctx, q, ids); err != nil {
			c.cfg.Log.Warn("watch runs", "error", err)
		}
	}
}

// watches are the watches of one process by run id.
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

// deliver hands an event, as watched.tell writes it, to who watches the run.
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
