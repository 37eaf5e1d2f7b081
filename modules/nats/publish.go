package nats

import (
	"context"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/penstock/penstock/flows"
)

// typeHeader is the header with the media type of a message.
const typeHeader = "Content-Type"

func publish() flows.Kind {
	return flows.Kind{
		Name:    "nats",
		Summary: "Sends a message to a subject of NATS.",
		Doc: "The message is stored in the stream of the subject when the step ends; the item becomes `{stream, sequence, duplicate}`. With `jetstream: false` it goes to those " +
			"who are subscribed at this moment, who may be nobody; the item becomes `{subject}`. `as` keeps the item.\n\n" +
			"The header `Nats-Msg-Id` is equal in every attempt of the run, and a stream drops a message whose id it has had in its duplicate window, 2 minutes unless it is " +
			"configured otherwise: the step then succeeds with `duplicate: true`. A worker that was lost may come back later than that, so that its run fails as uncertain; with " +
			"`effect: idempotent` it sends again, for streams with a longer window and for receivers that look at the header.",
		Params: []flows.Param{
			{Name: "subject", Type: flows.TypeTemplate, Required: true, Inline: true, Summary: "The subject, without wildcards. A value of `${ }` within it is one word; a text that is one `${ }` is a whole subject, which does not begin with `$` or `_`."},
			{Name: "connection", Type: flows.TypeString, Required: true, Names: flows.ResourceConnection, Summary: "Name of a nats connection."},
			{Name: "body", Type: flows.TypeTemplate, Default: "the item", Summary: "The body of the message: a text as it is, anything else as JSON."},
			{Name: "headers", Type: flows.TypeFields, Summary: "Headers of the message."},
			{Name: "jetstream", Type: flows.TypeBool, Default: "true", Summary: "Whether a stream must store the message; `false`: it goes to present subscribers only."},
		},
		Example: "nats: orders.new\nconnection: bus\nbody: {order: \"${ .id }\", total: \"${ .total }\"}",
		Effect:  flows.Once,
		New: func(a *flows.Args) (flows.Runner, error) {
			return &publishStep{
				connection: a.String("connection"), stored: !a.Has("jetstream") || a.Bool("jetstream"),
				subject: a.Template("subject"), body: a.Template("body"), headers: a.Fields("headers"),
			}, nil
		},
	}
}

type publishStep struct {
	connection    string
	stored        bool // in a stream
	subject, body *flows.Template
	headers       []flows.Field
}

// Run implements flows.Runner.
func (s *publishStep) Run(ctx context.Context, in *flows.Input) ([]any, error) {
	message, err := s.render(ctx, in)
	if err != nil {
		return nil, err
	}
	c, release, err := flows.ClientOf[*client](ctx, in.Env(), s.connection)
	if err != nil {
		return nil, err
	}
	defer release()
	conn, err := c.shared(ctx)
	if err != nil {
		return nil, err
	}
	before := conn.LastError()
	limited, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	out, err := send(limited, conn, message, s.stored)
	violation := denied(conn, before, message.Subject)
	switch {
	case violation != nil:
		return nil, c.failure(violation)
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, c.failure(err)
	}
	return []any{out}, nil
}

// send returns when a stream has stored the message, or else when the server has it.
func send(ctx context.Context, conn *nats.Conn, message *nats.Msg, stored bool) (map[string]any, error) {
	if !stored {
		if err := conn.PublishMsg(message); err != nil {
			return nil, err
		}
		return map[string]any{"subject": message.Subject}, conn.FlushWithContext(ctx)
	}
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, err
	}
	ack, err := js.PublishMsg(ctx, message)
	if err != nil {
		return nil, err
	}
	return map[string]any{"stream": ack.Stream, "sequence": int(ack.Sequence), "duplicate": ack.Duplicate}, nil
}

func (s *publishStep) render(ctx context.Context, in *flows.Input) (*nats.Msg, error) {
	subject, err := s.subject.Name(ctx, in, "subject", subjectRules)
	if err != nil {
		return nil, err
	}
	if !isSubject(subject) {
		return nil, flows.Failed("subject: expected words without spaces and wildcards, separated by dots, of at most 2000 bytes")
	}
	m := nats.NewMsg(subject)
	var contentType string
	if m.Data, contentType, err = flows.MessageBody(ctx, in, s.body); err != nil {
		return nil, err
	}
	m.Header.Set(typeHeader, contentType)
	m.Header.Set(nats.MsgIdHdr, in.RunKey())
	for _, h := range s.headers {
		text, err := h.Value.Text(ctx, in)
		if err != nil {
			return nil, err
		}
		m.Header.Set(h.Name, text)
	}
	return m, nil
}
