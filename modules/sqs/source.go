package sqs

import (
	"context"
	"crypto/md5" // what SQS has to find damages
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
)

func source() flows.Source {
	return flows.Source{
		Name:    "sqs",
		Summary: "Messages of a queue of Amazon SQS.",
		Doc: "All workers receive from the queue. The event is `{queue, message_id, group, deduplication_id, sequence, sent_at, attributes, body}`. A message is known by its id. A message that " +
			"is not done is made invisible again, as long as it takes, 12 hours at most. A message whose run failed (with `acknowledge: ended`), or that no run can hold, is received again until the queue's " +
			"redrive policy moves it to the dead letter queue, always as the same run; a queue without such a policy loses it, and the failed run has it.",
		Params: []flows.Param{
			{Name: "queue", Type: flows.TypeString, Required: true, Summary: "Name of the queue, or its URL."},
			{Name: "visibility", Type: flows.TypeDuration, Default: "30s", Summary: "How long after the loss of a worker another one gets its messages, 3s to 12h."},
		},
		Example: "sqs: {connection: aws, queue: orders}",
		New: func(a *flows.Args) (flows.Consumer, error) {
			c := &consumer{queue: a.String("queue"), visibility: 30 * time.Second}
			if a.Has("visibility") {
				if c.visibility = a.Duration("visibility"); c.visibility < 3*time.Second || c.visibility > 12*time.Hour {
					return nil, a.Refuse(problem.OutOfRange, "visibility", "visibility: expected 3s to 12h")
				}
			}
			if !isQueue(c.queue) {
				return nil, a.Refuse(problem.BadName, "queue", "queue: expected a name of at most 80 letters, digits, underscores and hyphens, or a URL")
			}
			return c, nil
		},
	}
}

type consumer struct {
	queue      string // name or URL
	visibility time.Duration
}

const (
	maxBatch = 10 // messages of one request
	longPoll = 20 // seconds that a request waits for messages
)

// Consume implements flows.Consumer.
func (q *consumer) Consume(ctx context.Context, s flows.Subscription) error {
	mine, ok := s.Client.(*client)
	if !ok {
		return errors.New("the connection is not of the type sqs")
	}
	url, err := mine.queueURL(ctx, q.queue)
	if err != nil {
		return ended(ctx, err)
	}
	if _, err := mine.hasDeadLetters(ctx, url); err != nil { // the user must be allowed to know it when a message is rejected
		return ended(ctx, err)
	}
	s.Ready()
	failing, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	held := keepHeld(mine, url, q.visibility, fail)
	defer held.close()
	if err := q.receive(failing, mine, url, s, held); err != nil {
		return ended(ctx, err)
	}
	return ended(ctx, context.Cause(failing))
}

// ended returns why a consumer ended; nil for the end of ctx.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// hasDeadLetters reports whether a queue has a redrive policy.
func (c *client) hasDeadLetters(ctx context.Context, url string) (bool, error) {
	answer, err := c.api.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameRedrivePolicy}})
	if err != nil {
		return false, c.failure(err)
	}
	return answer.Attributes[string(types.QueueAttributeNameRedrivePolicy)] != "", nil
}

// receive hands messages over until ctx ends, or a request fails.
func (q *consumer) receive(ctx context.Context, mine *client, url string, s flows.Subscription, held *held) error {
	request := &sqs.ReceiveMessageInput{
		QueueUrl: &url, MaxNumberOfMessages: int32(min(s.InFlight, maxBatch)), WaitTimeSeconds: longPoll, VisibilityTimeout: int32(q.visibility / time.Second),
		MessageAttributeNames: []string{"All"}, MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
	}
	for ctx.Err() == nil {
		answer, err := mine.api.ReceiveMessage(ctx, request, withoutChecksums)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return mine.failure(err)
		}
		held.add(answer.Messages)
		for _, received := range answer.Messages {
			m := q.message(&received)
			m.Done = func(failed error) { held.settle(*received.ReceiptHandle, failed) }
			if err := s.Deliver(ctx, m); err != nil {
				return nil // ctx ended
			}
		}
	}
	return nil
}

// withoutChecksums makes the library return messages whose body does not have their MD5: otherwise one of them would hold up all that are received
// with it. message refuses it.
func withoutChecksums(o *sqs.Options) { o.DisableMessageChecksumValidation = true }

// message returns a message for a run, without Done.
func (q *consumer) message(m *types.Message) flows.Message {
	name := q.queue[strings.LastIndexByte(q.queue, '/')+1:] // the last part of a URL
	event := map[string]any{"queue": name, "message_id": aws.ToString(m.MessageId), "group": nil, "deduplication_id": nil, "sequence": nil, "sent_at": nil}
	for member, name := range map[string]types.MessageSystemAttributeName{
		"group": types.MessageSystemAttributeNameMessageGroupId, "deduplication_id": types.MessageSystemAttributeNameMessageDeduplicationId, "sequence": types.MessageSystemAttributeNameSequenceNumber,
	} {
		if text, ok := m.Attributes[string(name)]; ok {
			event[member] = text
		}
	}
	if ms, err := strconv.ParseInt(m.Attributes[string(types.MessageSystemAttributeNameSentTimestamp)], 10, 64); err == nil {
		event["sent_at"] = time.UnixMilli(ms).UTC().Format(time.RFC3339Nano)
	}
	out := flows.Message{Key: aws.ToString(m.MessageId), Body: []byte(aws.ToString(m.Body)), Event: event}
	attributes := map[string]any{}
	for name, v := range m.MessageAttributes {
		text := aws.ToString(v.StringValue)
		if v.BinaryValue != nil {
			text = flows.TextOrBase64(v.BinaryValue)
		}
		if attributes[name] = text; strings.EqualFold(name, typeAttribute) {
			out.ContentType = text
		}
	}
	event["attributes"] = attributes
	if sum := md5.Sum([]byte(aws.ToString(m.Body))); m.MD5OfBody != nil && hex.EncodeToString(sum[:]) != *m.MD5OfBody {
		out.Unreadable = errors.New("its body does not have the MD5 that the server says")
	}
	return out
}
