package sqs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/moduletest"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/modules/sqs/sqstest"
)

// publisher returns a function that sends messages to a queue.
func publisher(t *testing.T, server *sqstest.Server, queue string) func(t *testing.T, bodies ...string) {
	t.Helper()
	c := moduletest.Open(t, Module(), server.Settings()).(*client)
	url, err := c.queueURL(t.Context(), queue)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	return func(t *testing.T, bodies ...string) {
		t.Helper()
		for _, body := range bodies {
			in := &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &body}
			if n++; strings.HasSuffix(queue, fifoSuffix) {
				in.MessageGroupId, in.MessageDeduplicationId = aws.String("g"), aws.String(fmt.Sprint(n))
			}
			if _, err := c.api.SendMessage(t.Context(), in); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestSource(t *testing.T) {
	t.Parallel()
	for _, queue := range []string{"orders", "orders.fifo"} {
		t.Run(queue, func(t *testing.T) {
			moduletest.Test(t, func(t *testing.T) moduletest.Server {
				server := sqstest.NewServer(t)
				server.CreateQueue(queue, "", 0)
				return moduletest.Server{Module: Module(), Settings: server.Settings(), Trigger: "queue: " + queue, Publish: publisher(t, server, queue)}
			})
		})
	}
}

func TestEvent(t *testing.T) {
	t.Parallel()
	server := sqstest.NewServer(t)
	server.CreateQueue("orders.fifo", "", 0)
	c := moduletest.Open(t, Module(), server.Settings()).(*client)
	url, err := c.queueURL(t.Context(), "orders.fifo")
	if err == nil {
		_, err = c.api.SendMessage(t.Context(), &sqs.SendMessageInput{
			QueueUrl: &url, MessageBody: aws.String("{}"), MessageGroupId: aws.String("g"), MessageDeduplicationId: aws.String("d"), MessageAttributes: map[string]types.MessageAttributeValue{
				"Content-Type": attribute("text/plain"), "n": {DataType: aws.String("Number"), StringValue: aws.String("7")}, "b": {DataType: aws.String("Binary"), BinaryValue: []byte{0xff}},
			},
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	got := moduletest.NewConsumer(t, moduletest.Server{Module: Module(), Settings: server.Settings(), Trigger: "queue: " + url}).Take(1, nil)[0]
	at, _ := got.Event["sent_at"].(string)
	if _, err := time.Parse(time.RFC3339Nano, at); err != nil {
		t.Error(err)
	}
	want := map[string]any{
		"queue": "orders.fifo", "message_id": "orders.fifo-000001", "group": "g", "deduplication_id": "d", "sequence": "00000000000000000001", "sent_at": at,
		"attributes": map[string]any{"Content-Type": "text/plain", "n": "7", "b": "/w=="},
	}
	if diff := cmp.Diff(want, got.Event); diff != "" || got.Key != "orders.fifo-000001" || got.ContentType != "text/plain" || string(got.Body) != "{}" {
		t.Errorf("key %q, type %q, event (-want +got)\n%s", got.Key, got.ContentType, diff)
	}
}

// A rejected message comes again as the same run until the queue moves it to its dead letters.
func TestDeadLetters(t *testing.T) {
	t.Parallel()
	server := sqstest.NewServer(t)
	server.CreateQueue("dead", "", 0)
	server.CreateQueue("orders", "dead", 3)
	publisher(t, server, "orders")(t, "bad")
	ctx, cancel := context.WithCancel(t.Context())
	var keys []string
	err := moduletest.NewConsumer(t, moduletest.Server{Module: Module(), Settings: server.Settings(), Trigger: "queue: orders"}).Consume(ctx, func(_ context.Context, m flows.Message) error {
		keys = append(keys, m.Key)
		if m.Done(errors.New("the run failed")); len(keys) == 3 {
			go func() {
				testenv.Until(t, "the message is a dead letter", func() bool { return len(server.Bodies("dead")) == 1 })
				cancel()
			}()
		}
		return nil
	})
	if diff := cmp.Diff([]string{"orders-000001", "orders-000001", "orders-000001"}, keys); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	if len(server.Bodies("orders")) != 0 {
		t.Error("the queue has the message, too")
	}
}

// A message that came damaged is refused, and holds nothing up.
func TestADamagedMessage(t *testing.T) {
	t.Parallel()
	server := sqstest.NewServer(t)
	server.CreateQueue("orders", "", 0)
	publisher(t, server, "orders")(t, "one")
	server.Damage("orders")
	publisher(t, server, "orders")(t, "two")
	got := moduletest.NewConsumer(t, moduletest.Server{Module: Module(), Settings: server.Settings(), Trigger: "queue: orders"}).Take(2, nil)
	for _, m := range got {
		if damaged := string(m.Body) != "two"; damaged != (m.Unreadable != nil) {
			t.Errorf("%s: unreadable %v", m.Body, m.Unreadable)
		}
	}
}

// The redrive policy of the time at which a message is rejected counts, not that at which the consumer began.
func TestDeadLettersChange(t *testing.T) {
	t.Parallel()
	for _, has := range []bool{true, false} {
		server := sqstest.NewServer(t)
		server.CreateQueue("dead", "", 0)
		server.CreateQueue("orders", map[bool]string{false: "dead"}[has], 2)
		publisher(t, server, "orders")(t, "bad")
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		err := moduletest.NewConsumer(t, moduletest.Server{Module: Module(), Settings: server.Settings(), Trigger: "queue: orders"}).Consume(ctx, func(_ context.Context, m flows.Message) error {
			if n++; n == 1 {
				server.SetDeadLetters("orders", map[bool]string{true: "dead"}[has], 2)
				go func() {
					testenv.Until(t, "the queue is empty", func() bool { return len(server.Bodies("orders")) == 0 })
					cancel()
				}()
			}
			m.Done(errors.New("the run failed"))
			return nil
		})
		if dead := len(server.Bodies("dead")); err != nil || (dead == 1) != has || (n == 2) != has {
			t.Errorf("with a policy %v: %d dead letters, %d deliveries, %v", has, dead, n, err)
		}
	}
}

// A message that is held for longer than its visibility does not come again, and another consumer does not get it.
func TestVisibilityIsExtended(t *testing.T) {
	t.Parallel()
	server := sqstest.NewServer(t)
	server.CreateQueue("orders", "", 0)
	send := publisher(t, server, "orders")
	send(t, "slow")
	var deliveries []string
	ctx, cancel := context.WithCancel(t.Context())
	err := moduletest.NewConsumer(t, moduletest.Server{Module: Module(), Settings: server.Settings(), Trigger: "queue: orders\n    visibility: 3s"}).Consume(ctx, func(ctx context.Context, m flows.Message) error {
		if deliveries = append(deliveries, string(m.Body)); len(deliveries) > 1 {
			m.Done(nil)
			cancel()
			return nil
		}
		testenv.Until(t, "the visibility is extended four times", func() bool { return server.Extended("orders") >= 4 })
		m.Done(nil)
		send(t, "next")
		return nil
	})
	if diff := cmp.Diff([]string{"slow", "next"}, deliveries); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}

func TestSend(t *testing.T) {
	t.Parallel()
	server := sqstest.NewServer(t)
	server.CreateQueue("orders", "", 0)
	server.CreateQueue("orders.fifo", "", 0)
	bus := moduletest.Open(t, Module(), server.Settings())
	for i := range 2 { // the same run again
		out, err := moduletest.Run(t, Module(), bus, "sqs: orders\nconnection: bus\nattributes: {tenant: t1}\ndelivery_delay: 0s", map[string]any{"id": 7})
		if diff := cmp.Diff([]any{map[string]any{"message_id": fmt.Sprintf("orders-%06d", i+1), "sequence": nil}}, out); err != nil || diff != "" {
			t.Fatalf("%v (-want +got)\n%s", err, diff)
		}
		out, err = moduletest.Run(t, Module(), bus, "sqs: orders.fifo\nconnection: bus\ngroup: ${ .id }", map[string]any{"id": "7"})
		if diff := cmp.Diff([]any{map[string]any{"message_id": "orders.fifo-000001", "sequence": "00000000000000000001"}}, out); err != nil || diff != "" {
			t.Fatalf("%v (-want +got)\n%s", err, diff)
		}
	}
	got := moduletest.NewConsumer(t, moduletest.Server{Module: Module(), Settings: server.Settings(), Trigger: "queue: orders"}).Take(1, nil)[0]
	want := map[string]any{"tenant": "t1", keyAttribute: "run.sqs.0", typeAttribute: "application/json"}
	if diff := cmp.Diff(want, got.Event["attributes"]); diff != "" || string(got.Body) != `{"id":7}` {
		t.Errorf("%s (-want +got)\n%s", got.Body, diff)
	}
	for step, want := range map[string]string{
		"sqs: orders.fifo\nconnection: bus":                 "group: a FIFO queue needs one",
		"sqs: missing\nconnection: bus":                     `connection "bus": there is no such queue`,
		"sqs: orders\nconnection: bus\nbody: \"\"":          `connection "bus": the server answers InvalidParameterValue: The request must contain the parameter MessageBody.`,
		"sqs: orders\nconnection: bus\ndeduplication_id: a": "not valid for this queue type",
		"sqs: http://10.0.0.1:1/x/missing\nconnection: bus": "there is no such queue", // no request goes to that address
	} {
		if _, err := moduletest.Run(t, Module(), bus, step, map[string]any{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", step, err, want)
		}
	}
}

// A value of a caller is a part of the queue's name, and makes no URL.
func TestQueuesOfCallers(t *testing.T) {
	t.Parallel()
	server := sqstest.NewServer(t)
	server.CreateQueue("orders-eu", "", 0)
	bus := moduletest.Open(t, Module(), server.Settings())
	for _, test := range []struct{ queue, value, want string }{
		{"orders-${ .v }", "eu", ""}, {"orders-${ .v }", "a.fifo", "more than one level"}, {"orders${ .v }", "://x", "more than one level"}, {"orders-${ .v }", "a b", "expected a name"},
		{"${ .v }", "ftp://x/y", "expected a name"}, {"${ .v }", strings.Repeat("a", 81), "expected a name"},
	} {
		_, err := moduletest.Run(t, Module(), bus, fmt.Sprintf("sqs: %q\nconnection: bus", test.queue), map[string]any{"v": test.value})
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s of %.20q: %v, want %s", test.queue, test.value, err, test.want)
		}
	}
}

func TestConnection(t *testing.T) {
	t.Parallel()
	server := sqstest.NewServer(t)
	server.CreateQueue("orders", "", 0)
	for _, test := range []struct{ name, value, want string }{
		{"secret_access_key", "wrong-key", `connection "bus": the server refuses the access key`},
		{"access_key_id", "AKIDOTHER", `connection "bus": the server refuses the access key`},
		{"endpoint", "http://127.0.0.1:1", `connection "bus": SQS does not accept connections`},
	} {
		settings := maps.Clone(server.Settings())
		settings[test.name] = test.value
		if err := moduletest.Open(t, Module(), settings).Test(t.Context()); err == nil || err.Error() != test.want {
			t.Errorf("%s %s: %v, want %s", test.name, test.value, err, test.want)
		}
	}
	for _, test := range []struct{ name, value, want string }{
		{"region", "a.evil.example/", "region is no name"}, {"endpoint", "https://" + "a", "need each other"}, {"endpoint", "ftp://a", "endpoint is no address"},
		{"endpoint", "http://u:p@a", "endpoint is no address"}, {"endpoint", "http://a/path", "endpoint is no address"}, {"tls", "verify", "need each other"},
	} {
		settings := maps.Clone(server.Settings())
		settings[test.name] = test.value
		if _, err := open(flows.ConnectionSettings{Connection: "bus", Text: settings}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s %s: %v, want %s", test.name, test.value, err, test.want)
		}
	}
	server.Deny("ListQueues")
	if err := moduletest.Open(t, Module(), server.Settings()).Test(t.Context()); err != nil {
		t.Errorf("for a user who may not list queues: %v", err)
	}
}

// A consumer that cannot delete messages ends and says why, instead of receiving them again and again.
func TestDeletionIsDenied(t *testing.T) {
	t.Parallel()
	server := sqstest.NewServer(t)
	server.CreateQueue("orders", "", 0)
	server.Deny("DeleteMessageBatch")
	publisher(t, server, "orders")(t, "one")
	err := moduletest.NewConsumer(t, moduletest.Server{Module: Module(), Settings: server.Settings(), Trigger: "queue: orders"}).Consume(t.Context(), func(_ context.Context, m flows.Message) error {
		m.Done(nil)
		return nil
	})
	if err == nil || err.Error() != `connection "bus": the server answers AccessDeniedException: User is not authorized to perform: sqs:DeleteMessageBatch` {
		t.Error(err)
	}
}
