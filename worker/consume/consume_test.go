package consume_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/moduletest"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
	"github.com/penstock/penstock/worker"
	"github.com/penstock/penstock/worker/consume"
)

// fleet is a Redis, a broker, one deployed flow and any number of workers. Each item that passes the step `seen` is recorded.
type fleet struct {
	*moduletest.Broker
	t         *testing.T
	conn      *redisconn.Conn
	queue     *queue.Client
	catalogue *flows.Catalogue

	mu     sync.Mutex
	heads  map[int64]store.Deployment // guarded by mu
	flow   *flows.Flow                // guarded by mu; the deployed version
	all    map[string]*flows.Flow     // guarded by mu; by version
	client flows.Client               // guarded by mu
	seen   []string                   // guarded by mu
	arrive chan struct{}              // a value for each item, if it has room
	gate   chan struct{}              // closed: items pass
	counts map[string]int             // guarded by mu; by outcome
	logged map[string]bool            // guarded by mu; messages of the consumers' log

	gauges map[string]string // guarded by mu; what the meters of workers say: "1", "0", or "" for none
	most   int               // guarded by mu; consumers at once
	gone   error             // guarded by mu; what the connection is answered by instead of its client
}

func newFleet(t *testing.T, b *moduletest.Broker) *fleet {
	t.Helper()
	f := &fleet{Broker: b, t: t, heads: map[int64]store.Deployment{}, all: map[string]*flows.Flow{}, arrive: make(chan struct{}, 10_000), gate: make(chan struct{}), counts: map[string]int{}, logged: map[string]bool{}, gauges: map[string]string{}}
	conn, err := redisconn.Parse(testenv.Redis(t).URL())
	if err != nil {
		t.Fatal(err)
	}
	f.conn = conn
	if f.queue, err = queue.NewClient(queue.Config{Redis: conn, Log: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.queue.Close() })
	f.start(f.queue.Run)
	seen := flows.Kind{Name: "seen", Summary: "Records its item.", Effect: flows.Idempotent, New: func(*flows.Args) (flows.Runner, error) {
		return flows.RunFunc(func(_ context.Context, in *flows.Input) ([]any, error) {
			f.mu.Lock()
			f.seen = append(f.seen, string(flows.EncodeJSON(in.Value())))
			f.mu.Unlock()
			f.arrive <- struct{}{}
			<-f.gate
			return []any{in.Value()}, nil
		}), nil
	}}
	f.catalogue = steps.Catalogue().With(seen).Add(b.Module())
	if f.client, err = b.Module().Connections[0].Open(flows.ConnectionSettings{}); err != nil {
		t.Fatal(err)
	}
	w, err := worker.New(worker.Config{Redis: conn, Log: slog.New(slog.DiscardHandler), Versions: f, Queues: map[string]int{"default": 1}, Slots: 16, Block: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	f.start(w.Run)
	t.Cleanup(f.open)
	return f
}

// open lets items pass.
func (f *fleet) open() {
	select {
	case <-f.gate:
	default:
		close(f.gate)
	}
}

// start runs a part until stop is called, at the end of the test at the latest.
func (f *fleet) start(run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := run(ctx); err != nil {
			f.t.Error(err)
		}
	}()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	f.t.Cleanup(stop)
	return stop
}

// consume starts the consumers of a worker, which does not wait for messages when it is stopped.
func (f *fleet) consume(id string, runs consume.Runs) (stop func()) {
	f.t.Helper()
	return f.consumeAndDrain(id, runs, time.Millisecond)
}

func (f *fleet) consumeAndDrain(id string, runs consume.Runs, drain time.Duration) (stop func()) {
	f.t.Helper()
	client := f.conn.Client()
	f.t.Cleanup(func() { _ = client.Close() })
	c, err := consume.New(consume.Config{Redis: client, Log: slog.New(messages{slog.DiscardHandler, f}), ID: id, Flows: f, Connections: connections{f}, Runs: runs, Meter: meter{f, id}, Drain: drain})
	if err != nil {
		f.t.Fatal(err)
	}
	return f.start(c.Run)
}

// messages is a slog.Handler that notes which messages were logged.
type messages struct {
	slog.Handler
	f *fleet
}

func (messages) Enabled(context.Context, slog.Level) bool { return true }

func (m messages) WithAttrs([]slog.Attr) slog.Handler { return m }

func (m messages) Handle(_ context.Context, r slog.Record) error {
	m.f.mu.Lock()
	defer m.f.mu.Unlock()
	m.f.logged[r.Message] = true
	return nil
}

// awaitLog waits until a consumer has logged a message.
func (f *fleet) awaitLog(message string) {
	f.t.Helper()
	testenv.Eventually(f.t, func() string {
		f.mu.Lock()
		defer f.mu.Unlock()
		if !f.logged[message] {
			return "not logged: " + message
		}
		return ""
	})
}

// deploy deploys flow 7 with these settings of its trigger.
func (f *fleet) deploy(settings, rest string) {
	f.t.Helper()
	flow, err := flows.Parse("f.yaml", fmt.Appendf(nil, "flow: 7\ntrigger: {memory: {connection: bus, queue: orders%s}}\n%s\n", settings, rest), f.catalogue)
	if err != nil {
		f.t.Fatal(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.flow, f.all[flow.Version] = flow, flow
	f.heads[7] = store.Deployment{Number: 7, Version: flow.Version, Enabled: true, Source: "memory"}
}

func (f *fleet) change(change func(*store.Deployment)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	head := f.heads[7]
	change(&head)
	f.heads[7] = head
}

func (f *fleet) List() (all []store.Deployment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, h := range f.heads {
		all = append(all, h)
	}
	return all
}

func (f *fleet) Find(string) (*flows.Flow, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.flow, f.flow != nil
}

func (f *fleet) Version(_ context.Context, _ int64, version string) (*flows.Flow, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.all[version], nil
}

// meter is the meter of one worker.
type meter struct {
	*fleet
	id string
}

func (m meter) Message(_ int64, outcome string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counts[outcome]++
}

func (m meter) Consuming(_ int64, on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gauges[m.id] = map[bool]string{false: "0", true: "1"}[on]
	consumers := 0
	for _, value := range m.gauges {
		if value == "1" {
			consumers++
		}
	}
	m.most = max(m.most, consumers)
}

func (m meter) NotConsuming(int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gauges[m.id] = ""
}

// awaitGauge waits until the meter of the worker a has a value: "1", "0", or "" for none.
func (f *fleet) awaitGauge(want string) {
	f.t.Helper()
	testenv.Eventually(f.t, func() string {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.gauges["a"] != want {
			return fmt.Sprintf("the meter says %q, not %q", f.gauges["a"], want)
		}
		return ""
	})
}

// connections implements flows.Connections.
type connections struct{ f *fleet }

func (connections) HTTP(context.Context, string) (flows.HTTPConnection, error) {
	return nil, errors.ErrUnsupported
}
func (connections) SQL(context.Context, string) (*flows.Database, error) {
	return nil, errors.ErrUnsupported
}
func (connections) Proxy(context.Context, string) (flows.HTTPProxy, error) {
	return nil, errors.ErrUnsupported
}
func (connections) SFTP(context.Context, string) (flows.SFTPServer, error) {
	return nil, errors.ErrUnsupported
}

func (connections) S3(context.Context, string, string) (flows.Bucket, error) {
	return nil, errors.ErrUnsupported
}

func (connections) Mail(context.Context, string) (flows.Mailer, error) {
	return nil, errors.ErrUnsupported
}
func (c connections) Client(context.Context, string) (flows.Client, func(), error) {
	c.f.mu.Lock()
	defer c.f.mu.Unlock()
	if c.f.gone != nil {
		return nil, nil, c.f.gone
	}
	return c.f.client, func() {}, nil
}

// await waits for n items at the step seen.
func (f *fleet) await(n int) {
	f.t.Helper()
	for range n {
		select {
		case <-f.arrive:
		case <-time.After(30 * time.Second):
			f.t.Fatalf("%d items came: %v", len(f.items()), f.items())
		}
	}
}

func (f *fleet) items() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(slices.Values(f.seen))
}

func (f *fleet) expectLeft(n int) {
	f.t.Helper()
	if err := f.AwaitLeft(f.t.Context(), n); err != nil {
		f.t.Fatalf("%v, want %d", err, n)
	}
}

func TestEachMessageIsARun(t *testing.T) {
	t.Parallel()
	f := newFleet(t, &moduletest.Broker{})
	f.open()
	f.deploy("", "steps: [{seen: {}}]")
	f.consume("a", f.queue)
	f.Publish("1", `{"n": 1.50}`)
	f.Publish("2", "plain")
	f.PublishMessage(flows.Message{Key: "3", Body: []byte{0xff, 1}, Event: map[string]any{"partition": 4}})
	f.PublishMessage(flows.Message{Key: "4", Body: []byte("7"), ContentType: "application/json"})
	f.await(4)
	f.expectLeft(0)
	f.mu.Lock()
	if f.counts["accepted"] != 4 {
		t.Errorf("outcomes %v, want 4 accepted", f.counts)
	}
	f.mu.Unlock()
	want := []string{
		`{"body":"plain","queue":"orders"}`, `{"body":7}`, `{"body":{"n":1.50},"queue":"orders"}`,
		`{"body":{"base64":"/wE=","content_type":"application/octet-stream","size":2},"partition":4}`,
	}
	if got := f.items(); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// lossy are runs of a worker that is lost: after the submission it does nothing more.
type lossy struct {
	*queue.Client
	accepted func()
}

func (l lossy) Start(ctx context.Context, s queue.Submission, at time.Time) (string, error) {
	_, err := l.Client.Start(ctx, s, at)
	l.accepted()
	<-ctx.Done()
	return "", errors.Join(ctx.Err(), err)
}

// A worker is lost between the acceptance of a run and the acknowledgement of its message.
func TestALostWorkerStartsNoSecondRun(t *testing.T) {
	t.Parallel()
	f := newFleet(t, &moduletest.Broker{})
	f.open()
	f.deploy("", "steps: [{seen: {}}]")
	var accepted sync.WaitGroup
	accepted.Add(1)
	stop := f.consume("a", lossy{Client: f.queue, accepted: accepted.Done})
	f.Publish("1", "one")
	accepted.Wait()
	f.await(1)
	if stop(); f.Left() != 1 {
		t.Fatalf("%d messages are left, want the one that was not acknowledged", f.Left())
	}
	f.consume("b", f.queue)
	f.Publish("2", "two")
	f.await(1)
	f.expectLeft(0)
	if want := []string{`{"body":"one","queue":"orders"}`, `{"body":"two","queue":"orders"}`}; !slices.Equal(f.items(), want) {
		t.Errorf("items %s, want %s", f.items(), want)
	}
}

// Workers that come and go while 500 messages arrive make 500 runs.
func TestNothingIsLostOrRepeatedWhileWorkersComeAndGo(t *testing.T) {
	t.Parallel()
	f := newFleet(t, &moduletest.Broker{})
	f.open()
	f.deploy(", in_flight: 20", "steps: [{seen: {}}]")
	const n = 500
	for i := range n {
		f.Publish(strconv.Itoa(i), strconv.Itoa(i))
	}
	f.consume("a", f.queue)
	for i := range 5 {
		stop := f.consume("b"+strconv.Itoa(i), f.queue)
		f.await(50)
		stop()
	}
	f.await(n - 250)
	f.expectLeft(0)
	if got := len(slices.Compact(f.items())); got != n || len(f.items()) != n {
		t.Errorf("%d items, %d different ones, want %d", len(f.items()), got, n)
	}
}

func TestInFlightHoldsMessagesBack(t *testing.T) {
	t.Parallel()
	f := newFleet(t, &moduletest.Broker{})
	f.deploy(", in_flight: 2", "steps: [{seen: {}}]")
	f.consume("a", f.queue)
	for i := range 5 {
		f.Publish(strconv.Itoa(i), strconv.Itoa(i))
	}
	f.await(2)
	f.expectLeft(3)
	if n := len(f.items()); n != 2 {
		t.Errorf("%d runs, want 2 until one has ended", n)
	}
	f.open()
	f.await(3)
	f.expectLeft(0)
}

func TestAcknowledgedAfterTheEnd(t *testing.T) {
	t.Parallel()
	f := newFleet(t, &moduletest.Broker{})
	f.deploy(", acknowledge: ended", `steps: [{seen: {}}, {fail: {message: this is bad}, if: '.body == "bad"'}]`)
	stop := f.consume("a", f.queue)
	f.Publish("1", "good")
	f.Publish("2", "bad")
	f.await(2)
	if f.Left() != 2 {
		t.Error("a message was acknowledged before the end of its run")
	}
	stop() // the runs go on; another worker waits for their ends
	f.consume("b", f.queue)
	f.open()
	f.expectLeft(0)
	if dead := f.Dead(); len(dead) != 1 || string(dead[0].Body) != "bad" {
		t.Errorf("dead letters %v, want the bad message", dead)
	}
	if n := len(f.items()); n != 2 {
		t.Errorf("%d items, want 2", n)
	}
}

// A consumer that ends in order does not give back the messages whose runs it waits for: the server has no identity for these,
// and would make second runs of them.
func TestAnOrderlyEndRepeatsNothing(t *testing.T) {
	t.Parallel()
	const ended, steps = ", acknowledge: ended", "steps: [{seen: {}}]"
	for name, change := range map[string]func(f *fleet, stop func()){
		"deployed": func(f *fleet, _ func()) { f.deploy(ended, "name: Other\n"+steps) },
		"stopped": func(f *fleet, stop func()) {
			f.consume("b", f.queue)
			go stop()
		},
		"connection changed": func(f *fleet, _ func()) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.client, _ = f.Module().Connections[0].Open(flows.ConnectionSettings{})
		},
		"paused": func(f *fleet, _ func()) {
			f.change(func(h *store.Deployment) { h.Paused = time.Now() })
			f.awaitLog("taking no more messages")
			f.change(func(h *store.Deployment) { h.Paused = time.Time{} })
		},
		"disabled": func(f *fleet, _ func()) {
			f.change(func(h *store.Deployment) { h.Enabled = false })
			f.awaitLog("taking no more messages")
			f.change(func(h *store.Deployment) { h.Enabled = true })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, &moduletest.Broker{})
			f.deploy(ended, steps)
			stop := f.consumeAndDrain("a", f.queue, time.Minute)
			const n = 10
			publish := func(body string) {
				for i := range n {
					f.PublishMessage(flows.Message{Body: fmt.Appendf(nil, "%s %d", body, i)})
				}
			}
			publish("before")
			f.await(n)
			change(f, stop)
			publish("after")
			f.awaitLog("taking no more messages")
			f.open()
			f.await(n)
			f.expectLeft(0)
			if items := f.items(); len(items) != 2*n || len(slices.Compact(slices.Clone(items))) != 2*n {
				t.Errorf("%d items, want %d: %s", len(items), 2*n, items)
			}
		})
	}
}

// A message that no run can hold becomes a run that fails and says so, and a dead letter.
func TestARefusedMessage(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ settings, body, rest, want string }{
		"large":     {body: strings.Repeat("a", 1<<20+1), want: "its body has 1048577 bytes; 1048576 bytes are allowed"},
		"no json":   {settings: ", body: json", body: "{", want: "the body came without a Content-Type and was read as json"},
		"no key":    {settings: ", idempotency_key: '${ .body | error(\"no\") }'", body: "a", want: "idempotency_key: "},
		"null key":  {settings: ", idempotency_key: 'k-${ .body.id }'", body: "{}", want: "a value in it is null or empty"},
		"no fairly": {rest: "run: {fair_by: '${ .body | error(\"no\") }'}\n", body: "a", want: "run.fair_by: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, &moduletest.Broker{})
			f.open()
			f.deploy(tt.settings, tt.rest+"steps: [{seen: {}}]")
			f.consume("a", f.queue)
			f.Publish("1", tt.body)
			f.expectLeft(0)
			if len(f.Dead()) != 1 {
				t.Error("it is no dead letter")
			}
			var failed queue.Record
			for failed.State != queue.Failed {
				_, _, err := f.queue.List(t.Context(), queue.List{Most: 10}, func(r *queue.Record) { failed = *r })
				if err != nil {
					t.Fatal(err)
				}
				if err := t.Context().Err(); err != nil {
					t.Fatal(err)
				}
			}
			full, err := f.queue.Record(t.Context(), failed.ID)
			if err != nil || full.Error == nil || !strings.Contains(full.Error.Message, tt.want) || !strings.Contains(string(full.Event), `"queue":"orders"`) {
				t.Errorf("%v: error %v event %.200s, want %s", err, full.Error, full.Event, tt.want)
			}
			if len(f.items()) > 0 {
				t.Error("a step was executed")
			}
		})
	}
}

// A message that a source cannot read is refused, too.
func TestAnUnreadableMessage(t *testing.T) {
	t.Parallel()
	f := newFleet(t, &moduletest.Broker{})
	f.open()
	f.deploy("", "steps: [{seen: {}}]")
	f.consume("a", f.queue)
	f.PublishMessage(flows.Message{Key: "1", Body: []byte("x"), Unreadable: errors.New("it came damaged")})
	f.Publish("2", "two")
	f.await(1)
	f.expectLeft(0)
	if len(f.Dead()) != 1 || len(f.items()) != 1 {
		t.Errorf("%d dead letters, items %v", len(f.Dead()), f.items())
	}
}

// Consumers follow the deployed flow: paused, disabled and changed ones.
func TestConsumersFollowTheFlow(t *testing.T) {
	t.Parallel()
	f := newFleet(t, &moduletest.Broker{})
	f.open()
	f.deploy("", "steps: [{seen: {}}]")
	f.change(func(h *store.Deployment) { h.Paused = time.Now() })
	f.consume("a", f.queue)
	f.Publish("1", "one")
	f.change(func(h *store.Deployment) { h.Paused = time.Time{} })
	f.await(1)
	f.deploy("", "steps: [{set: {version: 2}}, {seen: {}}]")
	for i := 2; !slices.ContainsFunc(f.items(), func(item string) bool { return strings.Contains(item, `"version":2`) }); i++ {
		f.Publish(strconv.Itoa(i), "more")
		f.await(1)
	}
	f.change(func(h *store.Deployment) { h.Enabled = false })
	f.change(func(h *store.Deployment) { h.Enabled = true })
	f.Publish("last", "last")
	f.await(1)
	f.expectLeft(0)
}

// A source that fails is consumed again.
func TestAConsumerThatFailsBeginsAgain(t *testing.T) {
	t.Parallel()
	f := newFleet(t, &moduletest.Broker{})
	f.open()
	f.deploy("", "steps: [{seen: {}}]")
	f.Fail(errors.New("the server is away"))
	f.consume("a", f.queue)
	f.Publish("1", "one")
	f.Fail(nil)
	f.await(1)
	f.expectLeft(0)
}

// A consumer whose connection was deleted ends, and says so; one whose connection is there again begins at once. While Redis does not
// answer, consumers go on.
func TestADeletedConnection(t *testing.T) {
	t.Parallel()
	f := newFleet(t, &moduletest.Broker{})
	f.open()
	f.deploy("", "steps: [{seen: {}}]")
	set := func(gone error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.gone = gone
	}
	f.consume("a", f.queue)
	f.awaitGauge("1")
	set(&flows.Error{Code: flows.CodeStepFailed, Class: flows.ClassNetwork, Message: "cannot be read now"})
	f.Publish("1", "one")
	f.await(1)
	set(&flows.Error{Code: flows.CodeStepFailed, Message: "there is no connection"})
	f.awaitLog("messages cannot be consumed")
	f.Publish("2", "two")
	f.awaitGauge("0")
	f.expectLeft(1)
	set(nil)
	f.await(1)
	f.expectLeft(0)
	f.change(func(h *store.Deployment) { h.Enabled = false })
	f.awaitGauge("")
}

// A consumer that does not work is not said to.
func TestAConsumerThatFailsIsNotConsuming(t *testing.T) {
	t.Parallel()
	f := newFleet(t, &moduletest.Broker{})
	f.deploy("", "steps: [{seen: {}}]")
	f.Fail(errors.New("the server refuses the login"))
	f.consume("a", f.queue)
	f.awaitLog("messages cannot be consumed")
	f.awaitGauge("0")
	f.mu.Lock()
	if f.most != 0 || f.logged["consuming messages"] {
		t.Errorf("%d consumers, log %v: it has not connected", f.most, f.logged)
	}
	f.mu.Unlock()
	f.Fail(nil)
	f.awaitGauge("1")
	f.change(func(h *store.Deployment) { h.Enabled = false })
	f.awaitGauge("")
}

// Of an exclusive source one worker has the messages; another one follows it.
func TestAnExclusiveSource(t *testing.T) {
	t.Parallel()
	b := &moduletest.Broker{Exclusive: true}
	f := newFleet(t, b)
	f.deploy(", in_flight: 1", "steps: [{seen: {}}]")
	stop := f.consume("a", f.queue)
	f.Publish("1", "one")
	f.await(1)
	f.consume("b", f.queue)
	f.Publish("2", "two")
	f.open()
	f.await(1)
	stop()
	f.Publish("3", "three")
	f.await(1)
	f.expectLeft(0)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.most != 1 {
		t.Errorf("%d workers consumed at once", f.most)
	}
}

// While the queue is full, messages stay with the server.
func TestAFullQueue(t *testing.T) {
	t.Parallel()
	f := newFleet(t, &moduletest.Broker{})
	f.open()
	f.deploy("", "steps: [{seen: {}}]")
	runs := &full{Client: f.queue, left: 3}
	f.consume("a", runs)
	f.Publish("1", "one")
	f.await(1)
	f.expectLeft(0)
	if runs.left != 0 {
		t.Errorf("%d refusals were not met", runs.left)
	}
}

// full is a queue that is full for some submissions.
type full struct {
	*queue.Client
	left int // one goroutine submits
}

func (f *full) Start(ctx context.Context, s queue.Submission, at time.Time) (string, error) {
	if f.left > 0 {
		f.left--
		return "", queue.ErrFull
	}
	return f.Client.Start(ctx, s, at)
}
