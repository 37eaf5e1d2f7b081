package httpstep

import (
	"bytes"
	"context"
	"fmt"
	"mime/multipart"
	"net/textproto"
	"strings"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/internal/content"
	"github.com/penstock/penstock/flows/steps/internal/failure"
)

// multipartBody is a multipart/form-data body (RFC 7578).
type multipartBody struct{ parts []multipartPart }

// multipartPart is one field or, with a filename, one file.
type multipartPart struct {
	name        *flows.Template
	value       *flows.Template // text, or JSON for lists and objects; nil: base64 is set
	base64      *flows.Template
	filename    *flows.Template // nil: none
	contentType *flows.Template // nil: derived from the value
}

func (s *step) setMultipart(args *flows.Args) error {
	if args.Has("content_type") {
		return args.Errorf("content_type", "a multipart body says its own content type; a part may have one")
	}
	for _, h := range s.headers {
		if h.name == "Content-Type" {
			return args.Errorf("headers", "a multipart body says its own content type; a part may have one")
		}
	}
	var body multipartBody
	for _, part := range args.List("multipart") {
		body.parts = append(body.parts, multipartPart{
			name:        part.Template("name"),
			value:       part.Template("value"),
			base64:      part.Template("base64"),
			filename:    part.Template("filename"),
			contentType: part.Template("content_type"),
		})
	}
	s.body = body
	return nil
}

func (b multipartBody) render(ctx context.Context, in *flows.Input) ([]byte, string, error) {
	var content bytes.Buffer
	w := multipart.NewWriter(&content)
	charger := in.Charger(ctx)
	for _, part := range b.parts {
		before := content.Len()
		if err := part.write(ctx, in, w); err != nil {
			return nil, "", err
		}
		if err := charger.Charge(2 * int64(content.Len()-before)); err != nil { // the part and the form
			return nil, "", failure.Limit(err)
		}
	}
	err := w.Close()
	return content.Bytes(), w.FormDataContentType(), err
}

func (p multipartPart) write(ctx context.Context, in *flows.Input, w *multipart.Writer) error {
	content, contentType, err := p.content(ctx, in)
	if err != nil {
		return err
	}
	name, err := p.name.Text(ctx, in)
	if err != nil {
		return err
	}
	disposition := fmt.Sprintf(`form-data; name="%s"`, quoteParam(name))
	if p.filename != nil {
		filename, err := p.filename.Text(ctx, in)
		if err != nil {
			return err
		}
		disposition += fmt.Sprintf(`; filename="%s"`, quoteParam(filename))
	}
	header := textproto.MIMEHeader{"Content-Disposition": {disposition}}
	if contentType != "" {
		header["Content-Type"] = []string{contentType}
	}
	part, err := w.CreatePart(header)
	if err != nil {
		return fmt.Errorf("write part: %w", err)
	}
	_, err = part.Write(content)
	return err
}

// content renders the part. A plain field has no content type.
func (p multipartPart) content(ctx context.Context, in *flows.Input) (rendered []byte, contentType string, err error) {
	if p.base64 != nil {
		contentType = "application/octet-stream"
		rendered, err = content.DecodeBase64(ctx, in, p.base64)
	} else {
		rendered, contentType, err = p.text(ctx, in)
	}
	if err != nil || p.contentType == nil {
		return rendered, contentType, err
	}
	v, err := p.contentType.Render(ctx, in)
	if err != nil {
		return nil, "", err
	}
	values, err := headerValues(v)
	if err != nil || len(values) != 1 {
		return nil, "", failure.Errorf("the content_type of a part is not one line of text")
	}
	return rendered, values[0], nil
}

func (p multipartPart) text(ctx context.Context, in *flows.Input) ([]byte, string, error) {
	v, err := p.value.Render(ctx, in)
	if err != nil {
		return nil, "", err
	}
	switch v.(type) {
	case nil:
		return nil, "", nil
	case []any, map[string]any:
		return flows.EncodeJSON(v), "application/json", nil
	}
	if p.filename != nil {
		return []byte(content.ScalarText(v)), "text/plain; charset=utf-8", nil
	}
	return []byte(content.ScalarText(v)), "", nil
}

// quoteParam escapes a name as browsers do (WHATWG HTML, multipart/form-data).
func quoteParam(s string) string {
	return strings.NewReplacer("\"", "%22", "\r", "%0D", "\n", "%0A").Replace(s)
}
