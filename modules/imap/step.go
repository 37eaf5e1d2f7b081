package imap

import (
	"context"

	"github.com/emersion/go-imap/v2"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
)

const doc = "`list` puts out an item `{name, delimiter, attributes, selectable}` for each mailbox. `search` puts out an item `{mailbox, uid, uid_validity, size, flags, received, date, subject, from, to, cc, " +
	"message_id, in_reply_to}` for each message that meets all criteria, in the order of their UIDs, and does not mark them as seen.\n\n" +
	"`fetch` puts out a message: what `search` has of it, `reply_to`, `headers` (lists of decoded texts, by lower-case name), `text`, `html`, and `attachments`, a list of [files](files.md) with " +
	"`content_id` and `inline`. Messages in a message are attachments. `incomplete` says what could not be read of a message that is not well-formed, or goes beyond a limit: 500 parts, " +
	"20 levels, 512 KiB of headers, 4 MB each of text and HTML; it is null otherwise. `raw: true` adds the message as it is, as the file `raw`.\n\n" +
	"Addresses are `{name, address}`. Flags are `seen`, `answered`, `flagged`, `deleted`, `draft`, and keywords of the server.\n\n" +
	"A message is known by `uid` within its mailbox, as long as the mailbox has the same `uid_validity`; with `uid_validity` a step fails once it has another. `move` needs a server with the extension MOVE; a message that is not there " +
	"gives `moved: false`. `append` stores a message, given as text or as a file.\n\n" +
	"Effects: `list`, `search` and `fetch` read; `move`, `flag` and `fetch` with `seen` may be repeated; `append` happens once."

func kind() flows.Kind {
	o := operations()
	return flows.Kind{
		Name:    "imap",
		Summary: "Lists, searches, fetches, moves, flags and appends messages of mailboxes.",
		Doc:     doc,
		Params:  append([]flows.Param{{Name: "connection", Type: flows.TypeString, Names: flows.ResourceConnection, Required: true, Summary: "Name of an imap connection."}}, o.Params()...),
		Example: "imap: {connection: office, fetch: INBOX, uid: \"${ .uid }\"}",
		Effect:  flows.Once,
		New: func(a *flows.Args) (flows.Runner, error) {
			name, err := o.Chosen(a)
			if err != nil {
				return nil, err
			}
			s := &step{connection: a.String("connection")}
			t := target{mailbox: a.Template(name), uid: a.Template("uid"), validity: a.Template("uid_validity")}
			if (name == "fetch" || name == "move" || name == "flag") && t.uid == nil {
				return nil, a.Refuse(problem.DependentKey, name, "%s needs the uid of the message", name)
			}
			switch name {
			case "list":
				s.do = &list{pattern: t.mailbox}
			case "search":
				s.do, err = newSearch(a)
			case "fetch":
				s.do, err = newFetch(a, t)
			case "move":
				if s.do = (&move{t, a.Template("to")}); !a.Has("to") {
					err = a.Refuse(problem.DependentKey, name, "move needs to, the other mailbox")
				}
			case "flag":
				s.do, err = newFlag(a, t)
			case "append":
				s.do, err = newAppend(a)
			}
			return s, err
		},
	}
}

func operations() flows.Operations {
	message := []string{"fetch", "move", "flag"}
	return flows.Operations{
		Names: []flows.Param{
			{Name: "list", Summary: "Pattern of the names of mailboxes to list: `*` is any text, `%` one without the server's delimiter."},
			{Name: "search", Summary: "Mailbox to search."},
			{Name: "fetch", Summary: "Mailbox of a message to fetch."},
			{Name: "move", Summary: "Mailbox of a message to move."},
			{Name: "flag", Summary: "Mailbox of a message whose flags to change."},
			{Name: "append", Summary: "Mailbox that a message is appended to."},
		},
		Options: []flows.Option{
			{Param: flows.Param{Name: "criteria", Type: flows.TypeObject, Default: "all messages", Summary: "What the messages meet, all of it.", Fields: criteriaParams()}, Of: []string{"search"}},
			{Param: flows.Param{Name: "max_messages", Type: flows.TypeInt, Default: "1000", Summary: "Most messages of a search; more are a failure. At most 10,000."}, Of: []string{"search"}},
			{Param: flows.Param{Name: "uid", Type: flows.TypeTemplate, Summary: "UID of the message."}, Of: message},
			{Param: flows.Param{Name: "uid_validity", Type: flows.TypeTemplate, Summary: "The UIDVALIDITY that the mailbox had when the UID was read."}, Of: message},
			{Param: flows.Param{Name: "seen", Type: flows.TypeBool, Default: "false", Summary: "Marks the message as seen."}, Of: []string{"fetch"}},
			{Param: flows.Param{Name: "attachments", Type: flows.TypeEnum, Enum: []string{"files", "none"}, Default: "files", Summary: "Whether attachments become files, or only `{name, content_type, size}`."}, Of: []string{"fetch"}},
			{Param: flows.Param{Name: "raw", Type: flows.TypeBool, Default: "false", Summary: "Adds the whole message as a file."}, Of: []string{"fetch"}},
			{Param: flows.Param{Name: "max_size", Type: flows.TypeString, Default: "25MB", Summary: "Largest message; a larger one is a failure. At most 50MB."}, Of: []string{"fetch"}},
			{Param: flows.Param{Name: "to", Type: flows.TypeTemplate, Summary: "The mailbox that the message is moved to."}, Of: []string{"move"}},
			{Param: flows.Param{Name: "add", Type: flows.TypeStrings, Summary: "Flags to add."}, Of: []string{"flag"}},
			{Param: flows.Param{Name: "remove", Type: flows.TypeStrings, Summary: "Flags to remove."}, Of: []string{"flag"}},
			{Param: flows.Param{Name: "content", Type: flows.TypeTemplate, Summary: "The message to append as text: headers, an empty line, body (RFC 5322)."}, Of: []string{"append"}},
			{Param: flows.Param{Name: "file", Type: flows.TypeTemplate, Summary: "The message to append as a file of the run."}, Of: []string{"append"}},
			{Param: flows.Param{Name: "flags", Type: flows.TypeStrings, Summary: "Flags of the appended message."}, Of: []string{"append"}},
		},
	}
}

// step is one step of a flow.
type step struct {
	connection string
	do         operation
}

// operation is one thing that a step does with mailboxes.
type operation interface {
	Effect() flows.Effect
	run(ctx context.Context, in *flows.Input, c *client) ([]any, error)
}

// Effect implements flows.Effecter.
func (s *step) Effect() flows.Effect { return s.do.Effect() }

// Run implements flows.Runner.
func (s *step) Run(ctx context.Context, in *flows.Input) ([]any, error) {
	c, release, err := flows.ClientOf[*client](ctx, in.Env(), s.connection)
	if err != nil {
		return nil, err
	}
	defer release()
	return s.do.run(ctx, in, c)
}

// target is the message of a step.
type target struct{ mailbox, uid, validity *flows.Template }

// place is where a message is.
type place struct {
	mailbox  string
	uid      imap.UID
	validity uint32 // 0: any
}

func (t target) render(ctx context.Context, in *flows.Input) (p place, err error) {
	if p.mailbox, err = renderMailbox(ctx, in, t.mailbox); err != nil {
		return p, err
	}
	uid, err := renderNumber(ctx, in, "uid", t.uid)
	if err == nil && uid == 0 {
		err = flows.Failed("uid: there is no message 0")
	}
	if p.uid = imap.UID(uid); err != nil {
		return p, err
	}
	if t.validity != nil {
		p.validity, err = renderNumber(ctx, in, "uid_validity", t.validity)
	}
	return p, err
}

// selectAt opens the mailbox of a message.
func (c *conn) selectAt(p place, readOnly bool) (*imap.SelectData, error) {
	data, err := c.Select(p.mailbox, &imap.SelectOptions{ReadOnly: readOnly}).Wait()
	if err == nil && p.validity != 0 && p.validity != data.UIDValidity {
		err = flows.Failed("the mailbox has the UIDVALIDITY %d: the UID is that of another message, or of none", data.UIDValidity)
	}
	return data, err
}
