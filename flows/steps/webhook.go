package steps

import (
	"context"
	"strings"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
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
			"[Outgoing webhooks](outgoing-webhooks.md) says when it is tried again, when an endpoint is disabled, and how to see and send webhooks again.",
		Params: []flows.Param{
			{Name: "url", Type: flows.TypeTemplate, Required: true, Summary: "The https URL of the receiver, at most 2048 bytes."},
			{Name: "secret", Type: flows.TypeStrings, Names: flows.ResourceSecret, Required: true, Summary: "The name of the stored secret that signs it, `whsec_` and the base64 of 24 to 64 bytes, or of up to 4 while one replaces another."},
			{Name: "receiver", Type: flows.TypeTemplate, Summary: "A name of the receiver, such as a customer's number: each receiver then has a [secret of its own](outgoing-webhooks.md#a-secret-for-each-receiver), which is derived from the stored one."},
			{Name: "type", Type: flows.TypeTemplate, Required: true, Summary: "The type of the event, such as `order.paid`."},
			{Name: "data", Type: flows.TypeTemplate, Default: "the item", Summary: "The data of the event; the body has at most 256 KiB."},
		},
		Example:    "webhook:\n  url: ${ .customer.hook_url }\n  secret: hook_signing\n  receiver: ${ .customer.id }\n  type: order.paid\n  data: {order: \"${ .number }\", total: \"${ .total }\"}",
		Effect:     flows.Idempotent,
		ThroughEnv: true,
		New: func(args *flows.Args) (flows.Runner, error) {
			w := &webhookStep{
				secrets: args.Strings("secret"), url: args.Template("url"), event: args.Template("type"),
				receiver: args.Template("receiver"), data: args.Template("data"),
			}
			if n := len(w.secrets); n > maxSecrets {
				return nil, args.Refuse(problem.TooMany, "secret", "%d secrets; %d at most can sign a webhook", n, maxSecrets)
			}
			for _, name := range w.secrets {
				if strings.HasPrefix(name, "whsec_") {
					return nil, args.Errorf("secret", "give the name of a stored secret, not the secret itself")
				}
			}
			return flows.RunFunc(w.run), nil
		},
	}
}

// maxSecrets is the maximum number of secrets that sign a webhook.
const maxSecrets = 4

type webhookStep struct {
	secrets    []string // names
	url, event *flows.Template
	receiver   *flows.Template // nil: the secrets are those of all receivers
	data       *flows.Template // nil: the item
}

func (w *webhookStep) run(ctx context.Context, in *flows.Input) ([]any, error) {
	if in.Env().Deliver == nil {
		return nil, failure.Errorf("no webhooks can be sent here")
	}
	d := flows.Delivery{Key: in.RunKey(), Secrets: w.secrets}
	var err error
	if d.URL, err = w.url.Text(ctx, in); err != nil {
		return nil, err
	}
	if d.Type, err = w.event.Text(ctx, in); err != nil {
		return nil, err
	}
	if w.receiver != nil {
		if d.Receiver, err = w.receiver.Text(ctx, in); err != nil {
			return nil, err
		}
		if d.Receiver == "" {
			return nil, failure.Errorf("receiver is empty")
		}
	}
	data, err := eventFor(ctx, in, w.data)
	if err != nil {
		return nil, err
	}
	d.Data = flows.EncodeJSON(data)
	id, state, err := in.Env().Deliver.Deliver(ctx, d)
	if err != nil {
		return nil, err
	}
	return []any{map[string]any{"id": id, "state": state}}, nil
}
