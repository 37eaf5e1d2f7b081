package worker

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/queue"
)

// states returns how many runs of each flow are in which state.
func (d *durable) states() map[string]int {
	d.t.Helper()
	states := map[string]int{}
	if _, _, err := d.client.List(d.t.Context(), queue.List{}, func(r *queue.Record) {
		states[fmt.Sprintf("%d %s", r.Flow, r.State)]++
	}); err != nil {
		d.t.Fatal(err)
	}
	return states
}

func (d *durable) haveStates(want map[string]int) {
	d.t.Helper()
	testenv.Eventually(d.t, func() string { return cmp.Diff(want, d.states()) })
}

func TestAnEventStartsARunOfEachSubscriber(t *testing.T) {
	t.Parallel()
	d := startDurable(t, `flow: 1
slug: shop
steps:
  - publish: order.paid
    event: {order: "${ .id }"}
  - transform: '{flows: (.runs | map(.flow)), ids: (.runs | map(.run_id | length > 0) | all), refused, resumed}'
`, `flow: 2
slug: receipts
trigger: {topic: order.paid}
steps: [{transform: '{receipt: .order}'}]
`, `flow: 3
slug: statistics
trigger: {topic: order.paid}
run: {fair_by: "${ .order | error }"}
steps: [{transform: .}]
`, `flow: 4
slug: other
trigger: {topic: order.refunded}
steps: [{transform: .}]
`)
	d.wait(d.submit("shop", `{"id":7}`), `[{"flows":[2],"ids":true,"refused":[{"flow":3,"reason":"run.fair_by of the other flow: .order | error: error: 7"}],"resumed":0}]`)
	d.haveStates(map[string]int{"1 succeeded": 1, "2 succeeded": 1})
}

func TestEventsInACircleEnd(t *testing.T) {
	t.Parallel()
	d := startDurable(t, "flow: 1\nslug: a\ntrigger: {topic: x}\nsteps: [{publish: x}]\n")
	d.submit("a", `{}`).Close()
	if runs := d.ended(); len(runs) != maxChain+1 {
		t.Errorf("%d runs, want %d", len(runs), maxChain+1)
	}
}

// One event resumes all runs that wait for it, each once; those that wait for other values go on waiting.
func TestRunsThatWaitForAnEvent(t *testing.T) {
	t.Parallel()
	d := startDurable(t, `flow: 1
slug: waiter
steps:
  - wait_for:
      event: order.paid
      where: {order.id: "${ .id }", kind: full}
      within: 1h
      steps: [{http: {post: SINK, json: {n: "${ .item.id }"}}}]
  - transform: '{paid: .order.id, total}'
`, `flow: 2
slug: till
steps: [{publish: order.paid}, {transform: .resumed}]
`)
	var waiting []*queue.Ticket
	for _, event := range []string{`{"id":7}`, `{"id":7}`, `{"id":"7"}`} {
		ticket := d.submit("waiter", event)
		waiting = append(waiting, ticket)
		d.nextRequest()
		d.waits(ticket.RunID())
	}
	for event, resumed := range map[string]string{
		`{"order":{"id":7},"kind":"part"}`: "[0]", `{"order":{"id":8},"kind":"full"}`: "[0]", `{"order":7,"kind":"full"}`: "[0]", `7`: "[0]",
	} {
		d.wait(d.submit("till", event), resumed)
	}
	d.wait(d.submit("till", `{"order":{"id":7},"kind":"full","total":12.50}`), "[2]")
	d.wait(waiting[0], `[{"paid":7,"total":12.50}]`)
	d.wait(waiting[1], `[{"paid":7,"total":12.50}]`)
	d.wait(d.submit("till", `{"order":{"id":7},"kind":"full"}`), "[0]")
	if record := d.reaches(waiting[2].RunID(), queue.Waiting); !strings.Contains(string(record.Steps), "wait_for") {
		t.Errorf("steps %s", record.Steps)
	}
	if len(d.received) != 3 {
		t.Errorf("the sink got %v", d.received)
	}
}

// The step begins to wait before its nested steps are executed: an event that they cause is not missed.
func TestAnEventBeforeTheRunIsParked(t *testing.T) {
	t.Parallel()
	d := startDurable(t, `flow: 1
slug: waiter
steps:
  - wait_for:
      event: answer
      where: {to: "${ .id }"}
      within: 1h
      steps: [{publish: answer, event: {to: "${ .item.id }", text: "yes"}}]
  - transform: .text
`)
	d.wait(d.submit("waiter", `{"id":"a"}`), `["yes"]`)
}

func TestNoEventInTime(t *testing.T) {
	t.Parallel()
	d := startDurable(t, `flow: 1
slug: waiter
steps:
  - wait_for: {event: never, within: 1s}
    on_error: continue
  - transform: .error | .message? // .
`)
	d.wait(d.submit("waiter", `{}`), `["no event within 1s"]`)
	if keys, err := d.redis.Keys(t.Context(), "penstock:{topic:*waiting*").Result(); err != nil || len(keys) != 0 {
		t.Errorf("left %v, %v", keys, err)
	}
}
