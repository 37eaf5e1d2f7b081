package cookbook_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/connectors"
	"github.com/penstock/penstock/flows/cookbook"
	"github.com/penstock/penstock/flows/steps"
)

// ledger is the journal of one run, over all its attempts.
type ledger struct {
	mu      sync.Mutex
	entries map[string]flows.Recorded // guarded by mu
}

func (l *ledger) Start(_ context.Context, key string, _ flows.Effect) (flows.Recorded, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.entries[key]
	l.entries[key] = flows.Recorded{Started: true, Result: before.Result}
	return before, nil
}

func (l *ledger) Finish(_ context.Context, key string, result []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries[key] = flows.Recorded{Started: true, Result: result}
	return nil
}

// delivery is a run of the flow, with what the caller got.
type delivery struct {
	run     flows.Run
	journal *ledger
	env     flows.Env
	flow    *flows.Flow
	answers []flows.Response
}

// deliver takes a form as event of a new run.
func (z *zoom) deliver(env flows.Env, flow *flows.Flow, id, form string) *delivery {
	z.t.Helper()
	event, err := flows.DecodeJSON([]byte(form))
	if err != nil {
		z.t.Fatal(err)
	}
	d := &delivery{run: flows.Run{ID: id, Event: event}, journal: &ledger{entries: map[string]flows.Recorded{}}, env: env, flow: flow}
	d.env.Journal = d.journal
	d.env.Respond = func(_ context.Context, r flows.Response) error {
		d.answers = append(d.answers, r)
		return nil
	}
	return d
}

// attempt executes the run once more.
func (d *delivery) attempt(ctx context.Context) error {
	d.run.Attempt++
	_, err := d.flow.Execute(ctx, d.run, d.env)
	return err
}

// impatient is the flow with pauses of milliseconds between attempts at Zoom.
func impatient(t *testing.T) *flows.Flow {
	t.Helper()
	_, source, err := connectors.Shipped().Connector("zoom")
	if err != nil {
		t.Fatal(err)
	}
	quick := strings.Replace(string(source), "backoff: 1s", "backoff: 1ms", 1)
	if quick == string(source) {
		t.Fatal("the connector has another pause")
	}
	text, err := cookbook.FS.ReadFile("event-to-zoom.yaml")
	if err != nil {
		t.Fatal(err)
	}
	found := connectors.In(fstest.MapFS{"zoom.yaml": {Data: []byte(quick)}}, "quick", connectors.Shipped())
	flow, err := flows.Parse("event-to-zoom.yaml", text, steps.Catalogue().WithConnectors(found))
	if err != nil {
		t.Fatal(err)
	}
	return flow
}

const ada = `{"email": "Ada@Example.org", "name": "Ada King Lovelace", "event": "open-day"}`

// A worker is lost after Zoom has registered the person and before its answer is recorded: the run is delivered again. Then the
// form comes again as another delivery. There is one registrant, and each caller gets the URL.
func TestRegistrationIsRedelivered(t *testing.T) {
	t.Parallel()
	z := newZoom(t)
	env, flow := z.env(), impatient(t)
	first := z.deliver(env, flow, "run 1", ada)
	ctx, kill := context.WithCancel(t.Context())
	z.lose = kill
	if err := first.attempt(ctx); err == nil {
		t.Fatal("the answer was not lost")
	}
	if len(z.registrants["21"]) != 1 || len(first.answers) != 0 {
		t.Fatalf("registered %v, answered %v", z.registrants, first.answers)
	}
	if err := first.attempt(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := z.deliver(env, flow, "run 2", strings.ToLower(ada))
	if err := again.attempt(t.Context()); err != nil {
		t.Fatal(err)
	}
	const want = `{"join_url":"https://zoom.us/w/21?tk=r1","start":"2026-11-21T10:00:00Z","topic":"meetings 21"}`
	for _, d := range []*delivery{first, again} {
		if len(d.answers) != 1 || d.answers[0].Status != 201 || string(d.answers[0].Body) != want {
			t.Errorf("answered %+v", d.answers)
		}
	}
	if diff := cmp.Diff(map[string]map[string]string{"21": {"ada@example.org": "r1"}}, z.registrants); diff != "" {
		t.Errorf("registrants (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"Ada King Lovelace comes to meetings 21."}, z.told); diff != "" {
		t.Errorf("Slack (-want +got)\n%s", diff)
	}
	if z.posts != 2 || z.tokens != 1 {
		t.Errorf("%d requests for registration, of which one was lost, and %d tokens", z.posts, z.tokens)
	}
}

// A run that is delivered again after it has answered sends nothing again.
func TestRegistrationIsDone(t *testing.T) {
	t.Parallel()
	z := newZoom(t)
	d := z.deliver(z.env(), impatient(t), "run 1", ada)
	for range 2 {
		if err := d.attempt(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if z.posts != 1 || len(z.told) != 1 {
		t.Errorf("%d requests for registration, told %q", z.posts, z.told)
	}
}

// Zoom throttles two requests: the third registers the person.
func TestRegistrationIsThrottled(t *testing.T) {
	t.Parallel()
	z := newZoom(t)
	z.throttled = 2
	d := z.deliver(z.env(), impatient(t), "run 1", strings.Replace(ada, "open-day", "info-evening", 1))
	if err := d.attempt(t.Context()); err != nil {
		t.Fatal(err)
	}
	if z.posts != 3 || len(z.registrants["22"]) != 1 || len(d.answers) != 1 {
		t.Errorf("%d requests, registered %v, answered %+v", z.posts, z.registrants, d.answers)
	}
}

// An event without a number is found by its topic on the second page of the host's meetings.
func TestRegistrationByTopic(t *testing.T) {
	t.Parallel()
	z := newZoom(t)
	d := z.deliver(z.env(), impatient(t), "run 1", strings.Replace(ada, "open-day", "Choir", 1))
	if err := d.attempt(t.Context()); err != nil || len(z.registrants["12"]) != 1 {
		t.Errorf("%v, registered %v", err, z.registrants)
	}
}

// The response says why a meeting accepts no registrant. A later call tries again, because the failure is not stored.
func TestRegistrationIsRefused(t *testing.T) {
	t.Parallel()
	z := newZoom(t)
	env, flow := z.env(), impatient(t)
	for event, want := range map[string]struct {
		code   flows.Code
		status int
	}{
		"over": {"event_over", 410}, "full": {"event_full", 409}, "full-webinar": {"event_full", 409}, "gone": {"no_such_event", 404}, "Ball": {"no_such_event", 404},
	} {
		before := z.posts
		for i := range 2 {
			d := z.deliver(env, flow, event+string(rune('0'+i)), strings.Replace(ada, "open-day", event, 1))
			var failed *flows.Error
			if err := d.attempt(t.Context()); !errors.As(err, &failed) || failed.Code != want.code || failed.Status != want.status || len(d.answers) != 0 {
				t.Errorf("%s: %v, answered %+v", event, err, d.answers)
			}
		}
		if event != "Ball" && z.posts != before+2 {
			t.Errorf("%s: %d requests", event, z.posts-before)
		}
	}
	if len(z.told) != 0 {
		t.Errorf("Slack was told %q", z.told)
	}
}
