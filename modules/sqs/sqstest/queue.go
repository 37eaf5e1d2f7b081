package sqstest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// request has the members of all requests.
type request struct {
	QueueName              string
	QueueURL               string `json:"QueueUrl"`
	MessageBody            string
	MessageGroupID         string `json:"MessageGroupId"`
	MessageDeduplicationID string `json:"MessageDeduplicationId"`
	MessageAttributes      map[string]types.MessageAttributeValue
	DelaySeconds           int
	MaxNumberOfMessages    int
	WaitTimeSeconds        int
	VisibilityTimeout      int
	Entries                []entry
}

type entry struct {
	ID                string `json:"Id"`
	ReceiptHandle     string
	VisibilityTimeout int
}

// queue is a queue with its messages in their order.
type queue struct {
	name, deadLetters string
	maxReceives       int
	messages          []*message
	sent              map[string]sent // by deduplication id
	last              int             // number of the last message
	receipts          int             // number of the last receipt
	extended          int             // messages whose visibility was extended
}

// message is as it is received, with what the server knows of it.
type message struct {
	Body              string
	MD5OfBody         string
	MessageID         string `json:"MessageId"`
	ReceiptHandle     string
	Attributes        map[string]string
	MessageAttributes map[string]types.MessageAttributeValue

	visible  time.Time
	receives int
}

// sent is what was answered to a message of a FIFO queue.
type sent struct {
	at     time.Time
	answer map[string]any
}

// deduplication is how long a FIFO queue knows a deduplication id.
const deduplication = 5 * time.Minute

func (q *queue) isFIFO() bool { return strings.HasSuffix(q.name, ".fifo") }

func (q *queue) attributes() map[string]string {
	if q.deadLetters == "" {
		return map[string]string{}
	}
	return map[string]string{"RedrivePolicy": fmt.Sprintf(`{"deadLetterTargetArn":"arn:aws:sqs:%s:123456789012:%s","maxReceiveCount":%d}`, Region, q.deadLetters, q.maxReceives)}
}

func (q *queue) send(in *request) (any, *failure) {
	switch {
	case in.MessageBody == "":
		return nil, invalid("The request must contain the parameter MessageBody.")
	case q.isFIFO() && in.MessageGroupID == "":
		return nil, &failure{"MissingParameter", "", "The request must contain the parameter MessageGroupId."}
	case q.isFIFO() && (in.MessageDeduplicationID == "" || len(in.MessageDeduplicationID) > 128 || in.DelaySeconds != 0):
		return nil, invalid("The queue needs a MessageDeduplicationId of at most 128 characters, and takes no DelaySeconds.")
	case !q.isFIFO() && in.MessageDeduplicationID != "":
		return nil, invalid("The request include parameter MessageDeduplicationId which is not valid for this queue type.")
	case len(in.MessageAttributes) > 10:
		return nil, invalid("Number of message attributes [%d] exceeds the allowed maximum [10].", len(in.MessageAttributes))
	}
	for name, v := range in.MessageAttributes {
		if v.DataType == nil || v.BinaryValue == nil && (v.StringValue == nil || *v.StringValue == "") {
			return nil, invalid("The message attribute '%s' must contain a non-empty value.", name)
		}
	}
	now := time.Now()
	if before, ok := q.sent[in.MessageDeduplicationID]; ok && q.isFIFO() && now.Sub(before.at) < deduplication {
		return before.answer, nil
	}
	q.last++
	m := &message{
		Body: in.MessageBody, MD5OfBody: digest(in.MessageBody), MessageID: fmt.Sprintf("%s-%06d", q.name, q.last), MessageAttributes: in.MessageAttributes,
		Attributes: map[string]string{"SentTimestamp": strconv.FormatInt(now.UnixMilli(), 10)}, visible: now.Add(time.Duration(in.DelaySeconds) * time.Second),
	}
	answer := map[string]any{"MessageId": m.MessageID, "MD5OfMessageBody": m.MD5OfBody}
	if in.MessageGroupID != "" {
		m.Attributes["MessageGroupId"] = in.MessageGroupID
	}
	if q.isFIFO() {
		number := fmt.Sprintf("%020d", q.last)
		m.Attributes["MessageDeduplicationId"], m.Attributes["SequenceNumber"], answer["SequenceNumber"] = in.MessageDeduplicationID, number, number
		q.sent[in.MessageDeduplicationID] = sent{now, answer}
	}
	q.messages = append(q.messages, m)
	return answer, nil
}

// receive takes messages that are visible. next is how long the next one will not be.
func (q *queue) receive(in *request, all map[string]*queue) (got []message, next time.Duration) {
	now, busy := time.Now(), map[string]bool{}
	next = time.Hour
	for _, m := range slices.Clone(q.messages) {
		group := m.Attributes["MessageGroupId"]
		switch {
		case len(got) == max(in.MaxNumberOfMessages, 1):
			return got, next
		case m.visible.After(now):
			busy[group] = true
			next = min(next, m.visible.Sub(now))
			continue
		case q.isFIFO() && busy[group]:
			continue
		}
		if m.receives++; q.deadLetters != "" && m.receives > q.maxReceives {
			q.delete(m)
			all[q.deadLetters].messages = append(all[q.deadLetters].messages, m)
			continue
		}
		q.receipts++
		m.ReceiptHandle, m.visible = fmt.Sprintf("%s#%d", m.MessageID, q.receipts), now.Add(time.Duration(in.VisibilityTimeout)*time.Second)
		m.Attributes["ApproximateReceiveCount"] = strconv.Itoa(m.receives)
		got = append(got, *m)
	}
	return got, next
}

// settle applies an operation to the messages of receipts.
func (q *queue) settle(entries []entry, apply func(m *message, seconds int)) (any, *failure) {
	if len(entries) == 0 || len(entries) > 10 {
		return nil, &failure{"EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest", "There should be 1 to 10 entries in the request."}
	}
	done, failed := []any{}, []any{}
	for _, e := range entries {
		i := slices.IndexFunc(q.messages, func(m *message) bool { return m.ReceiptHandle == e.ReceiptHandle })
		if i < 0 {
			failed = append(failed, map[string]any{"Id": e.ID, "Code": "ReceiptHandleIsInvalid", "SenderFault": true, "Message": "The receipt handle has expired."})
			continue
		}
		apply(q.messages[i], e.VisibilityTimeout)
		done = append(done, map[string]any{"Id": e.ID})
	}
	return map[string]any{"Successful": done, "Failed": failed}, nil
}

func (q *queue) delete(m *message) {
	q.messages = slices.DeleteFunc(q.messages, func(other *message) bool { return other == m })
}

func (q *queue) setVisible(m *message, seconds int) {
	if m.visible = time.Now().Add(time.Duration(seconds) * time.Second); seconds > 0 {
		q.extended++
	}
}
