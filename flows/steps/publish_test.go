package steps_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
)

// audiences is the Topics of a test: each call of Audience finds another one.
type audiences struct {
	flows.Topics
	found     int64
	published []flows.Publication
	lost      func() // called after the first publication
}

func (a *audiences) Audience(context.Context, string) (flows.Audience, error) {
	a.found++
	return flows.Audience{At: a.found, Flows: []int64{a.found}}, nil
}

func (a *audiences) Publish(ctx context.Context, p flows.Publication) (flows.Published, error) {
	if a.published = append(a.published, p); a.lost != nil {
		a.lost()
		return flows.Published{}, ctx.Err()
	}
	return flows.Published{Runs: []flows.PublishedRun{{Flow: p.Audience.Flows[0], Run: "r"}}, Refused: []flows.RefusedEvent{}}, nil
}

// The attempt after one that is lost publishes to the same audience with the same key.
func TestAnAudienceIsThatOfTheFirstAttempt(t *testing.T) {
	t.Parallel()
	r := newDurableRun(t, "  - publish: x\n  - transform: '.runs[0].flow'\n")
	ctx, cancel := context.WithCancel(t.Context())
	topics := &audiences{lost: cancel}
	r.env.Topics = topics
	if _, err := r.flow.Execute(ctx, flows.Run{ID: "run", Event: "e"}, r.env); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	topics.lost = nil
	r.done("e", "[1]")
	want := flows.Publication{Topic: "x", Event: "e", Key: "step:run.publish.0", Window: 24 * 60 * 60 * 1e9, Audience: flows.Audience{At: 1, Flows: []int64{1}}}
	if diff := cmp.Diff([]flows.Publication{want, want}, topics.published); diff != "" {
		t.Error(diff)
	}
}

func TestMistakesInTopicSteps(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"publish: a b":                               "topic: the name of a topic is",
		"wait_for: {event: a b}":                     "event: the name of a topic is",
		"wait_for: {within: 1h}":                     "expected steps, which send the URL, or event",
		"wait_for: {where: {a: 1}, steps: [log: x]}": "where needs event",
		"wait_for: {event: x, max_body: 1MB}":        "max_body is for a call",
		"wait_for: {event: x, where: {a: 1, b: 1, c: 1, d: 1, e: 1, f: 1}}": "at most 5 members",
		"changes: {name: a b, key: x, steps: [log: x]}":                     "the name of a snapshot is",
		"changes: {name: a, key: x, max_gone: 101%, steps: [log: x]}":       "max_gone: expected a number of keys",
		"changes: {name: a, key: x, max_gone: -1, steps: [log: x]}":         "max_gone: expected a number of keys",
		"changes: {name: a, key: x, for: 1s, steps: [log: x]}":              "for: a snapshot is kept",
	} {
		_, err := flows.Parse("test.yaml", []byte("flow: 1\nsteps:\n  - "+source+"\n"), steps.Catalogue())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", source, err, want)
		}
	}
	if _, err := flows.Parse("test.yaml", []byte("flow: 1\ntrigger: {topic: a b}\nsteps: [log: x]\n"), steps.Catalogue()); err == nil || !strings.Contains(err.Error(), "topic: the name of a topic is") {
		t.Errorf("%v", err)
	}
}
