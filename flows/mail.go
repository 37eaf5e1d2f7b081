package flows

import "context"

// Mailer sends messages. Safe for concurrent use.
type Mailer interface {
	// Send hands the message to the mail server once. The error is an *Error; its Class and Upstream say whether a
	// retry may help.
	Send(ctx context.Context, m *Mail) error
}

// Mail is a rendered message of an email step. Addresses are "a@b.org" or "Name <a@b.org>".
type Mail struct {
	ID          string // of the message, without < and domain; equal in every attempt
	From        string // empty: the connection's
	To, Cc, Bcc []string
	ReplyTo     []string
	Subject     string
	Text, HTML  string // at least one is set; with both the mail client chooses
	Headers     []MailHeader
	Attachments []Attachment
}

// MailHeader is an additional header field.
type MailHeader struct{ Name, Value string }

// Attachment is a file attached to a message.
type Attachment struct {
	Name        string
	ContentType string // empty: derived from the extension of Name
	Content     []byte
}
