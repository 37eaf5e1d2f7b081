package imap

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
)

const (
	defaultEvery = time.Minute
	minEvery     = 5 * time.Second
	maxEvery     = time.Hour
	// maxRead is how many bytes of a message the trigger reads: enough for a body of 1 MiB, in base64, before the attachments.
	maxRead = 2 << 20
	// maxEventHeaders limits the headers in an event in bytes.
	maxEventHeaders = 64 << 10
)

func source() flows.Source {
	return flows.Source{
		Name:    "imap",
		Summary: "New messages of a mailbox.",
		Doc: "One worker reads the mailbox. A message is new while it has not the flag `flag`; it gets it when it is acknowledged. With `move_to`, all messages of the mailbox are new, and are moved. " +
			"A message that is rejected also gets the flag `flagged`, or goes to `rejected_to`. Before the first run, the messages that should not be runs need the flag, or another mailbox.\n\n" +
			"The event is `{mailbox, uid, uid_validity, size, flags, received, date, subject, from, to, cc, reply_to, message_id, in_reply_to, headers, attachments, incomplete, body}`. `body` is the text, or the " +
			"HTML of a message without text. `attachments` is a list of `{name, content_type, size}`: the step `imap` with `fetch` makes files of them. The first 2 MiB of a message are read; `incomplete` says what was not.\n\n" +
			"A message is known by its mailbox, UIDVALIDITY and UID.",
		Params: []flows.Param{
			{Name: "mailbox", Type: flows.TypeString, Default: "INBOX", Summary: "Name of the mailbox."},
			{Name: "flag", Type: flows.TypeString, Default: "seen", Summary: "The flag of messages that are not new: `seen`, `answered`, `flagged`, or a keyword such as `penstock`, which readers of the mailbox do not change."},
			{Name: "move_to", Type: flows.TypeString, Summary: "The mailbox that messages are moved to, in place of `flag`."},
			{Name: "rejected_to", Type: flows.TypeString, Summary: "The mailbox that rejected messages are moved to."},
			{Name: "every", Type: flows.TypeDuration, Default: "1m", Summary: "How often the mailbox is searched, besides what the server tells of at once (IDLE): 5s to 1h."},
		},
		Example:   "imap: {connection: office, mailbox: INBOX, move_to: Processed}",
		Exclusive: true,
		New:       newConsumer,
	}
}

// consumer receives the new messages of a mailbox.
type consumer struct {
	mailbox            string
	flag               imap.Flag
	moveTo, rejectedTo string // empty: messages are not moved
	every              time.Duration
}

func newConsumer(a *flows.Args) (flows.Consumer, error) {
	q := &consumer{mailbox: "INBOX", flag: imap.FlagSeen, moveTo: a.String("move_to"), rejectedTo: a.String("rejected_to"), every: defaultEvery}
	if a.Has("mailbox") {
		q.mailbox = a.String("mailbox")
	}
	if a.Has("every") {
		if q.every = a.Duration("every"); q.every < minEvery || q.every > maxEvery {
			return nil, a.Refuse(problem.OutOfRange, "every", "every is from 5s to 1h")
		}
	}
	if a.Has("flag") {
		var ok bool
		if q.flag, ok = flagOf(a.String("flag")); !ok || q.flag == imap.FlagDeleted {
			return nil, a.Errorf("flag", "flag: %q is no flag that can mark messages", a.String("flag"))
		}
		if q.moveTo != "" {
			return nil, a.Refuse(problem.ExclusiveKeys, "flag", "flag and move_to exclude each other")
		}
	}
	for param, name := range map[string]string{"mailbox": q.mailbox, "move_to": q.moveTo, "rejected_to": q.rejectedTo} {
		if a.Has(param) && (name == "" || len(name) > maxText || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f })) {
			return nil, a.Refuse(problem.BadName, param, "%s: %.50q is no name of a mailbox", param, name)
		}
		if param != "mailbox" && name == q.mailbox {
			return nil, a.Errorf(param, "%s is the mailbox itself", param)
		}
	}
	return q, nil
}

// Consume implements flows.Consumer.
func (q *consumer) Consume(ctx context.Context, s flows.Subscription) error {
	c, ok := s.Client.(*client)
	if !ok {
		return errors.New("the connection is not of the type imap")
	}
	r := newReceiver(q, c, s)
	on, err := c.login(ctx, r.changed)
	if err != nil {
		return err
	}
	r.on = on
	defer func() { _ = on.Close() }() // what is not settled has no flag, and is new again
	err = r.run(ctx)
	if errors.Is(err, context.Canceled) || ctx.Err() != nil {
		err = nil
	}
	settled := r.settle(context.WithoutCancel(ctx)) // what was done at last
	if err == nil && ctx.Err() == nil {
		err = settled
	}
	return c.failure(context.WithoutCancel(ctx), err)
}

// event describes a message to the flow. It returns the body of the message, and its content type.
func (q *consumer) event(content []byte, item map[string]any) (body []byte, contentType string) {
	attachments := []any{}
	m, _ := parse(content, func(p part) error { // there is no file that could fail
		size, err := io.Copy(io.Discard, p.content)
		if err == nil {
			attachments = append(attachments, map[string]any{"name": p.name, "content_type": p.contentType, "size": int(size)})
		}
		return err
	})
	headers, complete := m.headers(maxEventHeaders)
	if !complete {
		m.missing("the headers are larger than %s", flows.SizeText(maxEventHeaders))
	}
	if size, _ := item["size"].(int); size > len(content) {
		m.incomplete = "" // what follows from it
		m.missing("the message has %s, of which %s were read", flows.SizeText(int64(size)), flows.SizeText(int64(len(content))))
	}
	m.describe(item)
	item["headers"], item["attachments"] = headers, attachments
	if m.text == "" && m.html != "" {
		return []byte(m.html), "text/html; charset=utf-8"
	}
	return []byte(m.text), "text/plain; charset=utf-8"
}

// check returns why messages could not be settled, before the first one is taken; nil: they can.
func (q *consumer) check(selected *imap.SelectData, on *conn) error {
	for _, to := range []string{q.moveTo, q.rejectedTo} {
		if to == "" {
			continue
		}
		if err := on.canMove(); err != nil {
			return err
		}
		if _, err := on.Status(to, &imap.StatusOptions{UIDValidity: true}).Wait(); err != nil {
			return flows.Failed("there is no mailbox %.100q that messages could be moved to", to)
		}
	}
	if q.moveTo == "" && !keeps(selected.PermanentFlags, q.flag) {
		return flows.Failed("the mailbox %.100q does not keep the flag %s", q.mailbox, flagNames([]imap.Flag{q.flag})[0])
	}
	return nil
}

// keeps reports whether a flag can be changed permanently: it is among the flags of the mailbox, or a new keyword.
func keeps(permanent []imap.Flag, flag imap.Flag) bool {
	return slices.ContainsFunc(permanent, func(f imap.Flag) bool {
		return strings.EqualFold(string(f), string(flag)) || f == imap.FlagWildcard && !strings.HasPrefix(string(flag), `\`)
	})
}
