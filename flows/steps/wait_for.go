package steps

import (
	"context"
	"fmt"
	"time"

	"github.com/penstock/penstock/flows"
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
		Summary: "Parks the run until a signed URL is called; the JSON body of the call becomes the item.",
		Doc: "The nested steps send the URL to somebody: their item is `{url, expires, item}`, and their output is discarded. The " +
			"URL accepts one POST with a body of any form, JSON for instance; later ones have no effect. In a browser it shows a page with a " +
			"button, and the query string of the link becomes the body: `${ .url }?approved=true` is a link for a message. The " +
			"waiting run occupies no worker, and the time does not count towards the run's limit. Without a call in time the step " +
			"fails, which `on_error` may handle. In a test, a mock is the body of the call.",
		Params: []flows.Param{
			{Name: "within", Type: flows.TypeDuration, Default: "24h", Summary: "How long the URL is valid, at most 720h."},
			{Name: "max_body", Type: flows.TypeString, Summary: "Lets the call bring files: the largest body, at most 1GB. Without it files are part of the item, as text or base64."},
			{Name: "steps", Type: flows.TypeSteps, Required: true, Summary: "The steps that send the URL."},
		},
		Example:    "name: approval\nwait_for:\n  within: 72h\n  steps:\n    - http: {post: \"https://chat.example.org/hook\", json: {text: \"Approve ${ .item.amount }? ${ .url }?approved=true\"}}",
		Effect:     flows.Idempotent,
		ThroughEnv: true,
		New: func(args *flows.Args) (flows.Runner, error) {
			w := &waitForStep{within: defaultWithin, steps: args.Steps("steps")}
			if args.Has("within") {
				if w.within = args.Duration("within"); w.within < time.Second || w.within > maxWithin {
					return nil, args.Errorf("within", "within: expected 1s to %dh", int(maxWithin.Hours()))
				}
			}
			if args.Has("max_body") {
				size, ok := flows.ParseSize(args.String("max_body"))
				if w.maxBody = size; !ok || size < 1 || size > flows.MaxMaxBody {
					return nil, args.Errorf("max_body", "max_body is a size from 1B to 1GB, such as 100MB")
				}
			}
			return flows.RunFunc(w.run), nil
		},
	}
}

type waitForStep struct {
	within  time.Duration
	maxBody int64 // bytes; 0: a call brings no files
	steps   *flows.Block
}

// run is executed by every attempt until the journal has the call, or the failure of a call that did not arrive in
// time.
func (w *waitForStep) run(ctx context.Context, in *flows.Input) ([]any, error) {
	if in.Env().Callbacks == nil {
		return nil, failure.Errorf("wait_for is not available here")
	}
	v, err := in.Remember(ctx, "expires", func() (any, error) { return flows.Now(ctx).Add(w.within).UTC().Format(time.RFC3339), nil })
	if err != nil {
		return nil, err
	}
	said, _ := v.(string)
	expires, err := time.Parse(time.RFC3339, said)
	if err != nil {
		return nil, err
	}
	url, err := in.Env().Callbacks.URL(in.Key(), expires, w.maxBody)
	if err != nil {
		return nil, fmt.Errorf("make a callback URL: %w", err)
	}
	if _, err := w.steps.Run(ctx, in.With(map[string]any{"url": url, "expires": said, "item": in.Value()})); err != nil {
		return nil, err
	}
	if time.Now().Before(expires) {
		if err := in.Park(expires); err != nil {
			return nil, err
		}
		return nil, failure.Errorf("this run cannot be parked")
	}
	return nil, &flows.Error{Class: flows.ClassTimeout, Message: "no call within " + w.within.String()}
}
