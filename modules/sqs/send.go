package sqs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
)

const (
	// keyAttribute is the attribute with the key of a message that is equal in every attempt.
	keyAttribute  = "idempotency-key"
	typeAttribute = "content-type"
	fifoSuffix    = ".fifo" // of the name of a FIFO queue
	maxDelay      = 15 * time.Minute
)

func send() flows.Kind {
	return flows.Kind{
		Name:    "sqs",
		Summary: "Sends a message to a queue of Amazon SQS.",
		Doc: "The item becomes `{message_id, sequence}`; only FIFO queues have a sequence. `as` keeps the item.\n\n" +
			"The attribute `idempotency-key` and, in a FIFO queue, the deduplication id are equal in every attempt of the run. A FIFO queue drops a message whose id it has had in the last " +
			"5 minutes. A worker that was lost may come back later, and other queues drop nothing, so that a run whose worker was lost between the sending and its record fails as " +
			"uncertain; with `effect: idempotent` it sends again, for receivers that look at the attribute.",
		Params: []flows.Param{
			{Name: "queue", Type: flows.TypeTemplate, Required: true, Inline: true, Summary: "Name of the queue, or its URL. A value of `${ }` within it is a part of the name without dots and slashes; a text that is one `${ }` is a whole name or URL."},
			{Name: "connection", Type: flows.TypeString, Required: true, Names: flows.ResourceConnection, Summary: "Name of an sqs connection."},
			{Name: "body", Type: flows.TypeTemplate, Default: "the item", Summary: "The body of the message: a text as it is, anything else as JSON. SQS takes no empty one."},
			{Name: "attributes", Type: flows.TypeFields, Summary: "Attributes of the message, at most 8; they are texts."},
			{Name: "group", Type: flows.TypeTemplate, Summary: "Message group; a FIFO queue, whose name ends in `.fifo`, needs one: it keeps the order within a group."},
			{Name: "deduplication_id", Type: flows.TypeTemplate, Default: "one for each run and item", Summary: "Deduplication id, of FIFO queues."},
			{Name: "delivery_delay", Type: flows.TypeDuration, Default: "that of the queue", Summary: "How long the message is not to be received, at most 15m; not of FIFO queues."},
		},
		Example: "sqs: orders.fifo\nconnection: aws\ngroup: ${ .customer }\nbody: {order: \"${ .id }\", total: \"${ .total }\"}",
		Effect:  flows.Once,
		New: func(a *flows.Args) (flows.Runner, error) {
			s := &sendStep{
				connection: a.String("connection"), queue: a.Template("queue"), body: a.Template("body"), group: a.Template("group"), id: a.Template("deduplication_id"), attributes: a.Fields("attributes"),
			}
			if a.Has("delivery_delay") {
				if s.delay = a.Duration("delivery_delay"); s.delay < 0 || s.delay > maxDelay {
					return nil, a.Refuse(problem.OutOfRange, "delivery_delay", "delivery_delay: expected at most 15m")
				}
			}
			return s, nil
		},
	}
}

type sendStep struct {
	connection             string
	queue, body, group, id *flows.Template
	attributes             []flows.Field
	delay                  time.Duration
}

// Run implements flows.Runner.
func (s *sendStep) Run(ctx context.Context, in *flows.Input) ([]any, error) {
	queue, message, err := s.render(ctx, in)
	if err != nil {
		return nil, err
	}
	c, release, err := flows.ClientOf[*client](ctx, in.Env(), s.connection)
	if err != nil {
		return nil, err
	}
	defer release()
	url, err := c.queueURL(ctx, queue)
	if err != nil {
		return nil, err
	}
	message.QueueUrl = &url
	answer, err := c.api.SendMessage(ctx, message, once)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, c.failure(err)
	}
	out := map[string]any{"message_id": aws.ToString(answer.MessageId), "sequence": nil}
	if answer.SequenceNumber != nil {
		out["sequence"] = *answer.SequenceNumber
	}
	return []any{out}, nil
}

func (s *sendStep) render(ctx context.Context, in *flows.Input) (queue string, m *sqs.SendMessageInput, err error) {
	if queue, err = s.queue.Name(ctx, in, "queue", queueRules); err != nil {
		return "", nil, err
	}
	if !isQueue(queue) {
		return "", nil, flows.Failed("queue: expected a name of at most 80 letters, digits, underscores and hyphens, or a URL")
	}
	body, contentType, err := flows.MessageBody(ctx, in, s.body)
	if err != nil {
		return "", nil, err
	}
	m = &sqs.SendMessageInput{MessageBody: aws.String(string(body)), DelaySeconds: int32(s.delay / time.Second), MessageAttributes: map[string]types.MessageAttributeValue{
		keyAttribute: attribute(in.RunKey()), typeAttribute: attribute(contentType),
	}}
	for _, f := range s.attributes {
		text, err := f.Value.Text(ctx, in)
		if err != nil {
			return "", nil, err
		}
		m.MessageAttributes[f.Name] = attribute(text)
	}
	return queue, m, s.order(ctx, in, m, strings.HasSuffix(queue, fifoSuffix))
}

// order sets what a FIFO queue needs.
func (s *sendStep) order(ctx context.Context, in *flows.Input, m *sqs.SendMessageInput, fifo bool) error {
	switch {
	case fifo && s.group == nil:
		return flows.Failed("group: a FIFO queue needs one")
	case s.group != nil:
		group, err := s.group.Text(ctx, in)
		if err != nil {
			return err
		}
		m.MessageGroupId = &group
	}
	switch {
	case s.id != nil:
		id, err := s.id.Text(ctx, in)
		if err != nil {
			return err
		}
		m.MessageDeduplicationId = &id
	case fifo: // a digest, because it has at most 128 characters
		sum := sha256.Sum256([]byte(in.RunKey()))
		m.MessageDeduplicationId = aws.String(hex.EncodeToString(sum[:]))
	}
	return nil
}

func attribute(text string) types.MessageAttributeValue {
	return types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &text}
}
