package imap

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/internal/budget"
)

// Limits of max_messages, and how many messages are asked for at once.
const (
	defaultMessages = 1000
	maxMessages     = 10_000
	batchSize       = 200
)

// list puts out an item for each mailbox.
type list struct{ pattern *flows.Template }

// Effect implements operation.
func (*list) Effect() flows.Effect { return flows.Read }

func (l *list) run(ctx context.Context, in *flows.Input, c *client) ([]any, error) {
	pattern, err := renderMailbox(ctx, in, l.pattern)
	if err != nil {
		return nil, err
	}
	items := []any{}
	charger := in.Charger(ctx)
	err = c.use(ctx, func(on *conn) error {
		found, err := on.List("", pattern, nil).Collect()
		for _, m := range found {
			if err := charger.Charge(budget.Object + budget.Members(4) + int64(len(m.Mailbox)+50*len(m.Attrs))); err != nil {
				return limit(err)
			}
			attributes := []any{}
			selectable := true
			for _, a := range m.Attrs {
				attributes = append(attributes, strings.ToLower(strings.TrimPrefix(string(a), `\`)))
				selectable = selectable && a != imap.MailboxAttrNoSelect && a != imap.MailboxAttrNonExistent
			}
			items = append(items, map[string]any{"name": clean(m.Mailbox), "delimiter": clean(string(m.Delim)), "attributes": attributes, "selectable": selectable})
		}
		return err
	})
	return items, err
}

// search puts out an item for each message.
type search struct {
	mailbox  *flows.Template
	criteria *flows.Args // nil: none
	most     int
}

func newSearch(a *flows.Args) (*search, error) {
	s := &search{mailbox: a.Template("search"), criteria: a.Object("criteria"), most: defaultMessages}
	if a.Has("max_messages") {
		if s.most = a.Int("max_messages"); s.most < 1 || s.most > maxMessages {
			return nil, a.Refuse(problem.OutOfRange, "max_messages", "max_messages is from 1 to %d", maxMessages)
		}
	}
	return s, nil
}

func criteriaParams() []flows.Param {
	text := func(name, summary string) flows.Param {
		return flows.Param{Name: name, Type: flows.TypeTemplate, Summary: summary}
	}
	is := func(name string) flows.Param {
		return flows.Param{Name: name, Type: flows.TypeBool, Summary: "Whether the message has the flag."}
	}
	return []flows.Param{
		text("from", "Text in the header From."), text("to", "Text in the header To."), text("cc", "Text in the header Cc."), text("subject", "Text in the subject."),
		text("message_id", "The header Message-ID, or a part of it."), text("body", "Text in the body."), text("text", "Text in the headers or the body."),
		text("since", "Date from which on the message was received: `2026-01-31`."), text("before", "Date before which the message was received."),
		text("larger", "Size in bytes that the message exceeds."), text("smaller", "Size in bytes that it does not reach."), text("after_uid", "UID that that of the message exceeds."),
		is("seen"), is("answered"), is("flagged"), is("deleted"), is("draft"),
		{Name: "keyword", Type: flows.TypeString, Summary: "A keyword that the message has."}, {Name: "without_keyword", Type: flows.TypeString, Summary: "A keyword that it does not have."},
	}
}

// Effect implements operation.
func (*search) Effect() flows.Effect { return flows.Read }

func (s *search) run(ctx context.Context, in *flows.Input, c *client) ([]any, error) {
	mailbox, err := renderMailbox(ctx, in, s.mailbox)
	if err != nil {
		return nil, err
	}
	criteria, err := s.render(ctx, in)
	if err != nil {
		return nil, err
	}
	items := []any{}
	err = c.use(ctx, func(on *conn) error {
		selected, err := on.selectAt(place{mailbox: mailbox}, true)
		if err != nil {
			return err
		}
		found, err := on.UIDSearch(criteria, nil).Wait()
		if err != nil {
			return err
		}
		uids := found.AllUIDs()
		slices.Sort(uids)
		if len(criteria.UID) > 0 { // "5:*" has the last message always
			first := criteria.UID[0][0].Start
			uids = slices.DeleteFunc(uids, func(u imap.UID) bool { return u < first })
		}
		if len(uids) > s.most {
			return flows.Failed("there are %d messages and max_messages is %d; further criteria help", len(uids), s.most)
		}
		charger := in.Charger(ctx)
		for batch := range slices.Chunk(uids, batchSize) {
			about, err := on.Fetch(imap.UIDSetNum(batch...), &imap.FetchOptions{UID: true, Flags: true, InternalDate: true, RFC822Size: true, Envelope: true}).Collect()
			if err != nil {
				return err
			}
			slices.SortFunc(about, func(a, b *messageData) int { return int(int64(a.UID) - int64(b.UID)) })
			for _, m := range about {
				item := summary(mailbox, selected.UIDValidity, m)
				if err := charger.Charge(flows.SizeOf(item)); err != nil {
					return limit(err)
				}
				items = append(items, item)
			}
		}
		return nil
	})
	return items, err
}

func (s *search) render(ctx context.Context, in *flows.Input) (*imap.SearchCriteria, error) {
	c := &imap.SearchCriteria{}
	if s.criteria == nil {
		return c, nil
	}
	for param, header := range map[string]string{"from": "From", "to": "To", "cc": "Cc", "subject": "Subject", "message_id": "Message-Id"} {
		if t := s.criteria.Template(param); t != nil {
			text, err := renderText(ctx, in, param, t)
			if err == nil && text == "" {
				err = flows.Failed("%s: the text is empty, and would be met by every message", param)
			}
			if err != nil {
				return nil, err
			}
			c.Header = append(c.Header, imap.SearchCriteriaHeaderField{Key: header, Value: text})
		}
	}
	for param, list := range map[string]*[]string{"body": &c.Body, "text": &c.Text} {
		if t := s.criteria.Template(param); t != nil {
			text, err := renderText(ctx, in, param, t)
			if err == nil && text == "" {
				err = flows.Failed("%s: the text is empty, and would be met by every message", param)
			}
			if err != nil {
				return nil, err
			}
			*list = append(*list, text)
		}
	}
	for param, date := range map[string]*time.Time{"since": &c.Since, "before": &c.Before} {
		if t := s.criteria.Template(param); t != nil {
			var err error
			if *date, err = renderDate(ctx, in, param, t); err != nil {
				return nil, err
			}
		}
	}
	for param, size := range map[string]*int64{"larger": &c.Larger, "smaller": &c.Smaller} {
		if t := s.criteria.Template(param); t != nil {
			n, err := renderNumber(ctx, in, param, t)
			if err != nil {
				return nil, err
			}
			*size = int64(n)
		}
	}
	if t := s.criteria.Template("after_uid"); t != nil {
		n, err := renderNumber(ctx, in, "after_uid", t)
		if err != nil {
			return nil, err
		}
		if n == math.MaxUint32 {
			return nil, flows.Failed("after_uid: expected at most 4294967294")
		}
		c.UID = append(c.UID, imap.UIDSet{imap.UIDRange{Start: imap.UID(n) + 1}})
	}
	return c, s.flags(c)
}

func (s *search) flags(c *imap.SearchCriteria) error {
	for name, flag := range systemFlags {
		switch {
		case !s.criteria.Has(name):
		case s.criteria.Bool(name):
			c.Flag = append(c.Flag, flag)
		default:
			c.NotFlag = append(c.NotFlag, flag)
		}
	}
	for param, list := range map[string]*[]imap.Flag{"keyword": &c.Flag, "without_keyword": &c.NotFlag} {
		if s.criteria.Has(param) {
			flag, ok := flagOf(s.criteria.String(param))
			if !ok {
				return flows.Failed("%s: expected a keyword", param)
			}
			*list = append(*list, flag)
		}
	}
	return nil
}

func limit(err error) error {
	return &flows.Error{Code: flows.CodeLimit, Message: err.Error(), Err: err}
}

// clean returns a text of a server as a value of JSON.
func clean(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }
