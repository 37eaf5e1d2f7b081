package kafka

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/moduletest"
)

// cluster starts a cluster with the topic orders.
func cluster(t *testing.T, partitions int32) (addresses []string) {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c.ListenAddrs()
}

func TestSource(t *testing.T) {
	t.Parallel()
	moduletest.Test(t, func(t *testing.T) moduletest.Server {
		addresses := cluster(t, 1)
		producer, err := kgo.NewClient(kgo.SeedBrokers(addresses...))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(producer.Close)
		return moduletest.Server{
			Module: Module(), Settings: map[string]string{"brokers": addresses[0], "tls": "none"}, Trigger: "topics: orders",
			Publish: func(t *testing.T, bodies ...string) {
				for _, body := range bodies {
					if err := producer.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: []byte(body)}).FirstErr(); err != nil {
						t.Fatal(err)
					}
				}
			},
		}
	})
}

func TestPublish(t *testing.T) {
	t.Parallel()
	addresses := cluster(t, 3)
	bus := moduletest.Open(t, Module(), map[string]string{"brokers": addresses[0], "tls": "none"})
	out, err := moduletest.Run(t, Module(), bus, `
kafka: "${ .to }"
connection: bus
key: ${ .id }
body: {order: "${ .id }"}
headers: {tenant: t1}`, map[string]any{"to": "orders", "id": "7"})
	if err != nil {
		t.Fatal(err)
	}
	reader, err := kgo.NewClient(kgo.SeedBrokers(addresses...), kgo.ConsumeTopics("orders"))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	r := reader.PollRecords(t.Context(), 1).Records()[0]
	headers := map[string]string{}
	for _, h := range r.Headers {
		headers[h.Key] = string(h.Value)
	}
	if string(r.Value) != `{"order":"7"}` || string(r.Key) != "7" || headers["tenant"] != "t1" || headers[keyHeader] != "run.kafka.0" || headers["content-type"] != "application/json" {
		t.Errorf("key %s value %s headers %v", r.Key, r.Value, headers)
	}
	want := map[string]any{"topic": "orders", "partition": int(r.Partition), "offset": 0}
	if diff := cmp.Diff([]any{want}, out); diff != "" {
		t.Errorf("output (-want +got)\n%s", diff)
	}
}

// A topic that Kafka would not take is a mistake that is said before anything is sent.
func TestTopicsOfCallers(t *testing.T) {
	t.Parallel()
	bus := moduletest.Open(t, Module(), map[string]string{"brokers": "127.0.0.1:1", "tls": "none"}) // nothing is there
	for _, test := range []struct{ topic, value, want string }{
		{"orders.${ .v }", "a.b", "more than one level"}, {"orders.${ .v }", "a/b", "at most 249 letters"}, {"orders.${ .v }", "", "is empty"}, {"orders.${ .v }", strings.Repeat("a", 249), "at most 249"},
		{"${ .v }", "__consumer_offsets", "is reserved"}, {"${ .v }", "..", "at most 249"}, {"a b", "", "at most 249"},
	} {
		var refused *flows.Error
		_, err := moduletest.Run(t, Module(), bus, fmt.Sprintf("kafka: %q\nconnection: bus", test.topic), map[string]any{"v": test.value})
		if !errors.As(err, &refused) || !strings.Contains(refused.Message, test.want) || refused.Class != flows.Class("") {
			t.Errorf("%s of %.20q: %v, want %s", test.topic, test.value, err, test.want)
		}
	}
	if err := moduletest.Check(Module(), "kafka: orders\nconnection: bus"); err != nil {
		t.Error(err)
	}
}

func TestPublishFails(t *testing.T) {
	t.Parallel()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser("PLAIN", "ann", "right"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	settings := map[string]string{"brokers": c.ListenAddrs()[0], "tls": "none", "mechanism": "plain", "username": "ann", "password": "wrong-password"}
	if err := moduletest.Open(t, Module(), settings).Test(t.Context()); err == nil || strings.Contains(err.Error(), "wrong-password") { // kfake closes the connection, Kafka answers
		t.Errorf("with a wrong password: %v", err)
	}
	settings["password"] = "right"
	if err := moduletest.Open(t, Module(), settings).Test(t.Context()); err != nil {
		t.Error(err)
	}
}
