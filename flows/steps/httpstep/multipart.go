package httpstep

import (
	"bytes"
	"cmp"
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
	value       *flows.Template // text, or JSON for lists and objects; nil: base64 or file is set
	base64      *flows.Template
	file        *flows.Template // a file of the run, whose name and content type are the defaults
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
			file:        part.Template("file"),
			filename:    part.Template("filename"),
			contentType: part.Template("content_type"),
		})
	}
	s.body = body
	return nil
}

func (b multipartBody) render(ctx context.Context, in *flows.Input) (rendered, error) {
	var text bytes.Buffer
	w := multipart.NewWriter(&text)
	charger, body := in.Charger(ctx), &streamedBody{in: in}
	for _, part := range b.parts {
		before := text.Len()
		file, err := part.write(ctx, in, w)
		if err != nil {
			return rendered{}, err
		}
		if err := charger.Charge(2 * int64(text.Len()-before)); err != nil { // the part and the form
			return rendered{}, failure.Limit(err)
		}
		if file == nil {
			continue
		}
		body.addText(bytes.Clone(text.Bytes()))
		text.Reset()
		if _, err := body.addFile(ctx, file); err != nil {
			return rendered{}, err
		}
	}
	err := w.Close()
	if len(body.parts) == 0 {
		return rendered{content: text.Bytes(), contentType: w.FormDataContentType()}, err
	}
	body.addText(text.Bytes())
	return rendered{contentType: w.FormDataContentType(), stream: body}, err
}

// write writes the part, except the content of a file, which it returns.
func (p multipartPart) write(ctx context.Context, in *flows.Input, w *multipart.Writer) (file any, err error) {
	content, contentType, err := p.content(ctx, in)
	if err != nil {
		return nil, err
	}
	name, err := p.name.Text(ctx, in)
	if err != nil {
		return nil, err
	}
	filename := ""
	if p.file != nil {
		if file, err = p.file.Render(ctx, in); err != nil {
			return nil, err
		}
		described, ok := flows.FileOf(file)
		if !ok {
			return nil, failure.Errorf("the part %s is no file, which is an object with the member file", failure.ShortLine(name))
		}
		filename = cmp.Or(described.Name, "file")
		contentType = cmp.Or(contentType, described.ContentType)
	}
	if p.filename != nil {
		if filename, err = p.filename.Text(ctx, in); err != nil {
			return nil, err
		}
	}
	disposition := fmt.Sprintf(`form-data; name="%s"`, quoteParam(name))
	if p.filename != nil || p.file != nil {
		disposition += fmt.Sprintf(`; filename="%s"`, quoteParam(filename))
	}
	header := textproto.MIMEHeader{"Content-Disposition": {disposition}}
	if contentType != "" {
		header["Content-Type"] = []string{contentType}
	}
	part, err := w.CreatePart(header)
	if err != nil {
		return nil, fmt.Errorf("write part: %w", err)
	}
	_, err = part.Write(content)
	return file, err
}

// content renders the part. A plain field has no content type.
func (p multipartPart) content(ctx context.Context, in *flows.Input) (rendered []byte, contentType string, err error) {
	switch {
	case p.file != nil:
	case p.base64 != nil:
		contentType = "application/octet-stream"
		rendered, err = content.DecodeBase64(ctx, in, p.base64)
	default:
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
	if p.file == nil && p.base64 == nil {
		rendered, err = content.EncodeText(in.Charger(ctx), rendered, values[0])
	}
	return rendered, values[0], err
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
