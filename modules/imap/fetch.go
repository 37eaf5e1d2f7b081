package imap

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/emersion/go-imap/v2"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
)

// Limits of max_size in bytes.
const (
	defaultSize = 25_000_000
	maxSize     = 50_000_000
)

// fetch puts out a message.
type fetch struct {
	target
	seen, raw, files bool
	most             int64 // bytes
}

func newFetch(a *flows.Args, t target) (*fetch, error) {
	f := &fetch{target: t, seen: a.Bool("seen"), raw: a.Bool("raw"), files: a.String("attachments") != "none", most: defaultSize}
	if a.Has("max_size") {
		size, ok := flows.ParseSize(a.String("max_size"))
		if !ok || size < 1 || size > maxSize {
			return nil, a.Refuse(problem.BadSize, "max_size", "max_size is a size such as 512KB or 10MB, at most 50MB")
		}
		f.most = size
	}
	return f, nil
}

// Effect implements operation.
func (f *fetch) Effect() flows.Effect {
	if f.seen {
		return flows.Idempotent
	}
	return flows.Read
}

func (f *fetch) run(ctx context.Context, in *flows.Input, c *client) ([]any, error) {
	at, err := f.render(ctx, in)
	if err != nil {
		return nil, err
	}
	held := in.Charger(ctx).Part()
	defer held.Drop()
	var item map[string]any
	var content []byte
	err = c.use(ctx, func(on *conn) error {
		selected, err := on.selectAt(at, !f.seen)
		if err != nil {
			return err
		}
		found, err := on.Fetch(imap.UIDSetNum(at.uid), &imap.FetchOptions{UID: true, Flags: true, InternalDate: true, RFC822Size: true}).Collect()
		switch {
		case err != nil:
			return err
		case len(found) == 0:
			return flows.Failed("the mailbox %.100q has no message %d", at.mailbox, at.uid)
		case found[0].RFC822Size > f.most:
			return flows.Failed("the message has %s; max_size is %s", flows.SizeText(found[0].RFC822Size), flows.SizeText(f.most))
		}
		if err := held.Charge(3 * found[0].RFC822Size); err != nil { // the message, and its texts twice
			return limit(err)
		}
		if content, err = on.content(at.uid, f.most, !f.seen); err != nil {
			return err
		}
		item = about(at.mailbox, selected.UIDValidity, found[0])
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := f.read(ctx, in, content, item); err != nil {
		return nil, err
	}
	return []any{item}, nil
}

// content returns the first bytes of a message, at most so many.
func (c *conn) content(uid imap.UID, most int64, peek bool) ([]byte, error) {
	section := &imap.FetchItemBodySection{Peek: peek, Partial: &imap.SectionPartial{Size: most}}
	found, err := c.Fetch(imap.UIDSetNum(uid), &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{section}}).Collect()
	if err != nil {
		return nil, err
	}
	for _, m := range found {
		for _, s := range m.BodySection {
			return s.Bytes[:min(int64(len(s.Bytes)), most)], nil
		}
	}
	return nil, flows.Failed("the server sends no message %d", uid)
}

// read parses a message into an item and files.
func (f *fetch) read(ctx context.Context, in *flows.Input, content []byte, item map[string]any) error {
	attachments := []any{}
	m, err := parse(content, func(p part) error {
		value, err := f.attachment(ctx, in, p)
		if err == nil {
			attachments = append(attachments, value)
		}
		return err
	})
	if err != nil {
		return err
	}
	m.describe(item)
	item["headers"], _ = m.headers(maxHeaders)
	item["text"], item["html"], item["attachments"] = textOf(m.text), textOf(m.html), attachments
	if f.raw {
		file, err := in.SaveFile(ctx, 0, "message.eml", "message/rfc822", bytes.NewReader(content))
		if err != nil {
			return fileError(ctx, err)
		}
		item["raw"] = file.Value()
	}
	return limitOr(in.Charger(ctx).Charge(flows.SizeOf(item)))
}

func (f *fetch) attachment(ctx context.Context, in *flows.Input, p part) (map[string]any, error) {
	var value map[string]any
	if f.files {
		file, err := in.SaveFile(ctx, 0, p.name, p.contentType, p.content)
		if err != nil {
			return nil, fileError(ctx, err)
		}
		value = file.Value()
	} else {
		size, err := io.Copy(io.Discard, p.content)
		if err != nil {
			return nil, err
		}
		value = map[string]any{"name": p.name, "content_type": p.contentType, "size": int(size)}
	}
	value["content_id"], value["inline"] = textOf(p.contentID), p.inline
	return value, nil
}

// fileError is the failure of a step whose file cannot be stored.
func fileError(ctx context.Context, err error) error {
	var known *flows.Error
	if ctx.Err() != nil || errors.As(err, &known) {
		return err
	}
	return &flows.Error{Code: flows.CodeStepFailed, Message: "the file cannot be stored: the store of files does not answer", Class: flows.ClassNetwork, Err: err}
}

// limitOr is limit; nil for nil.
func limitOr(err error) error {
	if err == nil {
		return nil
	}
	return limit(err)
}
