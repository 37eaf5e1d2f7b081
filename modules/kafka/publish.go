package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/penstock/penstock/flows"
)

// keyHeader is the header with the key of a message that is equal in every attempt.
const keyHeader = "idempotency-key"

func publish() flows.Kind {
	return flows.Kind{
		Name:    "kafka",
		Summary: "Sends a message to a topic of Kafka.",
		Doc: "All in-sync replicas have the message when the step ends. The item becomes `{topic, partition, offset}`; `as` keeps the item.\n\n" +
			"The header `idempotency-key` is equal in every attempt of the run. Kafka itself does not drop a repeated message, so that a run whose worker was lost " +
			"between the sending and its record fails as uncertain; with `effect: idempotent` it sends again, for receivers that look at the header.",
		Params: []flows.Param{
			{Name: "topic", Type: flows.TypeTemplate, Required: true, Inline: true, Summary: "Name of the topic. A value of `${ }` within it has no dots; a text that is one `${ }` is a whole name, which does not begin with `_`."},
			{Name: "connection", Type: flows.TypeString, Required: true, Names: flows.ResourceConnection, Summary: "Name of a kafka connection."},
			{Name: "body", Type: flows.TypeTemplate, Default: "the item", Summary: "The value of the message: a text as it is, anything else as JSON."},
			{Name: "key", Type: flows.TypeTemplate, Summary: "The key of the message: messages with the same key are in one partition, in their order."},
			{Name: "headers", Type: flows.TypeFields, Summary: "Headers of the message."},
		},
		Example: "kafka: orders\nconnection: bus\nkey: ${ .customer }\nbody: {order: \"${ .id }\", total: \"${ .total }\"}",
		Effect:  flows.Once,
		New: func(a *flows.Args) (flows.Runner, error) {
			return &publishStep{a.String("connection"), a.Template("topic"), a.Template("body"), a.Template("key"), a.Fields("headers")}, nil
		},
	}
}

type publishStep struct {
	connection       string
	topic, body, key *flows.Template
	headers          []flows.Field
}

// Run implements flows.Runner.
func (s *publishStep) Run(ctx context.Context, in *flows.Input) ([]any, error) {
	record, err := s.record(ctx, in)
	if err != nil {
		return nil, err
	}
	c, release, err := flows.ClientOf[*client](ctx, in.Env(), s.connection)
	if err != nil {
		return nil, err
	}
	defer release()
	producer, err := c.produce()
	if err != nil {
		return nil, err
	}
	if err := producer.ProduceSync(ctx, record).FirstErr(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, c.failure(err)
	}
	return []any{map[string]any{"topic": record.Topic, "partition": int(record.Partition), "offset": int(record.Offset)}}, nil
}

func (s *publishStep) record(ctx context.Context, in *flows.Input) (_ *kgo.Record, err error) {
	r := &kgo.Record{}
	if r.Topic, err = s.topic.Name(ctx, in, "topic", topicRules); err != nil {
		return nil, err
	}
	if !isTopic(r.Topic) {
		return nil, &flows.Error{Code: flows.CodeStepFailed, Message: "topic: expected at most 249 letters, digits, dots, underscores and hyphens"}
	}
	if s.key != nil {
		key, err := s.key.Text(ctx, in)
		if err != nil {
			return nil, err
		}
		r.Key = []byte(key)
	}
	value, contentType, err := flows.MessageBody(ctx, in, s.body)
	if err != nil {
		return nil, err
	}
	r.Value = value
	r.Headers = []kgo.RecordHeader{{Key: keyHeader, Value: []byte(in.RunKey())}, {Key: "content-type", Value: []byte(contentType)}}
	for _, h := range s.headers {
		text, err := h.Value.Text(ctx, in)
		if err != nil {
			return nil, err
		}
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h.Name, Value: []byte(text)})
	}
	return r, nil
}
