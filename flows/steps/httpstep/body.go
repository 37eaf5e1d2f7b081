package httpstep

import (
	"bytes"
	"context"
	"io"
	"slices"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/flows/steps/internal/content"
	"github.com/penstock/penstock/internal/blob"
	"github.com/penstock/penstock/internal/mask"
)

// httpBody is one encoding of a request body.
type httpBody interface {
	render(ctx context.Context, in *flows.Input) (rendered, error)
}

// rendered is a request body that can be sent more than once.
type rendered struct {
	content     []byte
	contentType string
	value       any           // of a JSON body
	stream      *streamedBody // in place of content; nil: content is the body
}

// open returns the body from its beginning.
func (r rendered) open(ctx context.Context) io.ReadCloser {
	if r.stream != nil {
		return r.stream.open(ctx)
	}
	return io.NopCloser(bytes.NewReader(r.content))
}

// has reports whether a text of the body has a secret. Files of the run have none: they are masked when they are written.
func (r rendered) has(secrets *mask.Secrets) bool {
	if r.stream == nil {
		return secrets.In(string(r.content))
	}
	return slices.ContainsFunc(r.stream.parts, func(p streamedPart) bool { return secrets.In(string(p.text)) })
}

// size is the length of the body in bytes.
func (r rendered) size() int64 {
	if r.stream != nil {
		return r.stream.size
	}
	return int64(len(r.content))
}

// memory is what the body needs in bytes while it is sent.
func (r rendered) memory() int64 {
	if r.stream != nil {
		return blob.Chunk
	}
	return int64(len(r.content))
}

// setBody reads the body parameter; a step has at most one.
func (s *step) setBody(args *flows.Args) error {
	var form string
	for _, name := range []string{"json", "form", "multipart", "raw", "base64", "file"} {
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
		s.body = formBody{args.FieldSet("form")}
	case "raw":
		s.body = textBody{args.Template("raw")}
	case "base64":
		s.body = bytesBody{args.Template("base64")}
	case "file":
		s.body = fileBody{args.Template("file")}
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
		return args.Refuse(problem.DependentKey, "content_type", "content_type needs a body: json, form, raw, base64 or file")
	}
	s.headers = append(s.headers, httpHeader{"Content-Type", args.Template("content_type")})
	return nil
}

type jsonBody struct{ value *flows.Template }

func (b jsonBody) render(ctx context.Context, in *flows.Input) (rendered, error) {
	v, err := b.value.Render(ctx, in)
	if err != nil {
		return rendered{}, err
	}
	content, err := flows.EncodeJSONOn(in.Charger(ctx), v)
	return rendered{content: content, contentType: "application/json", value: v}, err
}

type formBody struct{ fields flows.FieldSet }

func (b formBody) render(ctx context.Context, in *flows.Input) (rendered, error) {
	pairs, err := encodeFields(ctx, in, b.fields, "form field")
	return rendered{content: []byte(pairs), contentType: "application/x-www-form-urlencoded"}, err
}

type textBody struct{ value *flows.Template }

func (b textBody) render(ctx context.Context, in *flows.Input) (rendered, error) {
	text, err := b.value.Text(ctx, in)
	return rendered{content: []byte(text), contentType: "text/plain; charset=utf-8"}, err
}

type bytesBody struct{ value *flows.Template }

func (b bytesBody) render(ctx context.Context, in *flows.Input) (rendered, error) {
	content, err := content.DecodeBase64(ctx, in, b.value)
	return rendered{content: content, contentType: "application/octet-stream"}, err
}
