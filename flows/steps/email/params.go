package email

import "github.com/penstock/penstock/flows"

func params() []flows.Param {
	return []flows.Param{
		{Name: "connection", Type: flows.TypeString, Names: flows.ResourceConnection, Required: true, Summary: "Name of the mail server's connection."},
		{Name: "to", Type: flows.TypeTemplate, Summary: "Recipient, or a list of them: `a@b.org`, `Name <a@b.org>` or `{name, address}` each."},
		{Name: "cc", Type: flows.TypeTemplate, Summary: "Further recipients, visible to all. An empty one (null, an empty text, an object without an address) is left out."},
		{Name: "bcc", Type: flows.TypeTemplate, Summary: "Further recipients, invisible to the others. An empty one is left out."},
		{Name: "from", Type: flows.TypeTemplate, Default: "that of the connection", Summary: "Sender."},
		{Name: "reply_to", Type: flows.TypeTemplate, Summary: "Address for replies, if not the sender. An empty one is left out."},
		{Name: "subject", Type: flows.TypeTemplate, Required: true, Summary: "Subject, on one line."},
		{Name: "text", Type: flows.TypeTemplate, Summary: "The message as text."},
		{Name: "html", Type: flows.TypeTemplate, Summary: "The message as HTML; with `text` beside it the reader's mail program selects one."},
		{Name: "headers", Type: flows.TypeFields, Summary: "Further header fields, each on one line."},
		{Name: "attachments", Type: flows.TypeList, Summary: "Files that go with the message.", Fields: []flows.Param{
			{Name: "name", Type: flows.TypeTemplate, Required: true, Summary: "Name of the file."},
			{Name: "content", Type: flows.TypeTemplate, OneOf: "content", Summary: "Content: text, or JSON for lists and objects, in the charset that `content_type` names."},
			{Name: "base64", Type: flows.TypeTemplate, OneOf: "content", Summary: "Content as the bytes that this base64 text stands for."},
			{Name: "file", Type: flows.TypeTemplate, OneOf: "content", Summary: "Content as the bytes of a file of the run, which are in memory while the message is sent."},
			{Name: "content_type", Type: flows.TypeTemplate, Default: "by the name's ending", Summary: "Content type."},
		}},
	}
}

const example = `email:
  connection: mail
  to: {name: "${ .name }", address: "${ .email }"}
  subject: Thank you, ${ .first }
  text: |
    Dear ${ .first },
    your gift of ${ .amount } has arrived.`

const doc = `The resulting item is ` + "`{id, recipients}`" + `: the beginning of the Message-ID, and the number of addresses that the
server accepted: all or none.

**Sent once.** The Message-ID is made of the run, the step and the item: a message that is sent again, by ` + "`retry`" + ` or
` + "`on_uncertain: rerun`" + `, carries the same, and mail programs show it once.

**Values.** A line break in a subject, header or address is a failure, and a comma in an address adds no recipient.
Each entry is one address: groups, comments, quoted local parts and domain literals are refused; a name with a comma, a dot or an @ in it
stands in quotes.
**International addresses.** A domain such as ` + "`müller.example`" + ` is sent in its ASCII form. An address with other characters before the @ needs a
server that offers SMTPUTF8 (RFC 6531); at another one the step fails, and nothing is sent.

HTML is not escaped: write ` + "`${ .name | @html }`" + `.

At most 100 recipients and 25 MB.`
