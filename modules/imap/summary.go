package imap

import (
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

type messageData = imapclient.FetchMessageBuffer

// maxAddresses is the maximum number of addresses of one header in an item.
const maxAddresses = 1000

// summary describes a message by what its server says of it.
func summary(mailbox string, validity uint32, m *messageData) map[string]any {
	item := about(mailbox, validity, m)
	e := m.Envelope
	if e == nil {
		e = &imap.Envelope{}
	}
	item["date"], item["subject"], item["message_id"] = timeOf(e.Date), clean(e.Subject), textOf(e.MessageID)
	item["from"], item["to"], item["cc"] = addresses(e.From), addresses(e.To), addresses(e.Cc)
	item["in_reply_to"] = nil
	if len(e.InReplyTo) > 0 {
		item["in_reply_to"] = textOf(e.InReplyTo[0])
	}
	return item
}

// about describes a message without its headers.
func about(mailbox string, validity uint32, m *messageData) map[string]any {
	return map[string]any{
		"mailbox": mailbox, "uid": int(m.UID), "uid_validity": int(validity), "size": int(m.RFC822Size), "flags": flagNames(m.Flags), "received": timeOf(m.InternalDate),
	}
}

func timeOf(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}

// textOf returns a text; nil: it is empty.
func textOf(text string) any {
	if text == "" {
		return nil
	}
	return clean(text)
}

func addresses(list []imap.Address) []any {
	all := []any{}
	for _, a := range list {
		if address := a.Addr(); address != "" && len(all) < maxAddresses { // not the begin or end of a group
			all = append(all, map[string]any{"name": clean(a.Name), "address": clean(address)})
		}
	}
	return all
}
