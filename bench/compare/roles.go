package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/hibiken/asynq"

	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/worker"
)

const (
	queueName = "default"
	flowLimit = 20 * time.Second
)

// process is the environment of a role.
type process struct {
	redis *redisconn.Conn
	slots int
	flow  *flows.Flow
	flows productFlows
	env   flows.Env
	log   *slog.Logger
}

// productFlows provides flows to the product's front door and worker.
type productFlows interface {
	runner.Flows
	worker.Versions
}

// oneFlow returns the sample flow for every number.
type oneFlow struct{ flow *flows.Flow }

func (f oneFlow) Find(string) (*flows.Flow, bool)                             { return f.flow, true }
func (f oneFlow) Version(context.Context, int64, string) (*flows.Flow, error) { return f.flow, nil }

// serveRole is the main function of a child.
func serveRole(role string) error {
	signal.Ignore(os.Interrupt) // the parent decides when to stop
	conn, err := redisconn.Parse(os.Getenv(redisVariable))
	if err != nil {
		return err
	}
	slots, err := strconv.Atoi(os.Getenv(slotsVariable))
	if err != nil {
		return fmt.Errorf("read slots: %w", err)
	}
	work, err := workloadNamed(os.Getenv(workloadVariable))
	if err != nil {
		return err
	}
	flow, err := work.flow()
	if err != nil {
		return err
	}
	env, err := environment(os.Getenv(targetVariable))
	if err != nil {
		return err
	}
	p := &process{redis: conn, slots: slots, flow: flow, flows: oneFlow{flow}, env: env, log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	name, argument, _ := strings.Cut(role, ":")
	if plain, stored := strings.CutPrefix(name, "stored-"); stored {
		s, err := openStore(context.Background(), conn.Client())
		if err != nil {
			return err
		}
		name, p.flows = plain, s.Flows()
	}
	switch name {
	case "raw-worker":
		return p.rawWorker(argument == "flow")
	case "asynq-worker":
		text, queue, _ := strings.Cut(argument, ":")
		interval, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("read interval: %w", err)
		}
		return p.asynqWorker(interval, queue)
	case "penstock-worker":
		return p.penstockWorker()
	case "door":
		return p.door(argument)
	case "target":
		return target()
	}
	return fmt.Errorf("unknown role")
}

// execute executes the workload's flow on an event.
func (p *process) execute(ctx context.Context, event []byte) ([]byte, error) {
	value, err := flows.DecodeJSON(event)
	if err != nil {
		return nil, err
	}
	output, err := p.flow.Execute(ctx, flows.Run{Event: value, Attempt: 1}, p.env)
	if err != nil {
		return nil, err
	}
	return flows.EncodeJSON(output), nil
}

// gcPercent is the product's own setting, see app; the others use Go's default.
const gcPercent = 400

func (p *process) penstockWorker() error {
	debug.SetGCPercent(gcPercent)
	w, err := worker.New(worker.Config{
		Redis: p.redis, Log: p.log, Versions: p.flows, Queues: map[string]int{queueName: 1}, Slots: p.slots,
		Retention: 10 * time.Second, Env: p.env,
	})
	if err != nil {
		return err
	}
	defer w.Close()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	serving("")
	cancel()
	return <-done
}

// rawQueue is a LIST of "<reply list> <payload>"; replies are pushed to lists.
const rawQueue = "compare:raw"

// rawWorker is Redis' own hand-off: it pops a payload and pushes the reply, with or without executing the flow.
func (p *process) rawWorker(run bool) error {
	pop, push := p.redis.Blocking(time.Second, nil), p.redis.Client()
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		for ctx.Err() == nil {
			v, err := pop.BRPop(ctx, time.Second, rawQueue).Result()
			if err != nil {
				continue
			}
			reply, payload, _ := strings.Cut(v[1], " ")
			if run {
				output, err := p.execute(ctx, []byte(payload))
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
				}
				payload = string(output)
			}
			push.LPush(ctx, reply, payload)
		}
	}()
	serving("")
	cancel()
	return nil
}

// asynqWorker uses asynq as documented, with a polling interval and its own queue; results are sent by PUBLISH.
func (p *process) asynqWorker(interval time.Duration, queue string) error {
	client := p.redis.Client()
	server := asynq.NewServerFromRedisClient(client, asynq.Config{
		Concurrency: p.slots, Queues: map[string]int{queue: 1}, TaskCheckInterval: interval, LogLevel: asynq.ErrorLevel,
	})
	err := server.Start(asynq.HandlerFunc(func(ctx context.Context, t *asynq.Task) error {
		door, event, _ := strings.Cut(string(t.Payload()), " ")
		output, err := p.execute(ctx, []byte(event))
		if err != nil {
			return err
		}
		id, _ := asynq.GetTaskID(ctx)
		return client.Publish(ctx, door, id+" "+string(output)).Err()
	}))
	if err != nil {
		return err
	}
	serving("")
	server.Shutdown()
	return nil
}

// listen serves a handler on a free loopback port until the parent closes standard input.
func listen(h http.Handler) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(l) }()
	serving("http://" + l.Addr().String())
	return server.Close()
}
