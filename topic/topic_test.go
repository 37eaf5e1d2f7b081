package topic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/queue"
)

// world is the flows and runs that events reach.
type world struct {
	mu       sync.Mutex
	flows    []int64            // that subscribe to every topic
	started  map[string]string  // runs by flow and key
	results  map[string]string  // by run and step
	failures map[string][]error // of flows, "7", and of steps, "run key", in the order of the calls; nil: none
}

func newWorld(flows ...int64) *world {
	return &world{flows: flows, started: map[string]string{}, results: map[string]string{}, failures: map[string][]error{}}
}

func (w *world) Subscribers(string) []int64 { return w.flows }

func (w *world) fails(what string) error {
	if all := w.failures[what]; len(all) > 0 {
		w.failures[what] = all[1:]
		return all[0]
	}
	return nil
}

// Emit fails before or after it has accepted the run: an error that says "lost" is a lost reply.
func (w *world) Emit(_ context.Context, e flows.Emission) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.fails(e.Flow)
	if id := e.Flow + " " + e.Key; w.started[id] == "" && (err == nil || strings.Contains(err.Error(), "lost")) {
		w.started[id] = fmt.Sprintf("run%d", len(w.started))
	}
	return w.started[e.Flow+" "+e.Key], err
}

func (w *world) Call(_ context.Context, run, key string, result []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	step := run + " " + key
	if w.results[step] != "" {
		return queue.ErrCalled
	}
	err := w.fails(step)
	if err == nil || strings.Contains(err.Error(), "lost") {
		w.results[step] = string(result)
	}
	return err
}

func (w *world) topics(t *testing.T) (*Topics, redis.UniversalClient) {
	t.Helper()
	client := testenv.Redis(t).Client()
	return New(Config{Redis: client, Subscribers: w, Runs: w}), client
}

func wait(t *testing.T, topics *Topics, run string, where map[string]any) error {
	t.Helper()
	return topics.Await(t.Context(), run, flows.EventWait{Topic: "x", Where: where, Key: "wait.0", Expires: time.Now().Add(time.Hour)})
}

func publication(t *testing.T, topics *Topics, event any) flows.Publication {
	t.Helper()
	audience, err := topics.Audience(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	return flows.Publication{Topic: "x", Event: event, Key: "k", Window: time.Hour, Audience: audience}
}

var (
	lost    = &flows.Error{Message: "lost", Class: flows.ClassNetwork}
	refused = &flows.Error{Message: "no such flow"}
)

// Whatever replies are lost, each flow gets one run and each step one event when the publication is repeated.
func TestPublicationsThatAreRepeated(t *testing.T) {
	t.Parallel()
	w := newWorld(1, 2, 3)
	topics, client := w.topics(t)
	for i := range 3 {
		if err := wait(t, topics, fmt.Sprintf("r%d", i), map[string]any{"id": json.Number("7")}); err != nil {
			t.Fatal(err)
		}
	}
	p := publication(t, topics, map[string]any{"id": json.Number("7")})
	if err := wait(t, topics, "late", map[string]any{"id": json.Number("7")}); err != nil {
		t.Fatal(err)
	}
	w.failures = map[string][]error{
		"1": {lost}, "2": {nil, &flows.Error{Message: "full", Class: flows.ClassNetwork}}, "r1 wait.0": {errors.New("away"), errors.New("lost")},
	}
	for try := 1; ; try++ {
		done, err := topics.Publish(t.Context(), w, p)
		if err == nil {
			if len(done.Runs) != 3 || try != 3 {
				t.Errorf("try %d: %+v", try, done)
			}
			break
		}
		var known *flows.Error
		if !errors.As(err, &known) || known.Class != flows.ClassNetwork || try > 3 {
			t.Fatalf("try %d: %v", try, err)
		}
	}
	if len(w.started) != 3 {
		t.Errorf("started %v", w.started)
	}
	want := map[string]string{}
	for i := range 3 {
		want[fmt.Sprintf("r%d wait.0", i)] = `{"items":[{"id":7}]}`
	}
	if diff := cmp.Diff(want, w.results); diff != "" {
		t.Error(diff)
	}
	list, _, err := placeOf(flows.EventWait{Topic: "x", Where: map[string]any{"id": json.Number("7")}})
	if err != nil {
		t.Fatal(err)
	}
	if left := client.ZRange(t.Context(), list, 0, -1).Val(); !slices.Equal(left, []string{"late wait.0"}) {
		t.Errorf("left %v", left)
	}
	if life := client.PTTL(t.Context(), list).Val(); life < 50*time.Minute || life > time.Hour {
		t.Errorf("it lives %v", life)
	}
}

// The other flows get an event that one of them cannot take; the flows that never can are returned.
func TestAFlowThatCannotTakeAnEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(1, 2, 3)
	topics, _ := w.topics(t)
	w.failures = map[string][]error{"1": {refused, refused}, "2": {&flows.Error{Message: "full", Class: flows.ClassNetwork}}}
	p := publication(t, topics, nil)
	done, err := topics.Publish(t.Context(), w, p)
	if err == nil || !strings.Contains(err.Error(), "handed to 1 flows, and not yet to 1 others: flow 2: full") || len(done.Runs) != 1 {
		t.Errorf("%+v, %v", done, err)
	}
	done, err = topics.Publish(t.Context(), w, p)
	if err != nil || len(done.Runs) != 2 || !slices.Equal(done.Refused, []flows.RefusedEvent{{Flow: 1, Reason: "no such flow"}}) {
		t.Errorf("%+v, %v", done, err)
	}
}

func TestPublishOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(1)
	topics, client := w.topics(t)
	p := flows.Publication{Topic: "x", Event: "a", Key: "k", Window: time.Hour}
	for range 2 {
		done, err := topics.PublishOnce(t.Context(), w, p)
		if err != nil || len(done.Runs) != 1 || done.Runs[0].Run != "run0" {
			t.Errorf("%+v, %v", done, err)
		}
		w.flows = []int64{1, 2} // who subscribes later gets nothing of it
	}
	p.Event = "b"
	if _, err := topics.PublishOnce(t.Context(), w, p); err == nil || !strings.Contains(err.Error(), "another event") {
		t.Errorf("%v", err)
	}
	if life := client.PTTL(t.Context(), keysOf("x").event("k")).Val(); life <= 0 || life > time.Hour {
		t.Errorf("it lives %v", life)
	}
}

func TestBoundsOfTopics(t *testing.T) {
	t.Parallel()
	w := newWorld()
	topics, _ := w.topics(t)
	for i := range flows.MaxWhereShapes {
		if err := wait(t, topics, "r", map[string]any{fmt.Sprint("m", i): true}); err != nil {
			t.Fatal(err)
		}
	}
	if err := wait(t, topics, "r", map[string]any{"n": true}); err == nil || !strings.Contains(err.Error(), "16 sets of members") {
		t.Errorf("%v", err)
	}
	for i := range flows.MaxWaitingRuns {
		if err := wait(t, topics, fmt.Sprint(i), map[string]any{"m0": "v"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := wait(t, topics, "r", map[string]any{"m0": "v"}); err == nil || !strings.Contains(err.Error(), "1000 steps wait") {
		t.Errorf("%v", err)
	}
	if err := wait(t, topics, "5", map[string]any{"m0": "v"}); err != nil {
		t.Errorf("a repetition: %v", err)
	}
	for _, v := range []any{nil, []any{}, map[string]any{}, strings.Repeat("x", 600)} {
		if err := wait(t, topics, "r", map[string]any{"m0": v}); err == nil || !strings.Contains(err.Error(), "m0 is no text, number or boolean") {
			t.Errorf("%v: %v", v, err)
		}
	}
	if _, err := topics.Publish(t.Context(), w, publication(t, topics, strings.Repeat("x", 300<<10))); err == nil || !strings.Contains(err.Error(), "262144 are allowed") {
		t.Errorf("%v", err)
	}
	w.flows = make([]int64, flows.MaxSubscribers+1)
	if _, err := topics.Audience(t.Context(), "x"); err == nil || !strings.Contains(err.Error(), "101 flows subscribe") {
		t.Errorf("%v", err)
	}
}

func TestValuesOfAnEvent(t *testing.T) {
	t.Parallel()
	event, err := flows.DecodeJSON([]byte(`{"a":{"b":1.50},"c":"x","n":null}`))
	if err != nil {
		t.Fatal(err)
	}
	for shape, want := range map[string]string{`[]`: `[]`, `["a.b","c"]`: `[15e-1,"x"]`, `["a"]`: "", `["n"]`: "", `["c.d"]`: "", `["z"]`: ""} {
		got, has := valuesOf(event, shape)
		if has != (want != "") || has && got != shape+want {
			t.Errorf("%s: %s, %v", shape, got, has)
		}
	}
}

// Numbers are equal by value, and texts by their bytes.
func TestEqualValues(t *testing.T) {
	t.Parallel()
	number := func(text string) any { return json.Number(text) }
	for _, c := range []struct {
		a, b  any
		equal bool
	}{
		{number("12.5"), number("12.50"), true},
		{number("12.5"), number("1.25e1"), true},
		{number("12.5"), number("0.0125E+3"), true},
		{number("7"), number("7.0"), true},
		{number("700"), number("7e2"), true},
		{number("0"), number("-0.000"), true},
		{number("-0.5"), number("-5e-1"), true},
		{number("12345678901234567890.12"), number("12345678901234567890.120"), true},
		{number("7"), number("70"), false},
		{number("7"), number("-7"), false},
		{number("0.7"), number("0.07"), false},
		{number("12345678901234567890.12"), number("12345678901234567890.13"), false},
		{number("1e99999999999"), number("1e99999999999"), true},
		{number("7"), "7", false},
		{number("1"), true, false},
		{"7", "7.0", false},
		{`a","b`, "a", false},
	} {
		if got := textOf([]any{c.a}) == textOf([]any{c.b}); got != c.equal {
			t.Errorf("%v and %v: %s, %s", c.a, c.b, textOf([]any{c.a}), textOf([]any{c.b}))
		}
	}
	if textOf([]any{"a", "b"}) == textOf([]any{`a","b`}) {
		t.Error("two texts are one")
	}
}
