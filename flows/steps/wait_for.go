package steps

import (
	"context"
	"fmt"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/flows/steps/internal/failure"
)

const (
	defaultWithin = 24 * time.Hour      // default of within
	maxWithin     = 30 * 24 * time.Hour // maximum of within
)

// waitFor parks an item until its URL is called.
func waitFor() flows.Kind {
	return flows.Kind{
		Name:    "wait_for",
		Summary: "Parks the run until a signed URL is called, or an event is published; the JSON body of the call, or the event, becomes the item.",
		Doc: "**A call**, without `event`. The nested steps send the URL to somebody: their item is `{url, expires, item}`, and their output is discarded. The " +
			"URL accepts one POST with a body of any form, JSON for instance; later ones have no effect. In a browser it shows a page with a " +
			"button, and the query string of the link becomes the body: `${ .url }?approved=true` is a link for a message. The " +
			"waiting run occupies no worker, and the time does not count towards the run's limit. Without a call in time the step " +
			"fails, which `on_error` may handle. In a test, a mock is the body of the call.\n\n" +
			"**An event**, with `event`. The step waits for an event of that [topic](topics.md) whose members have the values in `where`, and becomes it. It gets each event that is published " +
			"after it has begun to wait, also while the run is not parked yet, or on its way to another worker; none that was published before. With nested steps, it " +
			"begins to wait before they are executed, so that an answer to what they send is not missed; their item is `{expires, item}`. One event resumes all " +
			"steps that wait for it, each once. Without an event in time the step fails.\n\n" +
			"The values in `where` are texts, numbers or booleans; `order.id` is the member `id` of the member `order`. They are compared as JSON: the text `\"7\"` is not the " +
			"number 7, which 7.0 is. At most 5 members are compared, and 16 sets of members for one topic; at most 1,000 steps wait for the same values.",
		Params: []flows.Param{
			{Name: "event", Type: flows.TypeString, Names: flows.ResourceTopic, Summary: "The topic of the event; without it the step waits for a call.", Hint: "name the topic as it is"},
			{Name: "where", Type: flows.TypeFields, Default: "every event", Summary: "With event: values that members of the event must have."},
			{Name: "within", Type: flows.TypeDuration, Default: "24h", Summary: "How long the step waits, at most 720h."},
			{Name: "max_body", Type: flows.TypeString, Summary: "Lets the call bring files: the largest body, at most 1GB. Without it files are part of the item, as text or base64."},
			{Name: "steps", Type: flows.TypeSteps, Summary: "The steps that send the URL; required without event."},
		},
		Example:    "name: approval\nwait_for:\n  within: 72h\n  steps:\n    - http: {post: \"https://chat.example.org/hook\", json: {text: \"Approve ${ .item.amount }? ${ .url }?approved=true\"}}",
		Effect:     flows.Idempotent,
		ThroughEnv: true,
		New:        newWaitFor,
	}
}

func newWaitFor(args *flows.Args) (flows.Runner, error) {
	w := &waitForStep{topic: args.String("event"), where: args.Fields("where"), within: defaultWithin, steps: args.Steps("steps")}
	if args.Has("within") {
		if w.within = args.Duration("within"); w.within < time.Second || w.within > maxWithin {
			return nil, args.Refuse(problem.OutOfRange, "within", "within: expected 1s to %dh", int(maxWithin.Hours()))
		}
	}
	if args.Has("max_body") {
		size, ok := flows.ParseSize(args.String("max_body"))
		if w.maxBody = size; !ok || size < 1 || size > flows.MaxMaxBody {
			return nil, args.Refuse(problem.BadSize, "max_body", "max_body is a size from 1B to 1GB, such as 100MB")
		}
	}
	if !args.Has("event") {
		switch {
		case args.Has("where"):
			return nil, args.Refuse(problem.DependentKey, "where", "where needs event, the topic of the event")
		case w.steps == nil:
			return nil, args.Errorf("steps", "expected steps, which send the URL, or event, the topic to wait for")
		}
		return flows.RunFunc(w.run), nil
	}
	switch reason := flows.CheckTopic(w.topic); {
	case reason != "":
		return nil, args.Refuse(problem.BadName, "event", "event: %s", reason)
	case args.Has("max_body"):
		return nil, args.Refuse(problem.MeaninglessKey, "max_body", "max_body is for a call: an event has no files")
	case len(w.where) > flows.MaxWhere:
		return nil, args.Errorf("where", "where: at most %d members are compared", flows.MaxWhere)
	}
	return flows.RunFunc(w.awaitEvent), nil
}

type waitForStep struct {
	topic   string // empty: it waits for a call
	where   []flows.Field
	within  time.Duration
	maxBody int64        // bytes; 0: a call brings no files
	steps   *flows.Block // nil: none
}

// run is executed by every attempt until the journal has the call, or the failure of a call that did not arrive in
// time.
func (w *waitForStep) run(ctx context.Context, in *flows.Input) ([]any, error) {
	if in.Env().Callbacks == nil {
		return nil, failure.Errorf("wait_for is not available here")
	}
	expires, err := w.expires(ctx, in)
	if err != nil {
		return nil, err
	}
	url, err := in.Env().Callbacks.URL(in.Key(), expires, w.maxBody)
	if err != nil {
		return nil, fmt.Errorf("make a callback URL: %w", err)
	}
	if _, err := w.steps.Run(ctx, in.With(map[string]any{"url": url, "expires": expires.Format(time.RFC3339), "item": in.Value()})); err != nil {
		return nil, err
	}
	return nil, w.park(in, expires, "call")
}

// expires returns the time at which the step stops waiting, in UTC: the same in every attempt.
func (w *waitForStep) expires(ctx context.Context, in *flows.Input) (time.Time, error) {
	v, err := in.Remember(ctx, "expires", func() (any, error) { return flows.Now(ctx).Add(w.within).UTC().Format(time.RFC3339), nil })
	if err != nil {
		return time.Time{}, err
	}
	said, _ := v.(string)
	return time.Parse(time.RFC3339, said)
}

// park returns the error that parks the run until the time, or that nothing has come until then.
func (w *waitForStep) park(in *flows.Input, expires time.Time, what string) error {
	if !time.Now().Before(expires) {
		return &flows.Error{Class: flows.ClassTimeout, Message: "no " + what + " within " + w.within.String()}
	}
	if err := in.ParkForEvent(expires, w.topic); err != nil { // without a topic it waits for a call
		return err
	}
	return failure.Errorf("this run cannot be parked")
}

// awaitEvent is executed by every attempt until the journal has the event, or the failure of one that was not published in
// time.
func (w *waitForStep) awaitEvent(ctx context.Context, in *flows.Input) ([]any, error) {
	topics := in.Env().Topics
	if topics == nil {
		return nil, failure.Errorf("no events can be waited for here")
	}
	expires, err := w.expires(ctx, in)
	if err != nil {
		return nil, err
	}
	wait := flows.EventWait{Topic: w.topic, Key: in.Key(), Expires: expires, Where: make(map[string]any, len(w.where))}
	for _, field := range w.where {
		if wait.Where[field.Name], err = field.Value.Render(ctx, in); err != nil {
			return nil, err
		}
	}
	if !time.Now().Before(expires) {
		if err := topics.Forget(ctx, wait); err != nil {
			return nil, err
		}
		return nil, w.park(in, expires, "event")
	}
	if err := topics.Await(ctx, wait); err != nil {
		return nil, err
	}
	if w.steps != nil {
		if _, err := w.steps.Run(ctx, in.With(map[string]any{"expires": expires.Format(time.RFC3339), "item": in.Value()})); err != nil {
			return nil, err
		}
	}
	return nil, w.park(in, expires, "event")
}
