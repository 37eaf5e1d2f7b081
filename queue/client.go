// Package queue brings runs to workers and results back to who waits for
// them: asynq delivers, the run record is the truth.
package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/redisconn"
)

// What Client answers, besides errors of the connection.
var (
	ErrReplayed    = errors.New("queue: this request was seen before")
	ErrMismatch    = errors.New("queue: the same idempotency key came with another payload")
	ErrFull        = errors.New("queue: too much work is waiting")
	ErrUnavailable = errors.New("queue: Redis does not answer")
	ErrNotFound    = errors.New("queue: no such run")
	ErrGone        = errors.New("queue: the run's record is gone, and it is not known whether it ran")
)

// Config of a Client. Redis and Log are required.
type Config struct {
	Redis *redisconn.Conn
	Log   *slog.Logger

	// Shards are the queues that are spread; the same in all processes.
	Shards Shards

	// MaxPending refuses submissions of a flow (ErrFull) while this many of its
	// runs stand in line, for a slot or at its concurrency limits. Default 100,000; negative: no limit.
	MaxPending int

	// MaxAge refuses submissions of a flow that somebody waits for (ErrFull) while the
	// first of its own that stands in line has waited longer than this, and
	// while no worker is there. Default 30 s, half of the
	// longest wait at the front door; negative: no limit.
	MaxAge time.Duration

	// MemoryHighWater refuses submissions (ErrFull) while Redis uses more than
	// this part of its maxmemory. Running work needs the rest to finish.
	// Default 0.9; ignored when Redis has no maxmemory.
	MemoryHighWater float64
}

// Client is the door's side of the queue: it submits runs, waits for their
// results and looks runs up. Safe for concurrent use. Run must be running for
// results to arrive promptly.
type Client struct {
	cfg       Config
	redis     redis.UniversalClient
	unretried redis.UniversalClient // repeats nothing by itself: submissions tell a repetition from a first call
	process   string                // names this process' reply streams
	asynq     *asynq.Client

	waiters       waiters
	subscriptions subscriptions
	deliveries    deliveries
	memoryFull    atomic.Bool // Redis is over its high-water mark

	fetchSlots chan struct{} // one for each result that is being read

	queues      sync.Map   // queue name to *lane, added on first use
	addingQueue sync.Mutex // held while a lane is made

	stopping context.Context
	stop     context.CancelFunc
	readers  sync.WaitGroup
}

// NewClient opens a Client. Close releases it.
func NewClient(cfg Config) (*Client, error) {
	if cfg.Redis == nil || cfg.Log == nil {
		return nil, fmt.Errorf("queue client: Redis and Log are required")
	}
	if cfg.MaxPending == 0 {
		cfg.MaxPending = 100_000
	}
	cfg.MaxPending = max(cfg.MaxPending, -1)
	if cfg.MaxAge == 0 {
		cfg.MaxAge = 30 * time.Second
	}
	if cfg.MaxAge < 0 {
		cfg.MaxAge = -time.Millisecond // as submit.lua says it
	}
	if cfg.MemoryHighWater == 0 {
		cfg.MemoryHighWater = 0.9
	}
	c := &Client{
		cfg:       cfg,
		redis:     cfg.Redis.Client(),
		unretried: cfg.Redis.NoRetry(),
		process:   uuid.NewString(),
	}
	c.waiters.init()
	c.fetchSlots = make(chan struct{}, fetchers)
	c.stopping, c.stop = context.WithCancel(context.Background())
	c.asynq = asynq.NewClientFromRedisClient(&enqueuer{UniversalClient: c.redis})
	return c, nil
}

// Run keeps the client's view of Redis up to date until ctx ends: it re-reads
// runs whose results are overdue and watches Redis' memory.
func (c *Client) Run(ctx context.Context) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.waiters.pollNow:
			c.pollOverdue(ctx)
		case <-tick.C:
			c.pollOverdue(ctx)
			c.writeDeliveries(ctx)
			c.renewWatches(ctx)
			c.checkMemory(ctx)
			c.checkQueues(ctx)
		}
	}
}

// Close stops reading replies. Waiters that are left end with their contexts.
func (c *Client) Close() error {
	c.stop()
	c.readers.Wait()
	return errors.Join(c.unretried.Close(), c.redis.Close())
}

// Ping reports whether Redis answers.
func (c *Client) Ping(ctx context.Context) error {
	if err := c.redis.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return nil
}

// lane is what a Client keeps for one queue: the batches of submissions going
// out and the stream of replies coming back.
type queueState struct {
	name     string
	keys     keys
	template taskTemplate
	submit   *batcher[submission]
	replies  *replyReader
	overdue  atomic.Bool // no worker is there, and the next task has waited too long
}

// lane returns the lane of a queue, and makes it, with its reply stream, on
// first use.
func (c *Client) queueState(ctx context.Context, queue string) (*queueState, error) {
	if q, ok := c.queues.Load(queue); ok {
		return q.(*queueState), nil
	}
	c.addingQueue.Lock()
	defer c.addingQueue.Unlock()
	if q, ok := c.queues.Load(queue); ok {
		return q.(*queueState), nil
	}
	q := &queueState{name: queue, keys: keysOf(queue)}
	q.submit = newBatcher(submitFlights, submitBatch, func(items []*submission) { c.flush(q, items) })
	q.replies = newReplyReader(c, q.keys.replyPrefix()+c.process)
	if err := c.openQueue(ctx, q); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	c.readers.Go(func() { q.replies.run(c.stopping) })
	c.queues.Store(queue, q)
	return q, nil
}

func (c *Client) openQueue(ctx context.Context, q *queueState) (err error) {
	if err := loadScripts(ctx, c.redis); err != nil {
		return err
	}
	if q.template, err = newTaskTemplate(ctx, c.asynq, q.name); err != nil {
		return err
	}
	if err := c.redis.SAdd(ctx, asynqQueues, q.name).Err(); err != nil {
		return err
	}
	return q.replies.open(ctx)
}
