package flows

import "github.com/penstock/penstock/internal/payload"

// bodyForms are the words of the field body of a webhook or http trigger. Read only.
var bodyForms = []string{
	string(payload.Auto), string(payload.JSON), string(payload.URLEncoded), string(payload.Nested), string(payload.Multipart),
	string(payload.XML), string(payload.CSV), string(payload.NDJSON), string(payload.Text), string(payload.Bytes), string(payload.File),
}

const bodySummary = "How a body is read, whatever its Content-Type says. `auto` follows the Content-Type. `nested_form` reads names with brackets as PHP does: `user[name]` is a member of `user`, `a[]` an element of `a`. `file` needs `max_body`: the body becomes a file."

// BodyForm returns how the trigger reads the body of a request; empty: by its content type.
func (f *Flow) BodyForm() payload.Form {
	if f.Webhook == nil {
		return ""
	}
	return f.Webhook.BodyForm
}

// MaxMaxBody is the maximum of the field max_body in bytes.
const MaxMaxBody = 1_000_000_000

const maxBodySummary = "Lets requests bring files: the largest body, at most 1GB. Each file of a form becomes `{file, name, content_type, size, sha256}`, whose bytes steps read by reference, and so does a whole body that is larger than `--max-body`. Without it a body is at most as large as `--max-body`, and files are part of the event."

// MaxBody returns the maximum size in bytes of a body with files; 0: the flow takes none.
func (f *Flow) MaxBody() int64 {
	if f.Webhook == nil {
		return 0
	}
	return f.Webhook.MaxBody
}

// maxBody reads max_body beside body.
func (c *compiler) maxBody(a *Args) int64 {
	form := payload.Form(a.String("body"))
	if !a.Has("max_body") {
		if form == payload.File {
			c.add(a.places["body"], "add max_body: 100MB", "body: file needs max_body")
		}
		return 0
	}
	size, ok := ParseSize(a.String("max_body"))
	if !ok || size < 1 || size > MaxMaxBody {
		c.add(a.places["max_body"], "", "max_body is a size from 1B to 1GB, such as 100MB")
		return 0
	}
	return size
}
