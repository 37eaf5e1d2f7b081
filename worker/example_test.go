package worker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/internal/embedded"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/worker"
)

// oneVersion implements worker.Versions with a single flow.
type oneVersion struct{ flow *flows.Flow }

func (v oneVersion) Version(context.Context, int64, string) (*flows.Flow, error) { return v.flow, nil }

// A worker executes a run that a client has submitted, and the client gets its output.
func ExampleWorker() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	log := slog.New(slog.DiscardHandler)
	server, err := embedded.Start(embedded.Config{Log: log})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	redis, err := redisconn.Parse(server.URL())
	if err != nil {
		fmt.Println(err)
		return
	}
	flow, err := flows.Parse("hello.yaml", []byte("flow: 1\ntrigger: webhook\nsteps: [{set: {message: \"Hello, ${ .name }\"}}]\n"), steps.Catalogue())
	if err != nil {
		fmt.Println(err)
		return
	}
	w, err := worker.New(worker.Config{
		Redis: redis, Log: log, Versions: oneVersion{flow}, Queues: map[string]int{"default": 1}, Block: 100 * time.Millisecond,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer w.Close()
	client, err := queue.NewClient(queue.Config{Redis: redis, Log: log})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	ended := make(chan error, 2)
	go func() { ended <- client.Run(ctx) }()
	go func() { ended <- w.Run(ctx) }()
	defer func() { stop(); <-ended; <-ended }()

	submission := queue.SubmissionOf(flow)
	submission.Event, submission.Sync, submission.Accepted = json.RawMessage(`{"name":"Ada"}`), true, time.Now()
	ticket, err := client.Submit(ctx, submission)
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := ticket.Wait(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.State, string(result.Output))
	// Output: succeeded [{"message":"Hello, Ada"}]
}
