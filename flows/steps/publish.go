package steps

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/flows/steps/internal/failure"
)

// publish hands an event to all flows that subscribe to a topic, and to all runs that wait for it.
func publish() flows.Kind {
	return flows.Kind{
		Name:    "publish",
		Summary: "Publishes each item as an event of a topic: each flow with this topic as its trigger gets a run, and runs that wait for the event go on.",
		Doc: "Who gets the event is decided when the step first executes the item, and not changed by retries or by a later attempt: the flows that " +
			"subscribe then and are enabled, and the runs that wait then. Each of these flows gets one run, in its current version, also when this run is " +
			"retried, resumed or moved to another worker. A run of a paused flow waits for the end of the pause. With a `key`, events of the topic with the " +
			"same key are one event for each flow, for 24 hours.\n\n" +
			"The item becomes `{topic, runs, refused, resumed}`: `runs` is a list of `{flow, run_id}`, `resumed` the number of steps that waited for the event. " +
			"A flow that can never take the event, because it has been deleted or its `fair_by` cannot be computed, is in `refused` with the reason, and the step succeeds. " +
			"When a run cannot be accepted at the moment, the step hands the event to all others and then fails; `retry`, or resuming the run, reaches those that are " +
			"left. When this worker is too old for one of the flows, another worker continues the run. `as` keeps the item. With no subscriber the step succeeds.\n\n" +
			"An event has at most 256 KiB as JSON, a topic at most 100 subscribers. Runs that start each other, also by events, do so to a depth of 32, as with `emit`.",
		Params: []flows.Param{
			{Name: "topic", Type: flows.TypeString, Names: flows.ResourceEvent, Required: true, Inline: true, Summary: "The name of the topic: letters, digits, dots, - and _.", Hint: "name the topic as it is; use switch to choose among several"},
			{Name: "event", Type: flows.TypeTemplate, Default: "the item", Summary: "The event."},
			{Name: "key", Type: flows.TypeTemplate, Summary: "Events of the topic with the same key are one event."},
		},
		Example:      "publish: order.paid\nevent: {order: \"${ .id }\", total: \"${ .total }\"}\nas: published",
		Effect:       flows.Idempotent,
		InternalOnly: true,
		New: func(args *flows.Args) (flows.Runner, error) {
			p := &publishStep{topic: args.String("topic"), event: args.Template("event"), key: args.Template("key")}
			if reason := flows.CheckTopic(p.topic); reason != "" {
				return nil, args.Refuse(problem.BadName, "topic", "topic: %s", reason)
			}
			return flows.RunFunc(p.run), nil
		},
	}
}

type publishStep struct {
	topic string
	event *flows.Template // nil: the item
	key   *flows.Template // nil: one key for each run, step and item
}

func (p *publishStep) run(ctx context.Context, in *flows.Input) ([]any, error) {
	topics := in.Env().Topics
	if topics == nil {
		return nil, failure.Errorf("no events can be published here")
	}
	event, err := eventFor(ctx, in, p.event)
	if err != nil {
		return nil, err
	}
	key := "step:" + in.RunKey()
	if p.key != nil {
		said, err := p.key.Text(ctx, in)
		if err != nil {
			return nil, err
		}
		if said == "" {
			return nil, failure.Errorf("the key is empty")
		}
		key = "key:" + said
	}
	audience, err := p.audience(ctx, in, topics)
	if err != nil {
		return nil, err
	}
	done, err := topics.Publish(ctx, flows.Publication{Topic: p.topic, Event: event, Key: key, Window: emitWindow, Audience: audience})
	if err != nil {
		return nil, err
	}
	for _, r := range done.Refused {
		in.Log("warn", "a flow did not take the event", map[string]any{"flow": r.Flow, "reason": r.Reason})
	}
	text, err := json.Marshal(struct {
		Topic string `json:"topic"`
		flows.Published
	}{p.topic, done})
	if err != nil {
		return nil, fmt.Errorf("encode what an event has started: %w", err)
	}
	result, err := flows.DecodeJSON(text)
	return []any{result}, err
}

// audience returns who gets the event: those whom the first execution of the item has found.
func (p *publishStep) audience(ctx context.Context, in *flows.Input, topics flows.Topics) (a flows.Audience, err error) {
	var v any
	v, err = in.Remember(ctx, "audience", func() (any, error) { return topics.Audience(ctx, p.topic) })
	if err != nil {
		return a, err
	}
	if a, first := v.(flows.Audience); first {
		return a, nil
	}
	if err := json.Unmarshal(flows.EncodeJSON(v), &a); err != nil {
		return a, fmt.Errorf("read the audience of an event: %w", err)
	}
	return a, nil
}
