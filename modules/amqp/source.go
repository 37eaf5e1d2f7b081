package amqp

import (
	"context"
	"errors"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
)

func source() flows.Source {
	return flows.Source{
		Name:    "amqp",
		Summary: "Messages of a queue of RabbitMQ.",
		Doc: "All workers consume the queue, which must exist. The event is `{queue, exchange, routing_key, message_id, correlation_id, reply_to, type, timestamp, " +
			"headers, body}`. A message is known by its property `message_id`; one without it is a run at each delivery, unless the trigger has an `idempotency_key`. " +
			"A message whose run failed (with `acknowledge: ended`), or that no run can hold, is rejected without being queued again: the dead letter exchange " +
			"of the queue gets it, if there is one.",
		Params:  []flows.Param{{Name: "queue", Type: flows.TypeString, Required: true, Summary: "Name of the queue."}},
		Example: "amqp: {connection: bus, queue: orders}",
		New: func(a *flows.Args) (flows.Consumer, error) {
			if queue := a.String("queue"); queue == "" || len(queue) > maxShort {
				return nil, a.Refuse(problem.TooLarge, "queue", "queue: the name has %d bytes; 1 to %d are allowed", len(queue), maxShort)
			}
			return consumer{a.String("queue")}, nil
		},
	}
}

type consumer struct{ queue string }

// Consume implements flows.Consumer.
func (q consumer) Consume(ctx context.Context, s flows.Subscription) error {
	c, ok := s.Client.(*client)
	if !ok {
		return errors.New("the connection is not of the type amqp")
	}
	conn, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.CloseDeadline(time.Now().Add(dialLimit)) }() // the queue gets back what is not done
	ch, err := conn.Channel()
	if err != nil {
		return c.failure(err)
	}
	if err := ch.Qos(s.InFlight, 0, false); err != nil {
		return c.failure(err)
	}
	closed := ch.NotifyClose(make(chan *amqp.Error, 1))
	deliveries, err := ch.ConsumeWithContext(context.WithoutCancel(ctx), q.queue, fmt.Sprintf("penstock-%d", s.Flow), false, false, false, false, nil)
	if err != nil {
		return c.failure(err)
	}
	s.Ready()
	for {
		select {
		case <-ctx.Done():
			return nil
		case d, ok := <-deliveries:
			if !ok {
				return c.closed(closed)
			}
			if err := s.Deliver(ctx, q.message(&d)); err != nil {
				return nil // ctx ended
			}
		}
	}
}

// closed returns why a channel was closed.
func (c *client) closed(closed <-chan *amqp.Error) error {
	if why := <-closed; why != nil {
		return c.failure(why)
	}
	return c.failure(amqp.ErrClosed)
}

func (q consumer) message(d *amqp.Delivery) flows.Message {
	m := flows.Message{Key: d.MessageId, Body: d.Body, ContentType: d.ContentType, Event: map[string]any{
		"queue": q.queue, "exchange": d.Exchange, "routing_key": d.RoutingKey, "headers": value(d.Headers),
		"message_id": text(d.MessageId), "correlation_id": text(d.CorrelationId), "reply_to": text(d.ReplyTo), "type": text(d.Type), "timestamp": nil,
	}}
	if !d.Timestamp.IsZero() {
		m.Event["timestamp"] = value(d.Timestamp)
	}
	// Errors: the connection is lost, and the server delivers the message again.
	m.Done = func(failed error) {
		if failed != nil {
			_ = d.Reject(false)
			return
		}
		_ = d.Ack(false)
	}
	return m
}

// text returns a property as a value of JSON; nil when the message does not have it.
func text(property string) any {
	if property == "" {
		return nil
	}
	return property
}

// value returns a value of a header as one of JSON.
func value(v any) any {
	switch v := v.(type) {
	case nil, bool, string:
		return v
	case []byte:
		return flows.TextOrBase64(v)
	case time.Time:
		return v.UTC().Format(time.RFC3339)
	case amqp.Table:
		object := make(map[string]any, len(v))
		for name, member := range v {
			object[name] = value(member)
		}
		return object
	case []any:
		list := make([]any, len(v))
		for i, element := range v {
			list[i] = value(element)
		}
		return list
	case int8, int16, int32, int64, int, uint8, uint16, uint32, float32, float64:
		number, err := flows.DecodeJSON([]byte(fmt.Sprint(v)))
		if err == nil {
			return number
		}
	}
	return fmt.Sprint(v)
}
