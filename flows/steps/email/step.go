// Package email is the step kind email.
package email

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/internal/failure"
)

// Kind sends a message.
func Kind() flows.Kind {
	return flows.Kind{
		Name:       "email",
		Summary:    "Sends a message through a mail server.",
		Doc:        doc,
		Params:     params(),
		Example:    example,
		Effect:     flows.Once,
		ThroughEnv: true,
		New:        func(args *flows.Args) (flows.Runner, error) { return newStep(args) },
	}
}

// step is one email step of a flow.
type step struct {
	connection  string
	from        *flows.Template // nil: the connection's
	to, cc, bcc *flows.Template
	replyTo     *flows.Template
	subject     *flows.Template
	text, html  *flows.Template
	headers     []flows.Field
	attachments flows.EntryList
}

func newStep(args *flows.Args) (*step, error) {
	s := &step{
		connection: args.String("connection"),
		from:       args.Template("from"), to: args.Template("to"), cc: args.Template("cc"), bcc: args.Template("bcc"),
		replyTo: args.Template("reply_to"), subject: args.Template("subject"),
		text: args.Template("text"), html: args.Template("html"),
		headers: args.Fields("headers"),
	}
	if s.to == nil && s.cc == nil && s.bcc == nil {
		return nil, args.Errorf("to", "the message has no recipient: set to, cc or bcc")
	}
	if s.text == nil && s.html == nil {
		return nil, args.Errorf("text", "the message is empty: set text, html or both")
	}
	if err := checkHeaders(args, s.headers); err != nil {
		return nil, err
	}
	s.attachments = args.EntryList("attachments", attachmentParams())
	return s, nil
}

// Run sends one message for one item.
func (s *step) Run(ctx context.Context, in *flows.Input) ([]any, error) {
	connections := in.Env().Connections
	if connections == nil {
		return nil, failure.Errorf("there is no connection %q: no connections are configured here", s.connection)
	}
	mailer, err := connections.Mail(ctx, s.connection)
	if err != nil {
		return nil, err
	}
	m, err := s.render(ctx, in)
	if err != nil {
		return nil, err
	}
	if err := mailer.Send(ctx, m); err != nil {
		return nil, err
	}
	return []any{map[string]any{"id": m.ID, "recipients": len(m.To) + len(m.Cc) + len(m.Bcc)}}, nil
}

// messageID is equal in every attempt of the run, so that a receiver can detect a repeated message.
func messageID(in *flows.Input) string {
	sum := sha256.Sum256([]byte(in.RunKey()))
	return hex.EncodeToString(sum[:16])
}
