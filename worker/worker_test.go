package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

// versions are compiled flows by version. It implements Versions.
type versions map[string]*flows.Flow

func (v versions) Version(_ context.Context, _ int64, version string) (*flows.Flow, error) {
	if f := v[version]; f != nil {
		return f, nil
	}
	return nil, fmt.Errorf("find version: %w", store.ErrNotFound)
}

type testWorker struct {
	t      *testing.T
	conn   *redisconn.Conn
	client *queue.Client
	log    *bytes.Buffer
}

// startWorker starts an API process and a worker with the flows, given by their steps.
func startWorker(t *testing.T, flowSteps map[string]string, change ...func(*Config)) *testWorker {
	t.Helper()
	return startWorkerOn(t, testenv.Redis(t), flowSteps, change...)
}

func startWorkerOn(t *testing.T, redis *testenv.RedisServer, flowSteps map[string]string, change ...func(*Config)) *testWorker {
	t.Helper()
	compiled := versions{}
	for name, text := range flowSteps {
		f, err := flows.Parse(name+".yaml", []byte("flow: 1\nslug: test\nname: Test\ntrigger: webhook\n"+text), steps.Catalogue())
		if err != nil {
			t.Fatal(err)
		}
		compiled[name] = f
	}
	r := &testWorker{t: t, log: &bytes.Buffer{}}
	var err error
	if r.conn, err = redisconn.Parse(redis.URL()); err != nil {
		t.Fatal(err)
	}
	if r.client, err = queue.NewClient(queue.Config{Redis: r.conn, Log: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	config := Config{
		Redis: r.conn, Log: slog.New(slog.NewJSONHandler(r.log, nil)), Versions: compiled,
		Queues: map[string]int{"default": 1}, Slots: 8, Block: 200 * time.Millisecond,
	}
	for _, f := range change {
		f(&config)
	}
	w, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := w.Run(ctx); err != nil && !errors.Is(err, context.Canceled) { // cancelled: the test ended before all queues were served
			t.Error(err)
		}
	})
	running.Go(func() { _ = r.client.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
		_ = w.Close()
		_ = r.client.Close()
	})
	return r
}

func (r *testWorker) run(version, event string, limit time.Duration) queue.Result {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	s := queue.Spec{Flow: 1, Version: version, Queue: "default", Limit: limit, Sync: true}
	if event != "" {
		s.Event = json.RawMessage(event)
	}
	ticket, err := r.client.Submit(ctx, queue.Submission{Spec: s})
	if err != nil {
		r.t.Fatal(err)
	}
	result, err := ticket.Wait(ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	return result
}

func TestHowRunsEnd(t *testing.T) {
	t.Parallel()
	r := startWorker(t, map[string]string{
		"numbers":  "steps:\n  - transform: '{id, price, event: ($event == .)}'",
		"none":     "steps:\n  - filter: 'false'",
		"fail":     "steps:\n  - name: stop\n    fail: {status: 418, message: 'no ${ .what }'}",
		"slow":     "steps:\n  - delay: 4s",
		"bad":      "steps:\n  - transform: '.a + 1'",
		"bodyless": "steps:\n  - transform: '[.]'",
	})
	for _, c := range []struct {
		version, event string
		limit          time.Duration
		state          queue.State
		output         string
		code           flows.Code
		message        string
	}{
		{version: "numbers", event: `{"id":1234567890123456789,"price":1.10}`, state: queue.Succeeded, output: `[{"event":true,"id":1234567890123456789,"price":1.10}]`},
		{version: "none", event: `1`, state: queue.Succeeded, output: `[]`},
		{version: "bodyless", state: queue.Succeeded, output: `[[null]]`},
		{version: "fail", event: `{"what":"tea"}`, state: queue.Failed, code: flows.CodeFail, message: "no tea"},
		{version: "bad", event: `{"a":{}}`, state: queue.Failed, code: flows.CodeExpression, message: "object"},
		{version: "slow", event: `1`, limit: 300 * time.Millisecond, state: queue.TimedOut, code: flows.CodeTimeout, message: "execution limit"},
		{version: "unknown", event: `1`, state: queue.Failed, code: flows.CodeInternal, message: "not stored any more"},
	} {
		t.Run(c.version, func(t *testing.T) {
			t.Parallel()
			if c.limit == 0 {
				c.limit = 10 * time.Second
			}
			got := r.run(c.version, c.event, c.limit)
			if got.State != c.state || string(got.Output) != c.output {
				t.Errorf("ended %s with %s (%+v), want %s with %s", got.State, got.Output, got.Error, c.state, c.output)
			}
			if c.code == "" {
				return
			}
			if got.Error == nil || got.Error.Code != c.code || !strings.Contains(got.Error.Message, c.message) {
				t.Errorf("error %+v, want %s with %q", got.Error, c.code, c.message)
			}
		})
	}
}

func TestARunsRecordTellsItsSteps(t *testing.T) {
	t.Parallel()
	r := startWorker(t, map[string]string{"v": "steps:\n  - name: two\n    split: '.[]'\n  - log: {message: 'saw ${ . }'}\n  - set: {n: '${ . }'}"})
	ctx := context.Background()
	ticket, err := r.client.Submit(ctx, queue.Submission{Spec: queue.Spec{
		Flow: 1, Version: "v", Queue: "default", Limit: 5 * time.Second, Sync: true, Event: json.RawMessage(`["planted-secret",2]`),
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ticket.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	record, err := r.client.Record(ctx, ticket.RunID())
	if err != nil {
		t.Fatal(err)
	}
	var recorded struct {
		Steps []struct {
			Step, Kind string
			In, Out    int
		}
		Log []struct{ Message string }
	}
	if err := json.Unmarshal(record.Steps, &recorded); err != nil {
		t.Fatalf("%s: %v", record.Steps, err)
	}
	if len(recorded.Steps) != 3 || recorded.Steps[0].Step != "two" || recorded.Steps[0].In != 1 || recorded.Steps[0].Out != 2 || recorded.Steps[2].Kind != "set" {
		t.Errorf("steps %+v", recorded.Steps)
	}
	if len(recorded.Log) != 2 || recorded.Log[1].Message != "saw 2" {
		t.Errorf("log %+v", recorded.Log)
	}
}

func TestTheLogHoldsNoItem(t *testing.T) {
	t.Parallel()
	var log *bytes.Buffer
	t.Run("run", func(t *testing.T) { // its cleanup has stopped the worker when it returns
		r := startWorker(t, map[string]string{"v": "steps:\n  - fail: 'about ${ . }'"})
		log = r.log
		r.run("v", `"planted-secret"`, time.Second)
	})
	if !strings.Contains(log.String(), `"state":"failed"`) || strings.Contains(log.String(), "planted-secret") {
		t.Errorf("log: %s", log)
	}
}

func TestNewWorkerRefusesAnIncompleteConfig(t *testing.T) {
	t.Parallel()
	conn, err := redisconn.Parse("redis://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	for name, cfg := range map[string]Config{
		"nothing":         {},
		"no queue":        {Redis: conn, Log: log, Versions: versions{}},
		"weight of zero":  {Redis: conn, Log: log, Versions: versions{}, Queues: map[string]int{"default": 0}},
		"no versions":     {Redis: conn, Log: log, Queues: map[string]int{"default": 1}},
		"an empty name":   {Redis: conn, Log: log, Versions: versions{}, Queues: map[string]int{"": 1}},
		"a hurried drain": {Redis: conn, Log: log, Versions: versions{}, Queues: map[string]int{"default": 1}, Drain: 1},
	} {
		if w, err := New(cfg); err == nil {
			t.Errorf("%s: accepted", name)
			_ = w.Close()
		}
	}
}

func TestAWaitedForVersionIsFoundWhenTheStoreIsBack(t *testing.T) {
	t.Parallel()
	flow, err := flows.Parse("f.yaml", []byte("flow: 1\nslug: test\nname: Test\ntrigger: webhook\nsteps:\n  - set: {a: 1}"), steps.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	flaky := &flakyVersions{fails: 2, flow: flow}
	r := &runner{cfg: Config{Versions: flaky}, log: slog.New(slog.DiscardHandler)}
	got, err := r.version(context.Background(), &queue.Attempt{})
	if err != nil || got != flow || flaky.fails != 0 {
		t.Errorf("found %v %v with %d failures left", got, err, flaky.fails)
	}
}

type flakyVersions struct {
	fails int
	flow  *flows.Flow
}

func (f *flakyVersions) Version(context.Context, int64, string) (*flows.Flow, error) {
	if f.fails > 0 {
		f.fails--
		return nil, errors.New("Redis is away")
	}
	return f.flow, nil
}

// The items that steps return are recorded when the flow says so, masked and up to a maximum.
func TestARunsRecordHoldsItems(t *testing.T) {
	t.Parallel()
	r := startWorker(t, map[string]string{
		"items": "run: {record: items}\nsteps:\n  - name: made\n    transform: 'range(25) | {n: ., token: \"planted-secret\"}'\n    redact: [token]\n" +
			"  - collect: '{n: 9007199254740993123}'\n  - transform: '{big: (\"x\" * 300000)}'",
		"steps": "steps:\n  - transform: '{a: 1}'",
	})
	steps := func(version string) (all []stepRecord) {
		ticket := r.submit(version, `{}`)
		if got := r.wait(ticket); got.State != queue.Succeeded {
			t.Fatalf("%+v %v", got, got.Error)
		}
		record, err := r.client.Record(t.Context(), ticket.RunID())
		if err != nil {
			t.Fatal(err)
		}
		var recorded struct{ Steps []stepRecord }
		if err := json.Unmarshal(record.Steps, &recorded); err != nil {
			t.Fatal(err)
		}
		return recorded.Steps
	}
	all := steps("items")
	var made []map[string]any
	if err := json.Unmarshal(all[0].Items, &made); err != nil || len(made) != maxItems || made[1]["token"] != "***" || !all[0].LeftOut {
		t.Errorf("%v %v, left out %v", err, made, all[0].LeftOut)
	}
	if string(all[1].Items) != `[{"n":9007199254740993123}]` || all[1].LeftOut {
		t.Errorf("%s, left out %v", all[1].Items, all[1].LeftOut)
	}
	if all[2].Items != nil || !all[2].LeftOut {
		t.Errorf("%d bytes, left out %v", len(all[2].Items), all[2].LeftOut)
	}
	if got := steps("steps"); got[0].Items != nil {
		t.Errorf("items of a flow that does not want them: %s", got[0].Items)
	}
}
