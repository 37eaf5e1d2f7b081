package httpstep

import (
	"context"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/internal/content"
)

// httpBody is one encoding of a request body.
type httpBody interface {
	render(ctx context.Context, in *flows.Input) (content []byte, contentType string, err error)
}

// setBody reads the body parameter; a step has at most one.
func (s *step) setBody(args *flows.Args) error {
	var form string
	for _, name := range []string{"json", "form", "multipart", "raw", "base64"} {
		switch {
		case !args.Has(name):
		case form != "":
			return args.Errorf(name, "the body is already said by %s", form)
		default:
			form = name
		}
	}
	switch form {
	case "json":
		s.body = jsonBody{args.Template("json")}
	case "form":
		s.body = formBody{args.Fields("form")}
	case "raw":
		s.body = textBody{args.Template("raw")}
	case "base64":
		s.body = bytesBody{args.Template("base64")}
	case "multipart":
		return s.setMultipart(args)
	}
	return s.setContentType(args)
}

// setContentType turns content_type into a header.
func (s *step) setContentType(args *flows.Args) error {
	if !args.Has("content_type") {
		return nil
	}
	if s.body == nil {
		return args.Errorf("content_type", "content_type needs a body: json, form, raw or base64")
	}
	s.headers = append(s.headers, httpHeader{"Content-Type", args.Template("content_type")})
	return nil
}

type jsonBody struct{ value *flows.Template }

func (b jsonBody) render(ctx context.Context, in *flows.Input) ([]byte, string, error) {
	v, err := b.value.Render(ctx, in)
	if err != nil {
		return nil, "", err
	}
	content, err := flows.EncodeJSONOn(in.Charger(ctx), v)
	return content, "application/json", err
}

type formBody struct{ fields []flows.Field }

func (b formBody) render(ctx context.Context, in *flows.Input) ([]byte, string, error) {
	pairs, err := encodeFields(ctx, in, b.fields, "form field")
	return []byte(pairs), "application/x-www-form-urlencoded", err
}

type textBody struct{ value *flows.Template }

func (b textBody) render(ctx context.Context, in *flows.Input) ([]byte, string, error) {
	text, err := b.value.Text(ctx, in)
	return []byte(text), "text/plain; charset=utf-8", err
}

type bytesBody struct{ value *flows.Template }

func (b bytesBody) render(ctx context.Context, in *flows.Input) ([]byte, string, error) {
	content, err := content.DecodeBase64(ctx, in, b.value)
	return content, "application/octet-stream", err
}
