package flows

import "context"

// Mailer sends messages. Safe for concurrent use.
type Mailer interface {
	// Send hands the message to the mail server, once. The error is a *Error:
	// its Class and Upstream say whether another attempt may fare better.
	Send(ctx context.Context, m *Mail) error
}

// Mail is a message as an email step renders it. Addresses are "a@b.org" or
// "Name <a@b.org>".
type Mail struct {
	ID          string // of the message, without < and domain: the same in every attempt
	From        string // empty: that of the connection
	To, Cc, Bcc []string
	ReplyTo     []string
	Subject     string
	Text, HTML  string // at least one is set; both: the reader's program chooses
	Headers     []MailHeader
	Attachments []Attachment
}

// MailHeader is a further header field.
type MailHeader struct{ Name, Value string }

// Attachment is a file that goes with a message.
type Attachment struct {
	Name        string
	ContentType string // empty: by the name's ending
	Content     []byte
}
