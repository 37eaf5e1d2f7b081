package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/state"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/internal/callback"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/topic"
)

// durable is a worker with all that steps may use, and a sink that counts the requests of steps.
type durable struct {
	t      *testing.T
	client *queue.Client
	signer *callback.Signer
	state  *state.State
	redis  redis.UniversalClient
	all    flowsByRef

	mu       sync.Mutex
	received []string // guarded by mu; bodies of requests to the sink
	came     chan struct{}
}

type flowsByRef map[string]*flows.Flow

func (f flowsByRef) Find(ref string) (*flows.Flow, bool) {
	for slug, flow := range f {
		if slug == ref || strconv.FormatInt(flow.Number, 10) == ref {
			return flow, true
		}
	}
	return nil, false
}

func (f flowsByRef) Subscribers(topic string) (all []int64) {
	for _, flow := range f {
		if flow.Topic == topic {
			all = append(all, flow.Number)
		}
	}
	slices.Sort(all)
	return all
}

func (f flowsByRef) Version(_ context.Context, number int64, version string) (*flows.Flow, error) {
	for _, flow := range f {
		if flow.Number == number && flow.Version == version {
			return flow, nil
		}
	}
	return nil, &flows.Error{Code: flows.CodeInternal, Message: "no such version"}
}

// startDurable starts the worker with flows by slug, numbered as given.
func startDurable(t *testing.T, sources ...string) *durable {
	t.Helper()
	return startDurableWith(t, func(*Config) {}, sources...)
}

func startDurableWith(t *testing.T, change func(*Config), sources ...string) *durable {
	t.Helper()
	d := &durable{t: t, all: flowsByRef{}, came: make(chan struct{}, 100)}
	sink := httptest.NewServer(http.HandlerFunc(d.serve))
	t.Cleanup(sink.Close)
	for _, source := range sources {
		flow, err := flows.Parse("test.yaml", []byte(strings.ReplaceAll(source, "SINK", sink.URL)), steps.Catalogue())
		if err != nil {
			t.Fatal(err)
		}
		d.all[flow.Slug] = flow
	}
	conn, err := redisconn.Parse(testenv.Redis(t).URL())
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	if d.client, err = queue.NewClient(queue.Config{Redis: conn, Log: log}); err != nil {
		t.Fatal(err)
	}
	if d.signer, err = callback.New("http://door", [][]byte{bytes.Repeat([]byte{1}, 32)}); err != nil {
		t.Fatal(err)
	}
	kept := conn.Client()
	d.redis, d.state = kept, state.New(kept)
	cfg := Config{
		Redis: conn, Log: log, Versions: d.all, Queues: map[string]int{"default": 1}, Slots: 8, Block: 200 * time.Millisecond,
		Env:     flows.Env{HTTP: http.DefaultTransport, State: d.state, Pace: d.state, Flows: d.all},
		Starter: d.client, Callbacks: d.signer, Topics: topic.New(topic.Config{Redis: kept, Subscribers: d.all, Runs: d.client}),
	}
	change(&cfg)
	w, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = w.Run(ctx) })
	running.Go(func() { _ = d.client.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
		_ = w.Close()
		_ = d.client.Close()
		_ = kept.Close()
	})
	return d
}

func (d *durable) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	d.mu.Lock()
	d.received = append(d.received, string(body))
	d.mu.Unlock()
	d.came <- struct{}{}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{}`))
}

// nextRequest waits for a request to the sink, and returns its body.
func (d *durable) nextRequest() map[string]any {
	d.t.Helper()
	testenv.Receive(d.t, d.came, "a request to the sink")
	d.mu.Lock()
	defer d.mu.Unlock()
	var v map[string]any
	if err := json.Unmarshal([]byte(d.received[len(d.received)-1]), &v); err != nil {
		d.t.Fatal(err)
	}
	return v
}

func (d *durable) submit(ref, event string) *queue.Ticket {
	d.t.Helper()
	flow := d.all[ref]
	ticket, err := d.client.Submit(d.t.Context(), queue.Submission{Spec: queue.Spec{
		Flow: flow.Number, Version: flow.Version, Queue: "default", Principal: "key:k",
		Event: json.RawMessage(event), Limit: flow.Limit, Sync: true,
	}})
	if err != nil {
		d.t.Fatal(err)
	}
	return ticket
}

func (d *durable) wait(t *queue.Ticket, want string) queue.Result {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), 30*time.Second)
	defer cancel()
	result, err := t.Wait(ctx)
	if err != nil {
		d.t.Fatal(err)
	}
	if got := string(result.Output); got != want {
		d.t.Errorf("output %s, want %s (%v)", got, want, result.Error)
	}
	return result
}

// The items of a run wait for their calls concurrently. On resumption, earlier requests and counts are not repeated.
func TestAnApprovalOverTheQueue(t *testing.T) {
	t.Parallel()
	d := startDurable(t, `flow: 1
slug: approval
steps:
  - split: .[]
  - state: {increment: asked, into: asked}
  - wait_for:
      within: 1h
      steps: [{http: {post: SINK, json: {url: "${ .url }", n: "${ .item.n }"}}}]
  - collect: '{from: map(.from)}'
  - state: {increment: approved, into: total}
`)
	ticket := d.submit("approval", `[{"n":1},{"n":2}]`)
	urls := map[any]string{}
	for range 2 {
		d.nextRequest()
	}
	for _, body := range d.received {
		var v map[string]any
		if err := json.Unmarshal([]byte(body), &v); err != nil {
			t.Fatal(err)
		}
		urls[v["n"]], _ = v["url"].(string)
	}
	d.waits(ticket.RunID())
	for _, n := range []float64{2, 1} {
		call, err := d.signer.Open(strings.TrimPrefix(urls[n], "http://door"+callback.Path), time.Now())
		if err != nil || call.Run != ticket.RunID() {
			t.Fatal(urls, call, err)
		}
		result := flows.EncodeJSON(map[string]any{"items": []any{map[string]any{"from": n}}})
		if err := d.client.Call(t.Context(), call.Run, call.Key, result); err != nil {
			t.Fatal(err)
		}
	}
	d.wait(ticket, `[{"from":[1,2],"total":1}]`)
	if len(d.received) != 2 {
		t.Errorf("the sink got %v", d.received)
	}
	if asked, err := d.state.Load(t.Context(), "flow/1/state/asked"); string(asked) != "2" || err != nil {
		t.Errorf("asked is %s, %v", asked, err)
	}
}

// waits until the run is parked, with its step in its record.
func (d *durable) waits(id string) {
	d.t.Helper()
	record := d.reaches(id, queue.Waiting)
	if !strings.Contains(string(record.Steps), `"step":"wait_for"`) || !strings.Contains(string(record.Steps), `"waiting_until":"20`) {
		d.t.Errorf("steps of the parked run: %s", record.Steps)
	}
}

// reaches waits until the run is in a state.
func (d *durable) reaches(id string, want queue.State) (record queue.Record) {
	d.t.Helper()
	testenv.Eventually(d.t, func() string {
		var err error
		if record, err = d.client.Record(d.t.Context(), id); err != nil {
			d.t.Fatal(err)
		}
		if record.State != want {
			return "the run is " + string(record.State)
		}
		return ""
	})
	return record
}

func TestRunsThatStartOthers(t *testing.T) {
	t.Parallel()
	d := startDurable(t, `flow: 1
slug: parent
steps:
  - call: child
    event: {n: 1, tell: false}
  - emit: {flow: child, event: {n: 2, tell: true}, key: once}
  - emit: {flow: child, event: {n: 3, tell: true}, key: once, after: 1h}
  - call: {flow: child, wait: false, event: {n: 4, tell: false}}
  - transform: .flow
`, `flow: 2
slug: child
steps:
  - http: {post: SINK, json: {n: "${ .n }"}}
    if: .tell
  - transform: '{item: ., by: $run.principal}'
`)
	for range 2 {
		d.wait(d.submit("parent", "null"), `["child"]`)
	}
	if body := d.nextRequest(); body["n"] != 2.0 {
		t.Errorf("the sink got %v", body)
	}
	testenv.Eventually(t, func() string {
		states := map[string]int{}
		if _, _, err := d.client.List(t.Context(), queue.List{}, func(r *queue.Record) {
			states[fmt.Sprintf("%d %s %s", r.Flow, r.State, r.Principal)]++
		}); err != nil {
			t.Fatal(err)
		}
		want := map[string]int{"1 succeeded key:k": 2, "2 succeeded key:k": 3}
		return cmp.Diff(want, states)
	})
	if len(d.received) != 1 {
		t.Errorf("the sink got %v", d.received)
	}
}

func TestEmissionsThatFail(t *testing.T) {
	t.Parallel()
	d := startDurable(t, "flow: 1\nslug: a\nsteps: [{emit: nowhere}]\n")
	if result := d.wait(d.submit("a", "1"), ""); result.Error == nil || !strings.Contains(result.Error.Message, `there is no flow "nowhere"`) {
		t.Errorf("%v", result.Error)
	}
}
