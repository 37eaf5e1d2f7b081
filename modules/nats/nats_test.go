package nats

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/moduletest"
	"github.com/penstock/penstock/internal/testenv"
)

// streamOf connects to a server and makes its stream ORDERS anew.
func streamOf(t *testing.T, port string) (map[string]string, *nats.Conn, jetstream.JetStream) {
	t.Helper()
	conn, err := nats.Connect("nats://127.0.0.1:" + port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteStream(t.Context(), "ORDERS"); err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}}); err != nil {
		t.Fatal(err)
	}
	return map[string]string{"servers": "127.0.0.1:" + port, "tls": "none"}, conn, js
}

func TestServer(t *testing.T) {
	t.Parallel()
	port := testenv.NATS(t, "")
	t.Run("source", func(t *testing.T) {
		moduletest.Test(t, func(t *testing.T) moduletest.Server {
			settings, _, js := streamOf(t, port)
			return moduletest.Server{Module: Module(), Settings: settings, Trigger: "stream: ORDERS", Publish: func(t *testing.T, bodies ...string) {
				for _, body := range bodies {
					if _, err := js.Publish(t.Context(), "orders.new", []byte(body)); err != nil {
						t.Fatal(err)
					}
				}
			}}
		})
	})
	t.Run("event", func(t *testing.T) { testEvent(t, port) })
	t.Run("rejection", func(t *testing.T) { testRejection(t, port) })
	t.Run("in progress", func(t *testing.T) { testInProgress(t, port) })
	t.Run("consumer", func(t *testing.T) { testConsumer(t, port) })
	t.Run("publish", func(t *testing.T) { testPublish(t, port) })
	t.Run("answers", func(t *testing.T) { testAnswers(t, port) })
	t.Run("values", func(t *testing.T) { testValues(t, port) })
	t.Run("core", func(t *testing.T) { testCore(t, port) })
	t.Run("failures", func(t *testing.T) { testFailures(t, port) })
}

func testEvent(t *testing.T, port string) {
	settings, _, js := streamOf(t, port)
	m := nats.NewMsg("orders.new")
	m.Header = nats.Header{"content-type": {"text/plain"}, "X": {"a", "b"}, "Y": {"c"}}
	m.Data = []byte("{}")
	if _, err := js.PublishMsg(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "orders.old", nil); err != nil {
		t.Fatal(err)
	}
	got := moduletest.NewConsumer(t, moduletest.Server{Module: Module(), Settings: settings, Trigger: "stream: ORDERS\n    subject: orders.new"}).Take(1, nil)[0]
	at, ok := got.Event["timestamp"].(string)
	if _, err := time.Parse(time.RFC3339Nano, at); !ok || err != nil {
		t.Errorf("timestamp %v", got.Event["timestamp"])
	}
	want := map[string]any{
		"stream": "ORDERS", "subject": "orders.new", "sequence": 1, "timestamp": at,
		"headers": map[string]any{"content-type": "text/plain", "X": []any{"a", "b"}, "Y": "c"},
	}
	if diff := cmp.Diff(string(flows.EncodeJSON(want)), string(flows.EncodeJSON(got.Event))); diff != "" || got.ContentType != "text/plain" || got.Key != "ORDERS 1 "+at {
		t.Errorf("key %q, type %q, event (-want +got)\n%s", got.Key, got.ContentType, diff)
	}
}

// The server tells that a rejected message is terminated, and not that it was delivered too often.
func testRejection(t *testing.T, port string) {
	settings, conn, js := streamOf(t, port)
	told, err := conn.SubscribeSync("$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.ORDERS.penstock-7")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "orders.new", []byte("bad")); err != nil {
		t.Fatal(err)
	}
	moduletest.NewConsumer(t, moduletest.Server{Module: Module(), Settings: settings, Trigger: "stream: ORDERS"}).Take(1, errors.New("the run failed"))
	if _, err := told.NextMsg(30 * time.Second); err != nil {
		t.Error(err)
	}
}

// A message that is held for longer than the server waits for an acknowledgement does not come again.
func testInProgress(t *testing.T, port string) {
	settings, conn, js := streamOf(t, port)
	_, err := js.CreateConsumer(t.Context(), "ORDERS", jetstream.ConsumerConfig{Durable: "short", AckPolicy: jetstream.AckExplicitPolicy, AckWait: 1500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "orders.new", []byte("slow")); err != nil {
		t.Fatal(err)
	}
	told, err := conn.SubscribeSync("$JS.ACK.ORDERS.short.>")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	deliveries := 0
	source := moduletest.NewConsumer(t, moduletest.Server{Module: Module(), Settings: settings, Trigger: "stream: ORDERS\n    consumer: short"})
	if err := source.Consume(ctx, func(ctx context.Context, m flows.Message) error {
		if deliveries++; deliveries > 1 {
			return nil
		}
		for range 5 { // one for each third of the wait
			if said, err := told.NextMsgWithContext(ctx); err != nil || string(said.Data) != "+WPI" {
				t.Errorf("%v %+v", err, said)
			}
		}
		m.Done(nil)
		if said, err := told.NextMsgWithContext(ctx); err != nil || string(said.Data) != "+ACK" {
			t.Errorf("%v %+v", err, said)
		}
		cancel()
		return nil
	}); err != nil || deliveries != 1 {
		t.Errorf("%d deliveries, %v", deliveries, err)
	}
}

func testConsumer(t *testing.T, port string) {
	settings, _, js := streamOf(t, port)
	send := func(subject string) {
		t.Helper()
		if _, err := js.Publish(t.Context(), subject, []byte(subject)); err != nil {
			t.Fatal(err)
		}
	}
	take := func(trigger, want string) {
		t.Helper()
		got := moduletest.NewConsumer(t, moduletest.Server{Module: Module(), Settings: settings, Trigger: trigger}).Take(1, nil)[0]
		if string(got.Body) != want {
			t.Errorf("%s: got %s, want %s", trigger, got.Body, want)
		}
	}
	send("orders.old")
	take("stream: ORDERS\n    subject: orders.old", "orders.old")
	send("orders.new")
	take("stream: ORDERS\n    subject: orders.new", "orders.new") // the same durable consumer, with another subject
	info, err := js.Consumer(t.Context(), "ORDERS", "penstock-7")
	if err != nil || info.CachedInfo().Config.FilterSubject != "orders.new" || info.CachedInfo().AckFloor.Consumer != 2 {
		t.Errorf("%v %+v", err, info)
	}
	testInUse(t, settings, info)
	if _, err := js.CreateConsumer(t.Context(), "ORDERS", jetstream.ConsumerConfig{Durable: "none", AckPolicy: jetstream.AckNonePolicy}); err != nil {
		t.Fatal(err)
	}
	for trigger, want := range map[string]string{
		"stream: ORDERS\n    consumer: none": `connection "bus": the consumer none of the stream ORDERS has the acknowledgement policy AckNone: a trigger needs AckExplicit`,
		"stream: MISSING":                    `connection "bus": there is no such stream`,
	} {
		err := moduletest.NewConsumer(t, moduletest.Server{Module: Module(), Settings: settings, Trigger: trigger}).Consume(t.Context(), nil)
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", trigger, err, want)
		}
	}
}

// A consumer for whose messages others wait keeps its subject: they would lose their messages.
func testInUse(t *testing.T, settings map[string]string, of jetstream.Consumer) {
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	other := moduletest.NewConsumer(t, moduletest.Server{Module: Module(), Settings: settings, Trigger: "stream: ORDERS\n    subject: orders.new"})
	go func() { ended <- other.Consume(ctx, func(context.Context, flows.Message) error { return nil }) }()
	testenv.Until(t, "the other one waits for messages", func() bool {
		info, err := of.Info(t.Context())
		return err == nil && info.NumWaiting > 0
	})
	err := moduletest.NewConsumer(t, moduletest.Server{Module: Module(), Settings: settings, Trigger: "stream: ORDERS\n    subject: orders.zzz"}).Consume(t.Context(), nil)
	if err == nil || !strings.Contains(err.Error(), "the consumer penstock-7 of the stream ORDERS has another subject, and others wait for its messages") {
		t.Errorf("a consumer in use: %v", err)
	}
	stop()
	if err := testenv.Receive(t, ended, "the end of the other one"); err != nil {
		t.Error(err)
	}
	if info, err := of.Info(t.Context()); err != nil || info.Config.FilterSubject != "orders.new" {
		t.Errorf("the subject was changed: %v %+v", err, info)
	}
}

// What is no stream, and who does not answer at all, are told apart.
func testAnswers(t *testing.T, port string) {
	settings, conn, _ := streamOf(t, port)
	bus := moduletest.Open(t, Module(), settings)
	_, err := conn.Subscribe("other", func(m *nats.Msg) { _ = m.Respond([]byte("hello")) })
	if err == nil {
		_, err = conn.Subscribe("silent", func(*nats.Msg) {})
	}
	if err == nil {
		err = conn.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	var refused *flows.Error
	if _, err := moduletest.Run(t, Module(), bus, "nats: other\nconnection: bus", nil); !errors.As(err, &refused) || !strings.Contains(refused.Message, "is no stream") || refused.Class != flows.Class("") {
		t.Errorf("an answer that is none of a stream: %v", err)
	}
	bus.(*client).limit = 50 * time.Millisecond
	if _, err := moduletest.Run(t, Module(), bus, "nats: silent\nconnection: bus", nil); !errors.As(err, &refused) || !strings.Contains(refused.Message, "does not answer in time") || refused.Class != flows.ClassTimeout {
		t.Errorf("no answer: %v", err)
	}
}

func testPublish(t *testing.T, port string) {
	settings, _, js := streamOf(t, port)
	bus := moduletest.Open(t, Module(), settings)
	step := "nats: orders.${ .kind }\nconnection: bus\nheaders: {tenant: \"t1\\r\\nX: y\"}"
	for i := range 2 { // the same run again: the stream drops it
		out, err := moduletest.Run(t, Module(), bus, step, map[string]any{"kind": "new"})
		if diff := cmp.Diff([]any{map[string]any{"stream": "ORDERS", "sequence": 1, "duplicate": i == 1}}, out); err != nil || diff != "" {
			t.Fatalf("%v (-want +got)\n%s", err, diff)
		}
	}
	stream, err := js.Stream(t.Context(), "ORDERS")
	if err != nil {
		t.Fatal(err)
	}
	m, err := stream.GetMsg(t.Context(), 1)
	if err != nil || string(m.Data) != `{"kind":"new"}` || m.Header.Get(nats.MsgIdHdr) != "run.nats.0" || m.Header.Get(typeHeader) != "application/json" || m.Header.Get("X") != "" {
		t.Errorf("%v %+v", err, m)
	}
	for subject, want := range map[string]string{
		"nowhere": "no stream takes messages of the subject", "orders.*": "without spaces and wildcards", "orders..a": "without spaces",
		"a 0\\r\\n\\r\\nPUB orders.new 0": "without spaces", "": "without spaces",
	} {
		_, err := moduletest.Run(t, Module(), bus, fmt.Sprintf("nats: \"%s\"\nconnection: bus", subject), nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", subject, err, want)
		}
	}
}

// A value of a caller is one word of a subject, reaches nothing of the server's own, and does not end the connection that all steps share.
func testValues(t *testing.T, port string) {
	settings, _, js := streamOf(t, port)
	bus := moduletest.Open(t, Module(), settings)
	run := func(step, value string) error {
		_, err := moduletest.Run(t, Module(), bus, step+"\nconnection: bus", map[string]any{"v": value})
		return err
	}
	if err := run("nats: orders.${ .v }", "new"); err != nil {
		t.Fatal(err)
	}
	conn, err := bus.(*client).shared(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ step, value, want string }{
		{"nats: orders.b.${ .v }", "x.y", "more than one level"}, {"nats: orders.${ .v }", ">", "more than one level"}, {"nats: orders.${ .v }", "", "is empty"},
		{"nats: ${ .v }", "$JS.API.STREAM.PURGE.ORDERS", "is reserved"}, {"nats: ${ .v }\njetstream: false", "$SYS.REQ.SERVER.PING", "is reserved"}, {"nats: ${ .v }", "_INBOX.a", "is reserved"},
		{"nats: orders.${ .v }", strings.Repeat("a", 5000), "at most 2000 bytes"}, {"nats: orders.${ .v }", "a b", "without spaces"},
	} {
		if err := run(test.step, test.value); err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "reached") {
			t.Errorf("%s of %.50q: %v, want %s", test.step, test.value, err, test.want)
		}
	}
	if err := run("nats: orders.${ .v }", strings.Repeat("a", 1900)); err != nil {
		t.Error(err)
	}
	if now, err := bus.(*client).shared(t.Context()); err != nil || now != conn {
		t.Errorf("the connection is another one: %v", err)
	}
	stream, err := js.Stream(t.Context(), "ORDERS")
	if err != nil || stream.CachedInfo().State.Msgs != 1 { // moduletest.Run is one run: its second message is dropped
		t.Errorf("%v, the stream has other messages: %+v", err, stream)
	}
}

func testCore(t *testing.T, port string) {
	settings, conn, _ := streamOf(t, port)
	bus := moduletest.Open(t, Module(), settings)
	heard, err := conn.SubscribeSync("news.>")
	if err == nil {
		err = conn.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	out, err := moduletest.Run(t, Module(), bus, "nats: news.today\nconnection: bus\njetstream: false\nbody: rain", nil)
	if diff := cmp.Diff([]any{map[string]any{"subject": "news.today"}}, out); err != nil || diff != "" {
		t.Fatalf("%v (-want +got)\n%s", err, diff)
	}
	if m, err := heard.NextMsg(30 * time.Second); err != nil || string(m.Data) != "rain" || m.Header.Get(nats.MsgIdHdr) != "run.nats.0" {
		t.Errorf("%v %+v", err, m)
	}
}

func testFailures(t *testing.T, port string) {
	settings, _, _ := streamOf(t, port)
	for _, test := range []struct{ name, value, want string }{
		{"tls", "verify", "the server does not offer TLS"},
		{"servers", "127.0.0.1:1", "NATS does not accept connections"},
	} {
		changed := map[string]string{"servers": settings["servers"], "tls": "none", test.name: test.value}
		if err := moduletest.Open(t, Module(), changed).Test(t.Context()); err == nil || !strings.HasPrefix(err.Error(), `connection "bus": `+test.want) {
			t.Errorf("%s %s: %v, want %s", test.name, test.value, err, test.want)
		}
	}
	for _, test := range []struct{ name, value, want string }{
		{"servers", "http://x:1", "servers are no addresses"}, {"servers", "x", "servers are no addresses"}, {"servers", "a@b:1", "servers are no addresses"}, {"servers", ",", "servers has no address"},
		{"credentials", "abc", "not the content of a .creds file"}, {"token", "abc", "exclude each other"},
	} {
		s := flows.ConnectionSettings{Connection: "bus", Text: map[string]string{"servers": "x:1", "tls": "none"}}
		if s.Text[test.name] = test.value; test.name == "token" {
			s.Text["username"] = "ann"
		}
		if _, err := open(s); err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "abc") {
			t.Errorf("%s %s: %v, want %s", test.name, test.value, err, test.want)
		}
	}
}

// A server with TLS, a login, and a user who may send to one subject only.
func TestLogin(t *testing.T) {
	t.Parallel()
	cert := testenv.NewCertificate(t)
	port := testenv.NATS(t, fmt.Sprintf(`tls { cert_file: %q, key_file: %q }
authorization { users: [{user: ann, password: right, permissions: {publish: ["$JS.API.>", "orders.>"]}}, {user: bob, password: right, permissions: {publish: "none"}}] }`, cert.CertFile, cert.KeyFile))
	settings := map[string]string{"servers": "127.0.0.1:" + port, "ca": cert.PEM, "username": "ann", "password": "right"}
	bus := moduletest.Open(t, Module(), settings)
	if err := bus.Test(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := moduletest.Run(t, Module(), bus, "nats: news\nconnection: bus\njetstream: false", nil)
	if err == nil || !strings.Contains(strings.ToLower(err.Error()), `permissions violation for publish to "news"`) {
		t.Errorf("to a forbidden subject: %v", err)
	}
	err = moduletest.NewConsumer(t, moduletest.Server{Module: Module(), Settings: map[string]string{
		"servers": settings["servers"], "ca": cert.PEM, "username": "bob", "password": "right",
	}, Trigger: "stream: ORDERS"}).Consume(t.Context(), nil)
	if err == nil || !strings.Contains(strings.ToLower(err.Error()), "permissions violation for publish") {
		t.Errorf("without permissions: %v", err)
	}
	settings["password"] = "wrong-password"
	if err := moduletest.Open(t, Module(), settings).Test(t.Context()); err == nil || err.Error() != `connection "bus": the server refuses the login` {
		t.Errorf("with a wrong password: %v", err)
	}
	settings["ca"] = testenv.NewCertificate(t).PEM
	if err := moduletest.Open(t, Module(), settings).Test(t.Context()); err == nil || err.Error() != `connection "bus": NATS has a certificate that is not trusted` {
		t.Errorf("with another authority: %v", err)
	}
}
