package probe

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/connect"
	"github.com/penstock/penstock/store"
)

// mostAsked is the number of questions that a process asks at once: each holds a connection to Redis.
const mostAsked = 4

// Client asks workers. Safe for concurrent use.
type Client struct {
	redis   redis.UniversalClient
	sealer  Sealer
	workers func(context.Context) (int, error)
	places  chan struct{}
}

// NewClient returns a Client. workers returns the number of live workers of any version. The Redis client is not closed.
func NewClient(client redis.UniversalClient, sealer Sealer, workers func(context.Context) (int, error)) *Client {
	return &Client{client, sealer, workers, make(chan struct{}, mostAsked)}
}

// Test lets a worker test a connection, as connect.Resolver.Test does, and names that worker in what it returns. The error says what is
// wrong, also that no worker can test it, and has no secret.
func (c *Client) Test(ctx context.Context, name, target string) (string, error) {
	a, err := c.ask(ctx, &content{Connection: name, Target: target})
	if err != nil {
		return "", err
	}
	return a.Said + ", asked by worker " + a.Worker, nil
}

// Redeem lets a worker exchange an authorization code for a refresh token, as connect.Resolver.Redeem does. The error has no secret.
func (c *Client) Redeem(ctx context.Context, of *store.Connection, k connect.Consent, code string) (refreshToken string, err error) {
	a, err := c.ask(ctx, &content{Connection: of.Name, Version: of.Version, Consent: k, Code: code})
	if err != nil {
		return "", err
	}
	return a.Token, nil
}

// ask publishes a question and waits for its answer.
func (c *Client) ask(ctx context.Context, about *content) (*answer, error) {
	select {
	case c.places <- struct{}{}:
		defer func() { <-c.places }()
	default:
		return nil, fmt.Errorf("%d connections are being tested at this moment: try again", mostAsked)
	}
	limit := limitOf(ctx)
	q := question{ID: rand.Text(), Limit: limit.Milliseconds()}
	var err error
	if q.Sealed, err = sealJSON(c.sealer, recordOfQuestion(q.ID), about); err != nil {
		return nil, err
	}
	receivers, err := publish(ctx, c.redis, &q)
	if err != nil {
		return nil, away(err)
	}
	if receivers == 0 {
		return nil, c.nobody(ctx)
	}
	// The worker has its own limit: it answers shortly after it at the latest.
	reply, err := c.redis.BLPop(context.WithoutCancel(ctx), limit+time.Second, keyAnswer(q.ID)).Result()
	switch {
	case errors.Is(err, redis.Nil):
		return nil, c.unanswered(ctx, q.ID)
	case err != nil:
		return nil, away(err)
	}
	var a answer
	if err := unsealJSON(c.sealer, recordOfAnswer(q.ID), reply[1], &a); err != nil {
		return nil, fmt.Errorf("read the answer of a worker: %w", err)
	}
	if a.Failed != "" {
		return nil, fmt.Errorf("%s (asked by worker %s)", a.Failed, a.Worker)
	}
	return &a, nil
}

// nobody says why a question has no receiver.
func (c *Client) nobody(ctx context.Context) error {
	n, err := c.workers(ctx)
	switch {
	case err != nil:
		return away(err)
	case n == 0:
		return errors.New("no worker is running: connections are tested where runs are executed; start one with penstock worker")
	}
	return errors.New("the running workers are of an earlier version, which cannot test connections: update them")
}

// unanswered says why a question has no answer.
func (c *Client) unanswered(ctx context.Context, id string) error {
	worker, err := c.redis.Get(context.WithoutCancel(ctx), keyTaken(id)).Result()
	if err != nil {
		return errors.New("no worker has taken the test: they are busy with others; try again")
	}
	return fmt.Errorf("worker %s has taken the test and has not answered in time: it may have ended; try again", worker)
}
