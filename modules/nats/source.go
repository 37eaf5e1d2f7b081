package nats

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/penstock/penstock/connect"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/internal/sleep"
)

func source() flows.Source {
	return flows.Source{
		Name:    "nats",
		Summary: "Messages of a stream of NATS.",
		Doc: "All workers share one durable consumer of the stream, which must exist. The event is `{stream, subject, sequence, timestamp, headers, body}`; a header with several " +
			"values is a list. A message is known by stream, sequence and time. A message whose run failed (with `acknowledge: ended`), or that no run can hold, is terminated: the " +
			"server does not send it again, and tells of it in an advisory; the stream has it as long as its limits say.",
		Params: []flows.Param{
			{Name: "stream", Type: flows.TypeString, Required: true, Summary: "Name of the stream."},
			{Name: "subject", Type: flows.TypeString, Default: "all of the stream", Summary: "Subject of the messages; `*` stands for a word and a last `>` for all further ones."},
			{Name: "consumer", Type: flows.TypeString, Default: "penstock-NUMBER of the flow", Summary: "Name of the durable consumer. One that exists keeps its settings, besides the subject; it must be acknowledged explicitly."},
			{Name: "from", Type: flows.TypeEnum, Enum: []string{"earliest", "latest"}, Default: "earliest", Summary: "Where a consumer begins that did not exist."},
		},
		Example: "nats: {connection: bus, stream: ORDERS, subject: orders.>}",
		New: func(a *flows.Args) (flows.Consumer, error) {
			c := &consumer{stream: a.String("stream"), subject: a.String("subject"), durable: a.String("consumer"), from: jetstream.DeliverAllPolicy}
			if a.String("from") == "latest" {
				c.from = jetstream.DeliverNewPolicy
			}
			for param, name := range map[string]string{"stream": c.stream, "consumer": c.durable} {
				if strings.ContainsAny(name, ". *>/\\\t\r\n") {
					return nil, a.Refuse(problem.BadName, param, "%s: a name has no spaces, dots, wildcards and slashes", param)
				}
			}
			if c.subject != "" && !isFilter(c.subject) {
				return nil, a.Errorf("subject", "subject: %.200q is none: expected words without spaces, separated by dots; > is the last one", c.subject)
			}
			return c, nil
		},
	}
}

type consumer struct {
	stream  string
	subject string // empty: all of the stream
	durable string // empty: one of the flow's own
	from    jetstream.DeliverPolicy
}

const (
	// ackWait is how long after the loss of a worker another one gets its messages.
	ackWait = 15 * time.Second
	// maxBatch is the maximum number of messages that are read at once. A server allows 1 MiB for each, unless configured otherwise.
	maxBatch = 64
	// aloneLimit is how long a changed subject waits for the end of those who consume the one before.
	aloneLimit = 2 * time.Second
	// pullLimit is how long a request waits at the server for a message.
	pullLimit = 30 * time.Second
)

// Consume implements flows.Consumer.
func (c *consumer) Consume(ctx context.Context, s flows.Subscription) error {
	mine, ok := s.Client.(*client)
	if !ok {
		return errors.New("the connection is not of the type nats")
	}
	conn, err := mine.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	durable, err := c.open(ctx, mine, conn, s.Flow)
	if err == nil {
		s.Ready()
		err = pull(ctx, durable, s)
		_ = conn.FlushTimeout(answerLimit) // of acknowledgements; what is lost of them comes again, and is known
	}
	if err == nil || ctx.Err() != nil {
		return nil
	}
	return mine.failure(cmp.Or(denied(conn, nil, ""), err))
}

// open returns the durable consumer. It creates one that is missing, and changes the subject of one that has another, which goes on
// behind the last message that it has seen.
func (c *consumer) open(ctx context.Context, mine *client, conn *nats.Conn, flow int64) (jetstream.Consumer, error) {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, err
	}
	name := cmp.Or(c.durable, fmt.Sprintf("penstock-%d", flow))
	found, err := js.Consumer(ctx, c.stream, name)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return js.CreateConsumer(ctx, c.stream, jetstream.ConsumerConfig{ // of another worker at the same time: the same
			Durable: name, FilterSubject: c.subject, DeliverPolicy: c.from, AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait, MaxAckPending: -1,
		})
	}
	if err != nil {
		return nil, err
	}
	config := found.CachedInfo().Config
	if config.AckPolicy != jetstream.AckExplicitPolicy {
		return nil, connect.Failure(mine.name, "the consumer %s of the stream %s has the acknowledgement policy %s: a trigger needs AckExplicit", name, c.stream, config.AckPolicy)
	}
	if config.FilterSubject == c.subject && len(config.FilterSubjects) == 0 || c.subject == "" && c.durable != "" {
		return found, nil
	}
	if err := awaitAlone(ctx, found); err != nil {
		return nil, err
	}
	config.FilterSubject, config.FilterSubjects = c.subject, nil
	return js.UpdateConsumer(ctx, c.stream, config)
}

// awaitAlone waits until nobody waits for messages of a consumer: another version of the flow lets go of it at its end. Otherwise it fails:
// whoever has the subject of now, such as another installation with a flow of the same number, would lose its messages with a change.
func awaitAlone(ctx context.Context, of jetstream.Consumer) error {
	for end := time.Now().Add(aloneLimit); ; {
		info, err := of.Info(ctx)
		if err != nil {
			return err
		}
		if info.NumWaiting == 0 {
			return nil
		}
		if time.Now().After(end) {
			return errInUse{fmt.Sprintf("the consumer %s of the stream %s has another subject, and others wait for its messages: a flow of another installation has the same number, or an older version of this flow has not ended; "+
				"`consumer` gives the flow one of its own", info.Name, info.Stream)}
		}
		if err := sleep.For(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// errInUse says why a consumer cannot be changed.
type errInUse struct{ text string }

func (e errInUse) Error() string { return e.text }

// pull hands messages over until ctx ends or a request fails.
func pull(ctx context.Context, durable jetstream.Consumer, s flows.Subscription) error {
	held := keepHeld(durable.CachedInfo().Config.AckWait)
	defer held.close()
	for {
		// What waits, at once; otherwise the next message.
		batch, err := fetch(durable.FetchNoWait(min(s.InFlight, maxBatch)))
		if err == nil && len(batch) == 0 {
			wait, cancel := context.WithTimeout(ctx, pullLimit)
			batch, err = fetch(durable.Fetch(1, jetstream.FetchContext(wait)))
			cancel()
		}
		held.add(batch)
		for _, m := range batch {
			if ctx.Err() != nil {
				return nil
			}
			message, err := read(m)
			if err != nil {
				return err
			}
			message.Done = func(failed error) { held.settle(m, failed) }
			if err := s.Deliver(ctx, message); err != nil {
				return nil // ctx ended
			}
		}
		if err != nil && !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
			return err
		}
	}
}

// fetch returns the messages of a request.
func fetch(batch jetstream.MessageBatch, err error) (all []jetstream.Msg, _ error) {
	if err != nil {
		return nil, err
	}
	for m := range batch.Messages() {
		all = append(all, m)
	}
	return all, batch.Error()
}

// read returns a message for a run, without Done.
func read(m jetstream.Msg) (flows.Message, error) {
	meta, err := m.Metadata()
	if err != nil {
		return flows.Message{}, err
	}
	headers := map[string]any{}
	for name, values := range m.Headers() {
		headers[name] = header(values)
	}
	at := meta.Timestamp.UTC().Format(time.RFC3339Nano)
	return flows.Message{
		// With the time, because a stream that was deleted and created again counts from 1.
		Key:  fmt.Sprintf("%s %d %s", meta.Stream, meta.Sequence.Stream, at),
		Body: m.Data(), ContentType: contentType(m.Headers()),
		Event: map[string]any{"stream": meta.Stream, "subject": m.Subject(), "sequence": int(meta.Sequence.Stream), "timestamp": at, "headers": headers},
	}, nil
}

// header returns the value of a header for an event: a text, or a list of several.
func header(values []string) any {
	list := make([]any, len(values))
	for i, v := range values {
		list[i] = flows.TextOrBase64([]byte(v))
	}
	if len(list) == 1 {
		return list[0]
	}
	return list
}

// contentType returns the media type of a message; NATS does not fold the case of headers.
func contentType(headers nats.Header) string {
	for name, values := range headers {
		if strings.EqualFold(name, typeHeader) && len(values) > 0 {
			return values[0]
		}
	}
	return ""
}
