package amqp

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/moduletest"
	"github.com/penstock/penstock/internal/testenv"
)

// server starts a server with the queue orders, and returns the settings of a connection and a channel.
func server(t *testing.T, port string) (map[string]string, *amqp.Channel) {
	t.Helper()
	conn, err := amqp.Dial("amqp://guest:guest@127.0.0.1:" + port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	if err := ch.Confirm(false); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string]amqp.Table{"dead": nil, "orders": {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}} {
		_, _ = ch.QueueDelete(name, false, false, false)
		if _, err := ch.QueueDeclare(name, true, false, false, false, args); err != nil {
			t.Fatal(err)
		}
	}
	return map[string]string{"host": "127.0.0.1", "port": port, "tls": "none", "username": "guest", "password": "guest"}, ch
}

func send(t *testing.T, ch *amqp.Channel, m amqp.Publishing) {
	t.Helper()
	confirmation, err := ch.PublishWithDeferredConfirm("", "orders", true, false, m)
	if err == nil {
		_, err = confirmation.WaitContext(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestServer(t *testing.T) {
	t.Parallel()
	port := testenv.RabbitMQ(t)
	t.Run("source", func(t *testing.T) {
		n := 0
		moduletest.Test(t, func(t *testing.T) moduletest.Server {
			settings, ch := server(t, port)
			return moduletest.Server{Module: Module(), Settings: settings, Trigger: "queue: orders", Publish: func(t *testing.T, bodies ...string) {
				for _, body := range bodies {
					n++
					send(t, ch, amqp.Publishing{MessageId: fmt.Sprint(n), Body: []byte(body)})
				}
			}}
		})
	})
	t.Run("dead letters", func(t *testing.T) { testDeadLetters(t, port) })
	t.Run("publish", func(t *testing.T) { testPublish(t, port) })
	t.Run("values", func(t *testing.T) { testValues(t, port) })
	t.Run("failures", func(t *testing.T) { testFailures(t, port) })
}

func testDeadLetters(t *testing.T, port string) {
	settings, ch := server(t, port)
	source := moduletest.NewConsumer(t, moduletest.Server{Module: Module(), Settings: settings, Trigger: "queue: orders"})
	send(t, ch, amqp.Publishing{Body: []byte("bad"), Headers: amqp.Table{"n": int32(7), "t": amqp.Table{"a": []any{true, "x"}}}})
	got := source.Take(1, fmt.Errorf("the run failed"))[0]
	want := map[string]any{
		"queue": "orders", "exchange": "", "routing_key": "orders", "message_id": nil, "correlation_id": nil, "reply_to": nil, "type": nil, "timestamp": nil,
		"headers": map[string]any{"n": 7, "t": map[string]any{"a": []any{true, "x"}}},
	}
	if diff := cmp.Diff(string(flows.EncodeJSON(want)), string(flows.EncodeJSON(got.Event))); diff != "" || got.Key != "" {
		t.Errorf("key %q, event (-want +got)\n%s", got.Key, diff)
	}
	for {
		d, ok, err := ch.Get("dead", true)
		if err != nil || t.Context().Err() != nil {
			t.Fatal(err)
		}
		if ok {
			if string(d.Body) != "bad" {
				t.Errorf("the dead letter is %s", d.Body)
			}
			return
		}
	}
}

func testPublish(t *testing.T, port string) {
	settings, ch := server(t, port)
	bus := moduletest.Open(t, Module(), settings)
	for range 2 { // the second one has the channel of the first
		out, err := moduletest.Run(t, Module(), bus, "amqp: orders\nconnection: bus\nheaders: {tenant: t1}", map[string]any{"id": 7})
		if diff := cmp.Diff([]any{map[string]any{"message_id": "run.amqp.0"}}, out); err != nil || diff != "" {
			t.Fatalf("%v (-want +got)\n%s", err, diff)
		}
		d, ok, err := ch.Get("orders", true)
		if !ok || err != nil || string(d.Body) != `{"id":7}` || d.MessageId != "run.amqp.0" || d.ContentType != "application/json" || d.Headers["tenant"] != "t1" || d.DeliveryMode != amqp.Persistent {
			t.Errorf("%v %v %+v", ok, err, d)
		}
	}
	_, err := moduletest.Run(t, Module(), bus, "amqp: nowhere\nconnection: bus", nil)
	if err == nil || !strings.Contains(err.Error(), "no queue gets the message: NO_ROUTE") {
		t.Errorf("to no queue: %v", err)
	}
	if _, err = moduletest.Run(t, Module(), bus, "amqp: nowhere\nconnection: bus\nunroutable: drop", nil); err != nil {
		t.Errorf("to no queue, dropped: %v", err)
	}
	_, err = moduletest.Run(t, Module(), bus, "amqp: a\nexchange: missing\nconnection: bus", nil)
	if err == nil || !strings.Contains(err.Error(), "no exchange 'missing'") {
		t.Errorf("to no exchange: %v", err)
	}
	if _, err = moduletest.Run(t, Module(), bus, "amqp: orders\nconnection: bus", "after it"); err != nil {
		t.Errorf("after a channel was closed: %v", err)
	}
}

// A value of a caller is one word of a routing key, and does not end the connection that all steps share.
func testValues(t *testing.T, port string) {
	settings, _ := server(t, port)
	bus := moduletest.Open(t, Module(), settings)
	run := func(key, value string) error {
		_, err := moduletest.Run(t, Module(), bus, fmt.Sprintf("amqp: %q\nconnection: bus", key), map[string]any{"v": value})
		return err
	}
	if err := run("${ .v }", "orders"); err != nil {
		t.Fatal(err)
	}
	conn := bus.(*client).conn
	for _, test := range []struct{ key, value, want string }{
		{"a.${ .v }", "b.c", "more than one level"}, {"a.${ .v }", "#", "more than one level"}, {"a.${ .v }", "", "is empty"},
		{"${ .v }", strings.Repeat("a", 256), "it has 256 bytes; 255 are allowed"}, {"a.${ .v }", strings.Repeat("a", 300), "it has 302 bytes"},
	} {
		if err := run(test.key, test.value); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s of %.20q: %v, want %s", test.key, test.value, err, test.want)
		}
	}
	if err := run("${ .v }", strings.Repeat("a", 255)); err == nil || !strings.Contains(err.Error(), "no queue gets the message") {
		t.Errorf("255 bytes: %v", err)
	}
	if err := run("ord${ .v }", "ers"); err != nil || bus.(*client).conn != conn {
		t.Errorf("the connection is another one: %v", err)
	}
}

func testFailures(t *testing.T, port string) {
	settings, _ := server(t, port)
	settings["password"] = "wrong-password"
	if err := moduletest.Open(t, Module(), settings).Test(t.Context()); err == nil || err.Error() != `connection "bus": the server refuses the login` {
		t.Errorf("with a wrong password: %v", err)
	}
	settings["password"], settings["vhost"] = "guest", "other"
	if err := moduletest.Open(t, Module(), settings).Test(t.Context()); err == nil || !strings.Contains(err.Error(), "virtual host") && !strings.Contains(err.Error(), "vhost") {
		t.Errorf("with a wrong virtual host: %v", err)
	}
	settings["vhost"], settings["port"] = "/", "1"
	if err := moduletest.Open(t, Module(), settings).Test(t.Context()); err == nil || err.Error() != `connection "bus": the AMQP server does not accept connections` {
		t.Errorf("with a wrong port: %v", err)
	}
}
