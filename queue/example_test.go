package queue_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/penstock/penstock/internal/embedded"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/queue"
)

// A submitted run is stored in Redis: it waits in its queue until a worker executes it.
func ExampleClient_Submit() {
	ctx, log := context.Background(), slog.New(slog.DiscardHandler)
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
	client, err := queue.NewClient(queue.Config{Redis: redis, Log: log})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	ticket, err := client.Submit(ctx, queue.Submission{Spec: queue.Spec{
		Flow: 69, Version: "3f9a", Queue: "default", Limit: time.Minute, Accepted: time.Now(), Event: json.RawMessage(`{"name":"Ada"}`),
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	ticket.Close() // the result is not needed
	record, err := client.Record(ctx, ticket.RunID())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(record.State, string(record.Event))
	// Output: queued {"name":"Ada"}
}
