package steps

import (
	"context"
	"encoding/base64"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/flows/steps/internal/content"
	"github.com/penstock/penstock/flows/steps/internal/failure"
)

// respond answers the caller before the end of the run.
func respond() flows.Kind {
	return flows.Kind{
		Name:    "respond",
		Summary: "Responds to the caller now; the run continues, and all items pass unchanged.",
		Doc: "The response is made from the first item. Without a body the caller gets all items of the step, as the output of a " +
			"run. A caller gets one response: a second respond on the same path is a mistake, and of two that are executed only the " +
			"first responds. Without a waiter the step does nothing.\n\nThese headers are the server's own, and no flow can set them: " +
			"`" + strings.Join(flows.ReservedHeaders(), "`, `") + "`.",
		Params: []flows.Param{
			{Name: "status", Type: flows.TypeInt, Default: "200", Summary: "HTTP status, 200 to 599."},
			{Name: "headers", Type: flows.TypeFields, Summary: "Headers of the response."},
			{Name: "json", Type: flows.TypeTemplate, Summary: "The body, as JSON."},
			{Name: "text", Type: flows.TypeTemplate, Summary: "The body, as text."},
			{Name: "base64", Type: flows.TypeTemplate, Summary: "The body, bytes in base64."},
			{Name: "file", Type: flows.TypeTemplate, Summary: "The body, the bytes of a file of the run, which are streamed. Its content type is the usual one. It has no envelope in any interface."},
			{Name: "envelope", Type: flows.TypeEnum, Enum: []string{"api", "none"}, Default: "api", Summary: "`none` sends the body, or the items, as they are to callers of every interface. `api` keeps the envelope of the interface: the native one wraps the items only, SmartSYNC's also a body, which becomes its output."},
		},
		Example:      "respond: {status: 202, json: {id: \"${ .id }\", state: accepted}}",
		Effect:       flows.Durable,
		InternalOnly: true,
		Responds:     true,
		New:          newRespond,
	}
}

type respondStep struct {
	status  int
	headers []flows.Field
	form    string          // json, text, base64 or file; empty: all items
	body    *flows.Template // nil: all items
	bare    bool            // without the envelope of the interface
}

func newRespond(args *flows.Args) (flows.Runner, error) {
	r := &respondStep{status: 200, headers: args.Fields("headers"), bare: args.String("envelope") == "none"}
	if args.Has("status") {
		if r.status = args.Int("status"); r.status < 200 || r.status > 599 {
			return nil, args.Refuse(problem.BadStatus, "status", "status: expected 200 to 599")
		}
	}
	for _, form := range []string{"json", "text", "base64", "file"} {
		if !args.Has(form) {
			continue
		}
		if r.form != "" {
			return nil, args.Refuse(problem.ExclusiveKeys, form, "%s and %s exclude each other", r.form, form)
		}
		r.form, r.body = form, args.Template(form)
	}
	for _, h := range r.headers {
		switch {
		case !httpguts.ValidHeaderFieldName(h.Name):
			return nil, args.Refuse(problem.BadHeader, "headers", "headers: %q cannot be set", h.Name)
		case flows.IsReservedHeader(h.Name):
			return nil, args.Refuse(problem.BadHeader, "headers", "headers: %q cannot be set: it is the server's own", h.Name)
		}
	}
	return flows.RunFunc(r.run), nil
}

func (r *respondStep) run(ctx context.Context, in *flows.Input) ([]any, error) {
	passed := []any{in.Value()}
	if in.Index() > 0 || in.Env().Respond == nil {
		return passed, nil
	}
	answer, err := r.answer(ctx, in)
	if err != nil {
		return nil, err
	}
	if err := in.Env().Respond(ctx, answer); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, &flows.Error{Code: flows.CodeInternal, Message: "the caller could not be answered", Err: err}
	}
	return passed, nil
}

// answer renders the answer for the first item.
func (r *respondStep) answer(ctx context.Context, in *flows.Input) (flows.Response, error) {
	answer := flows.Response{Status: r.status, Headers: map[string]string{}, Bare: r.bare}
	for _, h := range r.headers {
		value, err := h.Value.Text(ctx, in)
		if err != nil {
			return answer, err
		}
		if !httpguts.ValidHeaderFieldValue(value) {
			return answer, failure.Errorf("the header %s cannot have this value", h.Name)
		}
		answer.Headers[strings.ToLower(h.Name)] = value
	}
	if r.body == nil {
		answer.Items = flows.EncodeJSON(in.All())
		return answer, nil
	}
	v, err := r.body.Render(ctx, in)
	if err != nil {
		return answer, err
	}
	kind := "application/json"
	switch r.form {
	case "json":
		answer.Body = flows.EncodeJSON(v)
	case "text":
		kind = "text/plain; charset=utf-8"
		answer.Body, err = plainText(v)
	case "file":
		var file flows.File
		if file, err = storedFile(ctx, in, v); err != nil {
			return answer, err
		}
		answer.File, kind = file.ID, file.ContentType
	case "base64":
		kind = "application/octet-stream"
		said, _ := v.(string)
		if answer.Body, err = base64.StdEncoding.DecodeString(said); err != nil {
			return answer, failure.Errorf("base64: the text is no base64")
		}
	}
	if answer.Headers["content-type"] == "" {
		answer.Headers["content-type"] = kind
	}
	return answer, err
}

// storedFile describes a file of the run, which exists.
func storedFile(ctx context.Context, in *flows.Input, v any) (flows.File, error) {
	r, file, err := in.OpenFile(ctx, v)
	if err != nil {
		return file, err
	}
	return file, r.Close()
}

func plainText(v any) ([]byte, error) {
	if said, ok := v.(string); ok {
		return []byte(said), nil
	}
	return nil, failure.Errorf("text: expected text, found %s; json takes any value", content.TypeName(v))
}
