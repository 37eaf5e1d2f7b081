package steps

import (
	"context"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/internal/content"
	"github.com/penstock/penstock/flows/steps/internal/failure"
)

// webhook sends webhooks to the systems of others.
func webhook() flows.Kind {
	return flows.Kind{
		Name:    "webhook",
		Summary: "Sends a signed webhook to a URL, with further tries over hours; the item becomes `{id, state}`.",
		Doc: "The webhook is accepted when the step ends; it is sent on its own, also after the run. It is signed as [Standard Webhooks]" +
			"(https://www.standardwebhooks.com) describes it: the body is `{type, timestamp, data}`, and receivers verify it with one of the published libraries. " +
			"`id` is the header `webhook-id`: equal in every try and every attempt of the run, so that a receiver can recognise a repetition. `state` is `pending`, or " +
			"`disabled` when the endpoint is disabled and nothing is sent.\n\n" +
			"[Outgoing webhooks](outgoing-webhooks.md) says when it is tried again, when an endpoint is disabled, and how to see and repeat deliveries.",
		Params: []flows.Param{
			{Name: "url", Type: flows.TypeTemplate, Required: true, Summary: "The https URL of the receiver, at most 2048 bytes."},
			{Name: "secret", Type: flows.TypeTemplate, Names: flows.ResourceSecret, Required: true, Summary: "The name of the stored secret that signs it, `whsec_` and the base64 of 24 to 64 bytes, or a list of up to 4 while one replaces another. Do not take the name from data of others."},
			{Name: "type", Type: flows.TypeTemplate, Required: true, Summary: "The type of the event, such as `order.paid`."},
			{Name: "data", Type: flows.TypeTemplate, Default: "the item", Summary: "The data of the event; the body has at most 256 KiB."},
		},
		Example: "webhook:\n  url: ${ .customer.hook_url }\n  secret: \"hook_${ .customer.id }\"\n  type: order.paid\n  data: {order: \"${ .number }\", total: \"${ .total }\"}",
		Effect:  flows.Idempotent,
		New: func(args *flows.Args) (flows.Runner, error) {
			w := &webhookStep{url: args.Template("url"), secret: args.Template("secret"), event: args.Template("type"), data: args.Template("data")}
			return flows.RunFunc(w.run), nil
		},
	}
}

type webhookStep struct {
	url, secret, event *flows.Template
	data               *flows.Template // nil: the item
}

func (w *webhookStep) run(ctx context.Context, in *flows.Input) ([]any, error) {
	if in.Env().Deliver == nil {
		return nil, failure.Errorf("no webhooks can be sent here")
	}
	url, err := w.url.Text(ctx, in)
	if err != nil {
		return nil, err
	}
	event, err := w.event.Text(ctx, in)
	if err != nil {
		return nil, err
	}
	secrets, err := w.secret.Render(ctx, in)
	if err != nil {
		return nil, err
	}
	names, err := content.TextValues(secrets)
	if err != nil {
		return nil, failure.Errorf("secret %s", err)
	}
	data, err := eventFor(ctx, in, w.data)
	if err != nil {
		return nil, err
	}
	id, state, err := in.Env().Deliver.Deliver(ctx, flows.Delivery{Key: in.RunKey(), URL: url, Secrets: names, Type: event, Data: flows.EncodeJSON(data)})
	if err != nil {
		return nil, err
	}
	return []any{map[string]any{"id": id, "state": state}}, nil
}
