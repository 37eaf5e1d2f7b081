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
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/modules/sqs/sqstest"
)

// server is a server of messages.
type server struct {
	connection string // to it, as JSON
	trigger    string // its beginning, in YAML
	send       func(from, to int)
	settled    func(workers int) // waits until so many workers consume, where they must not be killed before
}

// atOnce is for servers whose workers can be killed at any time.
func atOnce(int) {}

const topicPartitions = 4

func kafkaServer(t *testing.T) server {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(topicPartitions, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	producer, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(producer.Close)
	return server{fmt.Sprintf(`{"type": "kafka", "settings": {"brokers": %q, "tls": "none"}}`, c.ListenAddrs()[0]), "kafka: {connection: bus, topics: orders", func(from, to int) {
		for i := from; i < to; i++ {
			if err := producer.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Key: fmt.Append(nil, i), Value: fmt.Appendf(nil, `{"n":%d}`, i)}).FirstErr(); err != nil {
				t.Error(err)
			}
		}
	}, groupSettled(t, producer)}
}

// groupSettled waits until the consumer group has so many members, other ones than before, that have all partitions. kfake never gives up a member whose
// connection is closed while it joins, as Kafka does after the session timeout.
func groupSettled(t *testing.T, client *kgo.Client) func(workers int) {
	known := map[string]bool{}
	return func(workers int) {
		testenv.Until(t, "the consumer group has settled", func() bool {
			request := kmsg.NewPtrDescribeGroupsRequest()
			request.Groups = []string{"penstock-7"}
			answer, err := request.RequestWith(t.Context(), client)
			if err != nil || len(answer.Groups) != 1 || answer.Groups[0].State != "Stable" || len(answer.Groups[0].Members) != workers {
				return false
			}
			members, others, partitions := map[string]bool{}, false, 0
			for _, m := range answer.Groups[0].Members {
				var has kmsg.ConsumerMemberAssignment
				if err := has.ReadFrom(m.MemberAssignment); err != nil || len(has.Topics) == 0 {
					return false // a cooperative rebalance has a second part
				}
				partitions += len(has.Topics[0].Partitions)
				members[m.MemberID] = true
				others = others || !known[m.MemberID]
			}
			others = others && partitions == topicPartitions
			if others {
				known = members
			}
			return others
		})
	}
}

func amqpServer(t *testing.T) server {
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
	connection := fmt.Sprintf(`{"type": "amqp", "settings": {"host": "127.0.0.1", "port": %s, "tls": "none", "username": "guest", "password": "guest"}}`, port)
	return server{connection, "amqp: {connection: bus, queue: orders", func(from, to int) {
		for i := from; i < to; i++ {
			c, err := ch.PublishWithDeferredConfirm("", "orders", true, false, amqp.Publishing{MessageId: fmt.Sprint(i), DeliveryMode: amqp.Persistent, Body: fmt.Appendf(nil, `{"n":%d}`, i)})
			if err == nil {
				_, err = c.WaitContext(t.Context())
			}
			if err != nil {
				t.Error(err)
			}
		}
	}, atOnce}
}

func natsServer(t *testing.T) server {
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
	return server{fmt.Sprintf(`{"type": "nats", "settings": {"servers": %q, "tls": "none"}}`, address), "nats: {connection: bus, stream: ORDERS", func(from, to int) {
		for i := from; i < to; i++ {
			if _, err := js.Publish(t.Context(), "orders", fmt.Appendf(nil, `{"n":%d}`, i)); err != nil {
				t.Error(err)
			}
		}
	}, atOnce}
}

func mqttServer(t *testing.T) server {
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
	connection := fmt.Sprintf(`{"type": "mqtt", "settings": {"host": "127.0.0.1", "port": %s, "tls": "none"}}`, port)
	return server{connection, "mqtt: {connection: bus, topics: orders", func(from, to int) {
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
	}, atOnce}
}

func sqsServer(t *testing.T) server {
	fake := sqstest.NewServer(t)
	fake.CreateQueue("orders", "", 0)
	settings, err := json.Marshal(fake.Settings())
	if err != nil {
		t.Fatal(err)
	}
	return server{fmt.Sprintf(`{"type": "sqs", "settings": %s}`, settings), "sqs: {connection: bus, queue: orders, visibility: 10s", func(from, to int) {
		for i := from; i < to; i++ {
			fake.Send("orders", fmt.Sprintf(`{"n":%d}`, i))
		}
	}, atOnce}
}
