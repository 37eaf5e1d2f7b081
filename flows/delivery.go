package flows

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/internal/payload"
)

// MaxEventDepth is the maximum nesting depth of an event.
const MaxEventDepth = 64

// ReadDelivery returns the run of a recorded request to the flow's webhook, which is not verified. The body has no
// Content-Encoding, and is small, because nothing charges its values.
func (f *Flow) ReadDelivery(method string, header http.Header, rawQuery, body string) (Run, error) {
	w := f.Webhook
	if w == nil {
		return Run{}, errors.New("the flow has no webhook")
	}
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return Run{}, fmt.Errorf("the query string cannot be read: %w", err)
	}
	run := Run{ID: "test", Attempt: 1, Headers: map[string]string{}}
	for _, name := range w.Headers {
		if values := header.Values(name); len(values) > 0 {
			run.Headers[name] = strings.Join(values, ", ")
		}
	}
	if run.Params, err = w.DeclaredParams(query); err != nil {
		return Run{}, err
	}
	if method == http.MethodGet {
		run.Event = w.QueryEvent(query)
		return run, nil
	}
	if w.BodyForm == payload.File {
		return Run{}, errors.New("the flow takes the body as a file")
	}
	reader := payload.Reader{Depth: MaxEventDepth, MaxSize: 1 << 20, Decode: DecodeJSONOn}
	content, err := reader.Read(w.BodyForm, header.Get("Content-Type"), []byte(body))
	if run.Event = content.Value; content.JSON != nil {
		run.Event, err = DecodeJSON(content.JSON)
	}
	return run, err
}

// QueryEvent returns the event of a GET: its parameters without those that prove it.
func (w *Webhook) QueryEvent(query url.Values) map[string]any {
	event := map[string]any{}
	for name, values := range query {
		switch {
		case w.Verify != nil && w.Verify.Sender.Hides(name):
		case len(values) == 1:
			event[name] = values[0]
		default:
			list := make([]any, len(values))
			for i, v := range values {
				list[i] = v
			}
			event[name] = list
		}
	}
	return event
}

// DeclaredParams returns the query parameters that the flow declares; nil: there are none. Others are ignored.
func (w *Webhook) DeclaredParams(query url.Values) (map[string]string, error) {
	var params map[string]string
	for name, values := range query {
		if !slices.Contains(w.Params, name) {
			continue
		}
		if len(values) > 1 {
			return nil, fmt.Errorf("the parameter %s comes twice", name)
		}
		if params == nil {
			params = map[string]string{}
		}
		params[name] = values[0]
	}
	return params, nil
}

// TestText returns an entry for the tests of the flow's file: the input of a run, and the output that the flow has for it.
// Where the flow needs mocks, it has a comment instead of the output.
func (f *Flow) TestText(ctx context.Context, name string, run Run) string {
	var b strings.Builder
	fmt.Fprintf(&b, "  - name: %s\n    event: %s\n", EncodeJSON(name), EncodeJSON(run.Event))
	for _, texts := range []struct {
		name   string
		values map[string]string
	}{{"params", run.Params}, {"headers", run.Headers}} {
		if len(texts.values) > 0 {
			line, _ := json.Marshal(texts.values) // texts always encode
			fmt.Fprintf(&b, "    %s: %s\n", texts.name, line)
		}
	}
	output, err := f.RunWithMocks(ctx, run, nil)
	var failure *Error
	switch {
	case err == nil:
		fmt.Fprintf(&b, "    output: %s\n", EncodeJSON(output))
	case errors.As(err, &failure) && len(f.ExternalSteps()) == 0:
		fmt.Fprintf(&b, "    error: %s\n", EncodeJSON(map[string]any{"code": string(failure.Code), "step": failure.Step}))
	default:
		b.WriteString("    mocks: {} # the results of its steps with effects\n    output: [] # what it should put out\n")
	}
	return b.String()
}

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
			c.Add(mistake.DependentKey, a.places["body"], "add max_body: 100MB", "body: file needs max_body")
		}
		return 0
	}
	size, ok := ParseSize(a.String("max_body"))
	if !ok || size < 1 || size > MaxMaxBody {
		c.Add(mistake.BadSize, a.places["max_body"], "", "max_body is a size from 1B to 1GB, such as 100MB")
		return 0
	}
	return size
}
