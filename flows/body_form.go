package flows

import "github.com/penstock/penstock/internal/payload"

// bodyForms are the words of the field body of a webhook or http trigger. Read only.
var bodyForms = []string{
	string(payload.Auto), string(payload.JSON), string(payload.URLEncoded), string(payload.Nested), string(payload.Multipart),
	string(payload.XML), string(payload.CSV), string(payload.NDJSON), string(payload.Text), string(payload.Bytes),
}

const bodySummary = "How a body is read, whatever its Content-Type says. `auto` follows the Content-Type. `nested_form` reads names with brackets as PHP does: `user[name]` is a member of `user`, `a[]` an element of `a`."

// BodyForm returns how the trigger reads the body of a request; empty: by its content type.
func (f *Flow) BodyForm() payload.Form {
	if f.Webhook == nil {
		return ""
	}
	return f.Webhook.BodyForm
}
