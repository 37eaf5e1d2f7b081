package amqp

import (
	"context"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/penstock/penstock/connect"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
)

// maxShort is the maximum length of a short string in bytes (AMQP 0-9-1, section 4.2.5.3). The library ends the connection, which all steps
// share, when it is to send a longer one.
const maxShort = 255

// keyRules are the rules of routing keys, which are words for exchanges of the type topic.
var keyRules = flows.NameRules{Separators: ".", Wildcards: "*#"}

func publish() flows.Kind {
	return flows.Kind{
		Name:    "amqp",
		Summary: "Sends a message to an exchange or a queue of RabbitMQ.",
		Doc: "The step ends when the server has confirmed the message, and fails when no queue gets it. The item becomes `{message_id}`; `as` keeps the item.\n\n" +
			"`message_id` is equal in every attempt of the run. The server does not drop a repeated message, so that a run whose worker was lost between the sending " +
			"and its record fails as uncertain; with `effect: idempotent` it sends again, for receivers that look at the id.",
		Params: []flows.Param{
			{Name: "routing_key", Type: flows.TypeTemplate, Required: true, Inline: true, Summary: "The routing key; without an exchange, the name of the queue. A value of `${ }` within it is one word; a text that is one `${ }` is a whole key."},
			{Name: "connection", Type: flows.TypeString, Required: true, Names: flows.ResourceConnection, Summary: "Name of an amqp connection."},
			{Name: "exchange", Type: flows.TypeString, Default: "the default exchange", Summary: "Name of the exchange."},
			{Name: "body", Type: flows.TypeTemplate, Default: "the item", Summary: "The body of the message: a text as it is, anything else as JSON."},
			{Name: "headers", Type: flows.TypeFields, Summary: "Headers of the message."},
			{Name: "unroutable", Type: flows.TypeEnum, Enum: []string{"fail", "drop"}, Default: "fail", Summary: "What happens to a message that no queue gets."},
		},
		Example: "amqp: orders\nconnection: bus\nbody: {order: \"${ .id }\", total: \"${ .total }\"}",
		Effect:  flows.Once,
		New: func(a *flows.Args) (flows.Runner, error) {
			for _, h := range a.Fields("headers") {
				if len(h.Name) > maxShort {
					return nil, a.Refuse(problem.TooLarge, "headers", "headers: %.50q… has %d bytes; %d are allowed", h.Name, len(h.Name), maxShort)
				}
			}
			if len(a.String("exchange")) > maxShort {
				return nil, a.Refuse(problem.TooLarge, "exchange", "exchange: the name has %d bytes; %d are allowed", len(a.String("exchange")), maxShort)
			}
			return &publishStep{
				connection: a.String("connection"), exchange: a.String("exchange"), mandatory: a.String("unroutable") != "drop",
				key: a.Template("routing_key"), body: a.Template("body"), headers: a.Fields("headers"),
			}, nil
		},
	}
}

type publishStep struct {
	connection, exchange string
	mandatory            bool
	key, body            *flows.Template
	headers              []flows.Field
}

// Run implements flows.Runner.
func (s *publishStep) Run(ctx context.Context, in *flows.Input) ([]any, error) {
	key, message, err := s.render(ctx, in)
	if err != nil {
		return nil, err
	}
	c, release, err := flows.ClientOf[*client](ctx, in.Env(), s.connection)
	if err != nil {
		return nil, err
	}
	defer release()
	if err := c.send(ctx, s, key, message); err != nil {
		return nil, err
	}
	return []any{map[string]any{"message_id": message.MessageId}}, nil
}

// send sends a message and waits for its confirmation.
func (c *client) send(ctx context.Context, s *publishStep, key string, message amqp.Publishing) error {
	ch, err := c.take(ctx)
	if err != nil {
		return err
	}
	confirmation, err := ch.PublishWithDeferredConfirmWithContext(ctx, s.exchange, key, s.mandatory, false, message)
	if err != nil {
		return c.failure(err)
	}
	select {
	case <-confirmation.Done():
	case why := <-ch.closed:
		if why == nil {
			why = amqp.ErrClosed
		}
		return c.failure(why)
	case <-ctx.Done():
		_ = ch.Close() // its next message would get the confirmation of this one
		return ctx.Err()
	}
	if !confirmation.Acked() {
		if ch.IsClosed() {
			return c.failure(amqp.ErrClosed)
		}
		c.put(ch)
		return connect.Failure(c.name, "the server did not take the message")
	}
	select {
	case r := <-ch.returned:
		c.put(ch)
		return connect.Failure(c.name, "no queue gets the message: %s", r.ReplyText)
	default:
	}
	c.put(ch)
	return nil
}

func (s *publishStep) render(ctx context.Context, in *flows.Input) (key string, m amqp.Publishing, err error) {
	if key, err = s.key.Name(ctx, in, "routing_key", keyRules); err != nil {
		return "", m, err
	}
	if len(key) > maxShort {
		return "", m, flows.Failed("routing_key: it has %d bytes; %d are allowed", len(key), maxShort)
	}
	m = amqp.Publishing{MessageId: in.RunKey(), DeliveryMode: amqp.Persistent, Timestamp: time.Now(), AppId: "penstock", Headers: amqp.Table{}}
	if m.Body, m.ContentType, err = flows.MessageBody(ctx, in, s.body); err != nil {
		return "", m, err
	}
	for _, h := range s.headers {
		if m.Headers[h.Name], err = h.Value.Text(ctx, in); err != nil {
			return "", m, err
		}
	}
	return key, m, nil
}
