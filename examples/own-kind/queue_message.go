package main

import (
	"bytes"
	"context"
	"net/http"

	"github.com/penstock/penstock/flows"
)

// queueMessage is a kind that does something to the world, through a service
// of the team's own. The frame records what became of it, so that a run which
// is resumed does not do it again.
func queueMessage() flows.Kind {
	return flows.Kind{
		Name:    "queue_message",
		Summary: "Puts the item onto the team's message bus.",
		Params: []flows.Param{
			{Name: "bus", Type: flows.TypeTemplate, Required: true, Summary: "URL of the bus."},
			{Name: "topic", Type: flows.TypeString, Required: true, Inline: true, Summary: "Who should hear of it."},
		},
		Example:    "queue_message: enrolments\nbus: ${ $vars.bus }",
		Effect:     flows.Once,
		ThroughEnv: true,
		New: func(args *flows.Args) (flows.Runner, error) {
			bus, topic := args.Template("bus"), args.String("topic")
			return flows.RunFunc(func(ctx context.Context, in *flows.Input) ([]any, error) {
				url, err := bus.Text(ctx, in)
				if err != nil {
					return nil, err
				}
				return []any{in.Value()}, put(ctx, in, url+"/"+topic)
			}), nil
		},
	}
}

func put(ctx context.Context, in *flows.Input, url string) error {
	if in.Env().HTTP == nil {
		return &flows.Error{Message: "there is no network here"}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(flows.EncodeJSON(in.Value())))
	if err != nil {
		return &flows.Error{Message: "the URL of the bus cannot be used"}
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", in.RunKey()) // the same in every attempt
	w, err := in.Env().HTTP.RoundTrip(r)
	if err != nil {
		return &flows.Error{Message: "the bus does not answer", Class: flows.ClassNetwork, Err: err}
	}
	defer w.Body.Close()
	if w.StatusCode >= 300 {
		return &flows.Error{Message: "the bus refused the message", Upstream: w.StatusCode} // retry.on looks at it
	}
	return nil
}
