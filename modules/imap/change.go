package imap

import (
	"bytes"
	"context"
	"io"
	"strings"

	"github.com/emersion/go-imap/v2"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
)

// move moves a message to another mailbox.
type move struct {
	target
	to *flows.Template
}

// Effect implements operation: a UID is never given twice, so that a repeated move moves nothing.
func (*move) Effect() flows.Effect { return flows.Idempotent }

func (m *move) run(ctx context.Context, in *flows.Input, c *client) ([]any, error) {
	at, err := m.render(ctx, in)
	if err != nil {
		return nil, err
	}
	to, err := renderMailbox(ctx, in, m.to)
	if err != nil {
		return nil, err
	}
	item := map[string]any{"mailbox": to, "moved": false, "uid": nil}
	err = c.use(ctx, func(on *conn) error {
		if err := on.canMove(); err != nil {
			return err
		}
		if _, err := on.selectAt(at, false); err != nil {
			return err
		}
		found, err := on.UIDSearch(&imap.SearchCriteria{UID: []imap.UIDSet{imap.UIDSetNum(at.uid)}}, nil).Wait()
		if err != nil || len(found.AllUIDs()) == 0 {
			return err
		}
		moved, err := on.Move(imap.UIDSetNum(at.uid), to).Wait()
		if err != nil {
			return err
		}
		item["moved"] = true
		if set, ok := moved.DestUIDs.(imap.UIDSet); ok {
			if uids, ok := set.Nums(); ok && len(uids) == 1 {
				item["uid"], item["uid_validity"] = int(uids[0]), int(moved.UIDValidity)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return []any{item}, nil
}

// canMove returns why messages cannot be moved. Copying and removing them could be interrupted between the two.
func (c *conn) canMove() error {
	if !c.Caps().Has(imap.CapMove) {
		return flows.Failed("the server cannot move messages: it has no extension MOVE")
	}
	return nil
}

// flag changes flags of a message.
type flag struct {
	target
	add, remove []imap.Flag
}

func newFlag(a *flows.Args, t target) (*flag, error) {
	add, err := flagsOf(a, "add")
	if err != nil {
		return nil, err
	}
	remove, err := flagsOf(a, "remove")
	if err == nil && len(add)+len(remove) == 0 {
		err = a.Refuse(problem.DependentKey, "flag", "flag needs add or remove")
	}
	return &flag{t, add, remove}, err
}

// Effect implements operation.
func (*flag) Effect() flows.Effect { return flows.Idempotent }

func (f *flag) run(ctx context.Context, in *flows.Input, c *client) ([]any, error) {
	at, err := f.render(ctx, in)
	if err != nil {
		return nil, err
	}
	item := map[string]any{"mailbox": at.mailbox, "uid": int(at.uid), "flags": nil}
	err = c.use(ctx, func(on *conn) error {
		if _, err := on.selectAt(at, false); err != nil {
			return err
		}
		for op, flags := range map[imap.StoreFlagsOp][]imap.Flag{imap.StoreFlagsAdd: f.add, imap.StoreFlagsDel: f.remove} {
			if len(flags) == 0 {
				continue
			}
			if err := on.Store(imap.UIDSetNum(at.uid), &imap.StoreFlags{Op: op, Silent: true, Flags: flags}, nil).Close(); err != nil {
				return err
			}
		}
		found, err := on.Fetch(imap.UIDSetNum(at.uid), &imap.FetchOptions{UID: true, Flags: true}).Collect()
		if len(found) > 0 {
			item["flags"] = flagNames(found[0].Flags)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return []any{item}, nil
}

// appendTo appends a message to a mailbox.
type appendTo struct {
	mailbox, content, file *flows.Template // of content and file one is not nil
	flags                  []imap.Flag
}

func newAppend(a *flows.Args) (*appendTo, error) {
	s := &appendTo{mailbox: a.Template("append"), content: a.Template("content"), file: a.Template("file")}
	if (s.content == nil) == (s.file == nil) {
		return nil, a.Refuse(problem.DependentKey, "append", "append needs one of content and file")
	}
	var err error
	s.flags, err = flagsOf(a, "flags")
	return s, err
}

// Effect implements operation.
func (*appendTo) Effect() flows.Effect { return flows.Once }

func (s *appendTo) run(ctx context.Context, in *flows.Input, c *client) ([]any, error) {
	mailbox, err := renderMailbox(ctx, in, s.mailbox)
	if err != nil {
		return nil, err
	}
	content, size, done, err := s.message(ctx, in)
	if err != nil {
		return nil, err
	}
	defer done()
	item := map[string]any{"mailbox": mailbox, "uid": nil, "uid_validity": nil}
	err = c.use(ctx, func(on *conn) error {
		sending := on.Append(mailbox, size, &imap.AppendOptions{Flags: s.flags})
		_, err := io.Copy(sending, content)
		if closed := sending.Close(); err == nil {
			err = closed
		}
		stored, refused := sending.Wait()
		if refused != nil { // the server may refuse a message before it is sent
			return refused
		}
		if stored.UID != 0 {
			item["uid"], item["uid_validity"] = int(stored.UID), int(stored.UIDValidity)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return []any{item}, nil
}

// message returns the message to append. done must be called when it was sent.
func (s *appendTo) message(ctx context.Context, in *flows.Input) (content io.Reader, size int64, done func(), err error) {
	if s.file != nil {
		v, err := s.file.Render(ctx, in)
		if err != nil {
			return nil, 0, nil, err
		}
		r, file, err := in.OpenFile(ctx, v)
		if err != nil {
			return nil, 0, nil, err
		}
		return r, file.Size, func() { _ = r.Close() }, nil
	}
	v, err := s.content.Render(ctx, in)
	if err != nil {
		return nil, 0, nil, err
	}
	text, ok := v.(string)
	if !ok || text == "" {
		return nil, 0, nil, flows.Failed("content: expected the text of a message")
	}
	if err := in.Charger(ctx).Charge(2 * int64(len(text))); err != nil {
		return nil, 0, nil, limit(err)
	}
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n") // RFC 5322, section 2.3
	return bytes.NewReader([]byte(text)), int64(len(text)), func() {}, nil
}
