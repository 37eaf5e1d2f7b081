package mqtt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"
	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/moduletest"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/internal/testenv"
)

// peer connects another client to a server. got receives the messages of its subscriptions.
func peer(t *testing.T, settings map[string]string) (conn *connection, got chan *paho.Publish) {
	t.Helper()
	got = make(chan *paho.Publish, 100)
	conn, err := moduletest.Open(t, Module(), settings).(*client).connect(t.Context(), &paho.Connect{ClientID: "peer", CleanStart: true}, func(_ context.Context, p *paho.Publish) { got <- p })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.close)
	return conn, got
}

func send(t *testing.T, conn *connection, p *paho.Publish) {
	t.Helper()
	if _, err := conn.Publish(t.Context(), p); err != nil {
		t.Fatal(err)
	}
}

func settingsOf(port string) map[string]string {
	return map[string]string{"host": "127.0.0.1", "port": port, "tls": "none"}
}

func TestSource(t *testing.T) {
	t.Parallel()
	for _, keys := range []bool{true, false} {
		t.Run(fmt.Sprintf("keys %v", keys), func(t *testing.T) {
			moduletest.Test(t, func(t *testing.T) moduletest.Server {
				settings := settingsOf(testenv.Mosquitto(t, ""))
				conn, _ := peer(t, settings)
				n := 0
				return moduletest.Server{Module: Module(), Settings: settings, Trigger: "topics: orders/+", NoKeys: !keys, Publish: func(t *testing.T, bodies ...string) {
					for _, body := range bodies {
						p := &paho.Publish{QoS: 1, Topic: "orders/new", Payload: []byte(body), Properties: &paho.PublishProperties{}}
						if n++; keys {
							p.Properties.User.Add(propertyKey, fmt.Sprint(n))
						}
						send(t, conn, p)
					}
				}}
			})
		})
	}
}

func TestEvent(t *testing.T) {
	t.Parallel()
	settings := settingsOf(testenv.Mosquitto(t, ""))
	conn, _ := peer(t, settings)
	p := &paho.Publish{QoS: 2, Topic: "orders/new", Retain: true, Payload: []byte("{}"), Properties: &paho.PublishProperties{
		ContentType: "application/json", ResponseTopic: "answers", CorrelationData: []byte{0xff},
		User: paho.UserProperties{{Key: propertyKey, Value: "7"}, {Key: "a", Value: "1"}, {Key: "a", Value: "2"}, {Key: "a", Value: "3"}},
	}}
	send(t, conn, p)
	source := moduletest.NewConsumer(t, moduletest.Server{Module: Module(), Settings: settings, Trigger: "topics: orders/#"})
	got := source.Take(1, nil)[0]
	want := map[string]any{
		"topic": "orders/new", "qos": 1, "retain": true, "response_topic": "answers", "correlation_data": "/w==",
		"properties": map[string]any{propertyKey: "7", "a": []any{"1", "2", "3"}},
	}
	if diff := cmp.Diff(string(flows.EncodeJSON(want)), string(flows.EncodeJSON(got.Event))); diff != "" || got.Key != "orders/new 7" || got.ContentType != "application/json" {
		t.Errorf("key %q, type %q, event (-want +got)\n%s", got.Key, got.ContentType, diff)
	}
	// The retained message does not come again when the session is resumed; what came in between does.
	send(t, conn, &paho.Publish{QoS: 1, Topic: "orders/old", Payload: []byte("next")})
	if got := source.Take(1, nil)[0]; string(got.Body) != "next" {
		t.Errorf("got %s", got.Body)
	}
	// The flow has another topic now.
	send(t, conn, &paho.Publish{QoS: 1, Topic: "orders/old", Payload: []byte("of the earlier version")})
	send(t, conn, &paho.Publish{QoS: 1, Topic: "orders/both", Payload: []byte("of both")})
	source = moduletest.NewConsumer(t, moduletest.Server{Module: Module(), Settings: settings, Trigger: "topics: orders/both"})
	if got := source.Take(1, nil)[0]; string(got.Body) != "of both" {
		t.Errorf("got %s", got.Body)
	}
}

// A second consumer with the client id takes over, as after the loss of a lease: the first one ends and says why.
func TestTakeOver(t *testing.T) {
	t.Parallel()
	settings := settingsOf(testenv.Mosquitto(t, ""))
	conn, _ := peer(t, settings)
	server := moduletest.Server{Module: Module(), Settings: settings, Trigger: "topics: orders"}
	began, ended := make(chan bool, 1), make(chan error, 1)
	go func() {
		ended <- moduletest.NewConsumer(t, server).Consume(t.Context(), func(ctx context.Context, m flows.Message) error {
			began <- true
			<-ctx.Done() // also while a delivery blocks
			return ctx.Err()
		})
	}()
	testenv.Until(t, "the consumer has a message", func() bool {
		send(t, conn, &paho.Publish{QoS: 1, Topic: "orders", Payload: []byte("one")})
		select {
		case <-began:
			return true
		default:
			return false
		}
	})
	if got := moduletest.NewConsumer(t, server).Take(1, nil); string(got[0].Body) != "one" {
		t.Errorf("got %s", got[0].Body)
	}
	if err := testenv.Receive(t, ended, "the end of the first consumer"); err == nil {
		t.Error("the first consumer goes on")
	}
}

func TestPublish(t *testing.T) {
	t.Parallel()
	settings := settingsOf(testenv.Mosquitto(t, "allow_anonymous true\nmax_qos 2"))
	conn, got := peer(t, settings)
	if _, err := conn.Subscribe(t.Context(), &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: "orders/#", QoS: 2, RetainAsPublished: true}}}); err != nil {
		t.Fatal(err)
	}
	bus := moduletest.Open(t, Module(), settings)
	for qos := range 3 {
		out, err := moduletest.Run(t, Module(), bus, fmt.Sprintf("mqtt: orders/${ .kind }\nconnection: bus\nproperties: {tenant: t1}\nqos: %d\nretain: %v\nexpiry: 1h", qos, qos == 2), map[string]any{"kind": "new"})
		if diff := cmp.Diff([]any{map[string]any{"topic": "orders/new"}}, out); err != nil || diff != "" {
			t.Fatalf("%v (-want +got)\n%s", err, diff)
		}
		p := testenv.Receive(t, got, "the message")
		if string(p.Payload) != `{"kind":"new"}` || int(p.QoS) != qos || p.Retain != (qos == 2) || p.Properties.ContentType != "application/json" ||
			p.Properties.User.Get(propertyKey) != "run.mqtt.0" || p.Properties.User.Get("tenant") != "t1" || p.Properties.MessageExpiry == nil || *p.Properties.MessageExpiry > 3600 {
			t.Errorf("%+v", p)
		}
	}
	for _, topic := range []string{"", "a/+", "#", "a\\0b"} {
		_, err := moduletest.Run(t, Module(), bus, fmt.Sprintf("mqtt: \"%s\"\nconnection: bus", topic), nil)
		if err == nil || !strings.Contains(err.Error(), "without the wildcards") {
			t.Errorf("%q: %v", topic, err)
		}
	}
}

// A value that the server would answer by closing the connection, which all steps share, is refused before anything is sent.
func TestValuesCannotCloseTheConnection(t *testing.T) {
	t.Parallel()
	settings := settingsOf(testenv.Mosquitto(t, ""))
	bus := moduletest.Open(t, Module(), settings)
	run := func(step string, value any) error {
		_, err := moduletest.Run(t, Module(), bus, step+"\nconnection: bus", map[string]any{"v": value})
		return err
	}
	if err := run("mqtt: a/${ .v }", "ä\u202ex"); err != nil {
		t.Fatal(err)
	}
	conn, err := bus.(*client).shared(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{"\x00", "\x01", "\a", "\r\n", "\u0085", "\ufdd0", "\ufffe", "\U0001ffff", strings.Repeat("a", 65536)} {
		for _, step := range []string{"mqtt: ${ .v }", "mqtt: a/${ .v }", "mqtt: a\nproperties: {p: \"${ .v }\"}"} {
			var refused *flows.Error
			if err := run(step, value); !errors.As(err, &refused) || refused.Code != flows.CodeStepFailed || refused.Class != flows.Class("") || strings.Contains(refused.Message, "server") {
				t.Errorf("%s %.10q: %v", step, value, err)
			}
		}
	}
	for value, want := range map[string]string{
		"7/x": "more than one level", "+": "more than one level", "": "is empty",
	} {
		if err := run("mqtt: sites/${ .v }/setpoint", value); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", value, err, want)
		}
	}
	for value, want := range map[string]string{"$CONTROL/dynamic-security/v1": "is reserved", strings.Repeat("/", 200): "200 levels"} {
		if err := run("mqtt: ${ .v }", value); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.50q: %v, want %s", value, err, want)
		}
	}
	if err := run("mqtt: ${ .v }", strings.Repeat("/", 199)); err != nil {
		t.Errorf("200 levels: %v", err)
	}
	if now, err := bus.(*client).shared(t.Context()); err != nil || now != conn || conn.session.isEnded() {
		t.Errorf("the connection is another one: %v", err)
	}
}

// A server with TLS, a login, limits, and a user who may use one topic only.
func TestServerRefuses(t *testing.T) {
	t.Parallel()
	cert := testenv.NewCertificate(t)
	dir := filepath.Dir(cert.CertFile)
	tool, err := exec.LookPath("mosquitto_passwd")
	if err != nil {
		t.Skip("mosquitto_passwd is not installed")
	}
	if out, err := exec.CommandContext(t.Context(), tool, "-b", "-c", filepath.Join(dir, "users"), "ann", "right").CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, "acl"), []byte("user ann\ntopic readwrite orders/#\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	port := testenv.Mosquitto(t, fmt.Sprintf("certfile %s\nkeyfile %s\npassword_file %s/users\nacl_file %s/acl\nmax_qos 1\nretain_available false\nmax_packet_size 1000", cert.CertFile, cert.KeyFile, dir, dir))
	settings := map[string]string{"host": "127.0.0.1", "port": port, "ca": cert.PEM, "username": "ann", "password": "right"}
	bus := moduletest.Open(t, Module(), settings)
	if err := bus.Test(t.Context()); err != nil {
		t.Fatal(err)
	}
	for step, want := range map[string]string{
		"mqtt: news\nconnection: bus":                                         "0x87: the user may not do that",
		"mqtt: orders/1\nconnection: bus\nqos: 2":                             "does not support it: cannot send Publish with QoS 2",
		"mqtt: orders/1\nconnection: bus\nretain: true":                       "does not support it: cannot send Publish with retain flag",
		"mqtt: orders/1\nconnection: bus\nbody: " + strings.Repeat("x", 2000): "larger than",
	} {
		if _, err := moduletest.Run(t, Module(), bus, step, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want %s", step, err, want)
		}
	}
	testenv.Until(t, "a message is sent after refusals", func() bool { // Mosquitto 2.0 closes the connection some time after one
		_, err := moduletest.Run(t, Module(), bus, "mqtt: orders/1\nconnection: bus", nil)
		return err == nil
	})
	for _, change := range []struct{ name, value, want string }{
		{"password", "wrong-password", "the server refuses the login"},
		{"ca", testenv.NewCertificate(t).PEM, "the MQTT server has a certificate that is not trusted"},
		{"port", "1", "the MQTT server does not accept connections"},
	} {
		changed := map[string]string{}
		for name, value := range settings {
			changed[name] = value
		}
		changed[change.name] = change.value
		if err := moduletest.Open(t, Module(), changed).Test(t.Context()); err == nil || err.Error() != `connection "bus": `+change.want {
			t.Errorf("with another %s: %v", change.name, err)
		}
	}
}

func TestTopics(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		filter, topic string
		want          bool
	}{
		{"a/b", "a/b", true}, {"a/b", "a", false}, {"a", "a/b", false}, {"a/+", "a/b", true}, {"a/+", "a/b/c", false}, {"a/+", "a", false}, {"a/#", "a", true}, {"a/#", "a/b/c", true},
		{"#", "a/b", true}, {"#", "$SYS/a", false}, {"+/a", "$SYS/a", false}, {"$SYS/#", "$SYS/a", true}, {"+/+", "/a", true}, {"$share/g/a/+", "a/b", true}, {"$share/g/a/+", "b/b", false},
	} {
		if got := matches(test.filter, test.topic); got != test.want || !isFilter(test.filter) {
			t.Errorf("%s has %s: %v", test.filter, test.topic, got)
		}
	}
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"ret/#", "ret/a", true}, {"#", "#", true}, {"a/#", "a", true}, {"a/+", "+/b", true}, {"a/+/c", "a/b/+", true}, {"$share/g/a", "a", true}, {"+/+", "a/#", true},
		{"a", "b", false}, {"a/+", "a", false}, {"a/b", "a/b/c", false}, {"#", "$SYS/a", false}, {"a/+/c", "a/+/d", false}, {"$SYS/#", "$SYS/a", true},
	} {
		if overlap(test.a, test.b) != test.want || overlap(test.b, test.a) != test.want {
			t.Errorf("%s and %s have topics in common: want %v", test.a, test.b, test.want)
		}
	}
	if _, err := flows.Parse("flow.yaml", []byte("flow: 1\ntrigger: {mqtt: {connection: bus, topics: [ret/#, ret/a]}}\nsteps: [{transform: .}]\n"), steps.Catalogue().Add(Module())); err == nil || !strings.Contains(err.Error(), "have topics in common") {
		t.Errorf("filters that overlap: %v", err)
	}
	for _, filter := range []string{"", "a#", "a/#/b", "a+/b", "a\x00"} {
		if isFilter(filter) {
			t.Errorf("%q is a filter", filter)
		}
	}
}

// A session is resumed that has as many messages in flight as it may, more behind them, and gets others: they come in
// their order.
func TestBacklog(t *testing.T) {
	t.Parallel()
	settings := settingsOf(testenv.Mosquitto(t, ""))
	conn, _ := peer(t, settings)
	source := moduletest.NewConsumer(t, moduletest.Server{Module: Module(), Settings: settings, Trigger: "topics: orders"})
	send(t, conn, &paho.Publish{QoS: 1, Retain: true, Topic: "orders", Payload: []byte("first")})
	source.Take(1, nil)
	var want, got []string
	for i := range 600 {
		want = append(want, fmt.Sprint(i))
	}
	sendAll := func(bodies []string) {
		for _, body := range bodies {
			send(t, conn, &paho.Publish{QoS: 1, Topic: "orders", Payload: []byte(body)})
		}
	}
	sendAll(want[:300])
	held := make(chan *paho.Publish, 1000)
	lost, err := moduletest.Open(t, Module(), settings).(*client).connect(t.Context(), (&consumer{expiry: time.Hour}).hello(&client{id: "penstock"}, flows.Subscription{Flow: 7, InFlight: 100}),
		func(_ context.Context, p *paho.Publish) { held <- p })
	if err != nil {
		t.Fatal(err)
	}
	for range 100 { // as many as may be in flight: the server sends no more
		testenv.Receive(t, held, "a message")
	}
	lost.TerminateConnectionForTest()
	var sending sync.WaitGroup
	defer sending.Wait()
	sending.Go(func() { sendAll(want[300:]) })
	for _, m := range source.Take(len(want), nil) {
		got = append(got, string(m.Body))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Acknowledgements are sent in the order of the messages.
func TestAcknowledgementsAreInOrder(t *testing.T) {
	t.Parallel()
	settings := settingsOf(testenv.Mosquitto(t, ""))
	conn, _ := peer(t, settings)
	source := moduletest.NewConsumer(t, moduletest.Server{Module: Module(), Settings: settings, Trigger: "topics: orders"})
	send(t, conn, &paho.Publish{QoS: 1, Retain: true, Topic: "orders", Payload: []byte("zero")})
	source.Take(1, errors.New("the run failed"))
	for _, body := range []string{"one", "two", "three", "four"} {
		send(t, conn, &paho.Publish{QoS: 1, Topic: "orders", Payload: []byte(body)})
	}
	ctx, cancel := context.WithCancel(t.Context())
	held := map[string]flows.Message{}
	err := source.Consume(ctx, func(_ context.Context, m flows.Message) error {
		if held[string(m.Body)] = m; len(held) == 4 {
			held["four"].Done(nil)
			held["two"].Done(nil)
			held["one"].Done(nil) // and two with it
			cancel()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var again []string
	for _, m := range source.Take(2, nil) {
		again = append(again, string(m.Body))
	}
	if diff := cmp.Diff([]string{"three", "four"}, again); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
