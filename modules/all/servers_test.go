package main

import (
	"encoding/json"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/modules/sqs/sqstest"
)

// Each of these functions starts a server, and returns a connection to it as JSON, the beginning of a trigger, and a function that sends messages with
// numbers.

func kafkaServer(t *testing.T) (connection, trigger string, send func(from, to int)) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(4, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	producer, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(producer.Close)
	return fmt.Sprintf(`{"type": "kafka", "settings": {"brokers": %q, "tls": "none"}}`, c.ListenAddrs()[0]), "kafka: {connection: bus, topics: orders", func(from, to int) {
		for i := from; i < to; i++ {
			if err := producer.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Key: fmt.Append(nil, i), Value: fmt.Appendf(nil, `{"n":%d}`, i)}).FirstErr(); err != nil {
				t.Error(err)
			}
		}
	}
}

func amqpServer(t *testing.T) (connection, trigger string, send func(from, to int)) {
	port := testenv.RabbitMQ(t)
	conn, err := amqp.Dial("amqp://guest:guest@127.0.0.1:" + port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	ch, err := conn.Channel()
	if err == nil {
		_, err = ch.QueueDeclare("orders", true, false, false, false, nil)
	}
	if err == nil {
		err = ch.Confirm(false)
	}
	if err != nil {
		t.Fatal(err)
	}
	connection = fmt.Sprintf(`{"type": "amqp", "settings": {"host": "127.0.0.1", "port": %s, "tls": "none", "username": "guest", "password": "guest"}}`, port)
	return connection, "amqp: {connection: bus, queue: orders", func(from, to int) {
		for i := from; i < to; i++ {
			c, err := ch.PublishWithDeferredConfirm("", "orders", true, false, amqp.Publishing{MessageId: fmt.Sprint(i), DeliveryMode: amqp.Persistent, Body: fmt.Appendf(nil, `{"n":%d}`, i)})
			if err == nil {
				_, err = c.WaitContext(t.Context())
			}
			if err != nil {
				t.Error(err)
			}
		}
	}
}

func natsServer(t *testing.T) (connection, trigger string, send func(from, to int)) {
	address := "127.0.0.1:" + testenv.NATS(t, "")
	conn, err := nats.Connect("nats://" + address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err == nil {
		_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders"}})
	}
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"type": "nats", "settings": {"servers": %q, "tls": "none"}}`, address), "nats: {connection: bus, stream: ORDERS", func(from, to int) {
		for i := from; i < to; i++ {
			if _, err := js.Publish(t.Context(), "orders", fmt.Appendf(nil, `{"n":%d}`, i)); err != nil {
				t.Error(err)
			}
		}
	}
}

func mqttServer(t *testing.T) (connection, trigger string, send func(from, to int)) {
	port := testenv.Mosquitto(t, "")
	conn, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	client := paho.NewClient(paho.ClientConfig{Conn: conn})
	if _, err := client.Connect(t.Context(), &paho.Connect{ClientID: "sender", CleanStart: true, KeepAlive: 30}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(&paho.Disconnect{}) })
	connection = fmt.Sprintf(`{"type": "mqtt", "settings": {"host": "127.0.0.1", "port": %s, "tls": "none"}}`, port)
	return connection, "mqtt: {connection: bus, topics: orders", func(from, to int) {
		for i := from; i < to; {
			p := &paho.Publish{QoS: 1, Topic: "orders", Payload: fmt.Appendf(nil, `{"n":%d}`, i), Properties: &paho.PublishProperties{}}
			p.Properties.User.Add("idempotency-key", fmt.Sprint(i))
			answer, err := client.Publish(t.Context(), p)
			switch {
			case err != nil:
				t.Error(err)
				return
			case answer.ReasonCode == packets.PubackNoMatchingSubscribers: // no worker has subscribed yet, and the server keeps nothing
				time.Sleep(20 * time.Millisecond) // another process subscribes
			default:
				i++
			}
		}
	}
}

func sqsServer(t *testing.T) (connection, trigger string, send func(from, to int)) {
	server := sqstest.NewServer(t)
	server.CreateQueue("orders", "", 0)
	settings, err := json.Marshal(server.Settings())
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"type": "sqs", "settings": %s}`, settings), "sqs: {connection: bus, queue: orders, visibility: 10s", func(from, to int) {
		for i := from; i < to; i++ {
			server.Send("orders", fmt.Sprintf(`{"n":%d}`, i))
		}
	}
}
