// Package queue delivers runs to workers and results to their callers. asynq
// transports the tasks; the run record in Redis decides what is true of a run.
//
// Files are grouped by side: client_* is used by API processes, server_* by
// workers, asynq_* adapts asynq, run_* holds what is stored, watch_* the live
// events of runs.
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

	"github.com/penstock/penstock/internal/groupcommit"
	"github.com/penstock/penstock/internal/redisconn"
)

// Config of a Client. Redis and Log are required.
type Config struct {
	Redis *redisconn.Conn
	Log   *slog.Logger

	// Shards says over how many shards each queue is spread. It must be the same in
	// all processes of the fleet. Nil: no queue is spread.
	Shards Shards

	// MaxPending is the number of runs of one flow in line, for a slot or at its
	// concurrency limits, from which on submissions of that flow get ErrFull.
	// Zero means 100,000; negative: no limit.
	MaxPending int

	// MaxAge is the longest wait in line. Synchronous submissions of a flow get
	// ErrFull while its oldest synchronous run in line has waited longer, and
	// while the next task of the queue has waited longer and no worker serves it.
	// Zero means 30 s, half of the longest wait at the front door; negative: no limit.
	MaxAge time.Duration

	// MemoryHighWater is the part of Redis' maxmemory above which submissions get
	// ErrFull: running work needs the rest to finish. Zero means 0.9; it has no
	// effect when Redis has no maxmemory.
	MemoryHighWater float64

	// History has the runs that Redis no longer has. Nil: there is none.
	History History
}

// Client is the side of API processes: it submits runs, waits for their results
// and reads records. It is safe for concurrent use. Run must be running, so that
// results whose reply was lost are found.
type Client struct {
	cfg       Config
	redis     redis.UniversalClient
	unretried redis.UniversalClient // does not retry by itself: a submission must mark a repeated call as one
	process   string                // id of this API process, which names its reply channels
	asynq     *asynq.Client

	waiters       waiters
	subscriptions subscriptions
	deliveries    deliveries
	memoryFull    atomic.Bool // Redis is over MemoryHighWater

	fetchSlots chan struct{} // semaphore of the results that are being read

	queues      sync.Map   // queue name to *queueState, added on first use
	addingQueue sync.Mutex // held while a queueState is added

	stopping context.Context
	stop     context.CancelFunc
	readers  sync.WaitGroup
}

// NewClient opens a Client. Close releases its connections.
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
		cfg.MaxAge = -time.Millisecond // the value that submit.lua takes for no limit
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

// Run does the client's periodic work until ctx ends: it polls runs whose results
// are overdue, writes delivery times, renews watches, and checks Redis' memory
// and the queues for backpressure.
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

// Close stops reading replies and closes the connections. Open tickets end with
// the contexts of their waiters.
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

// queueState is what a Client keeps for one queue: the batcher of submissions and
// the subscription to replies.
type queueState struct {
	name     string
	keys     keys
	template taskTemplate
	submit   *groupcommit.Batcher[submission]
	replies  *replyReader
	overdue  atomic.Bool // no worker serves the queue, and its next task has waited longer than MaxAge
}

// queueState returns the state of a queue. On first use it subscribes to the
// queue's replies and registers the queue with asynq.
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
	q.submit = groupcommit.New(submitFlights, submitBatch, func(items []*submission) { c.flush(q, items) })
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
