package httpstep

import (
	"bytes"
	"context"
	"io"
	"mime"
	"net/http"
	"path"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/blob"
	"github.com/penstock/penstock/internal/mask"
)

// fileBody is a file of the run as the body.
type fileBody struct{ value *flows.Template }

func (b fileBody) render(ctx context.Context, in *flows.Input) (rendered, error) {
	v, err := b.value.Render(ctx, in)
	if err != nil {
		return rendered{}, err
	}
	body := &streamedBody{in: in}
	file, err := body.addFile(ctx, v)
	return rendered{contentType: file.ContentType, stream: body}, err
}

// streamedBody is a body of texts and of files, which are opened again for each request. Nothing of the files is in memory.
type streamedBody struct {
	in    *flows.Input
	parts []streamedPart
	size  int64 // bytes
}

// streamedPart is a text or, without one, a file.
type streamedPart struct {
	text []byte
	file any // as flows.FileOf reads it
}

// addFile adds a file, whose size it reads from the store.
func (b *streamedBody) addFile(ctx context.Context, v any) (flows.File, error) {
	content, file, err := b.in.OpenFile(ctx, v)
	if err != nil {
		return file, err
	}
	_ = content.Close() // nothing was read
	b.parts, b.size = append(b.parts, streamedPart{file: v}), b.size+file.Size
	return file, nil
}

func (b *streamedBody) addText(text []byte) {
	if len(text) > 0 {
		b.parts, b.size = append(b.parts, streamedPart{text: text}), b.size+int64(len(text))
	}
}

// open returns the body from its beginning.
func (b *streamedBody) open(ctx context.Context) io.ReadCloser {
	return &streamReader{ctx: ctx, body: b}
}

// streamReader reads a streamedBody part by part.
type streamReader struct {
	ctx  context.Context
	body *streamedBody
	next int
	part io.Reader    // nil: the next one is to be opened
	file *blob.Reader // nil: the part is a text
}

// Read implements io.Reader.
func (r *streamReader) Read(p []byte) (int, error) {
	for {
		if r.part == nil {
			if r.next == len(r.body.parts) {
				return 0, io.EOF
			}
			if err := r.open(r.body.parts[r.next]); err != nil {
				return 0, err
			}
			r.next++
		}
		n, err := r.part.Read(p)
		if err == io.EOF {
			err = r.Close()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

func (r *streamReader) open(part streamedPart) error {
	if part.file == nil {
		r.part = bytes.NewReader(part.text)
		return nil
	}
	content, _, err := r.body.in.OpenFile(r.ctx, part.file)
	if err == nil {
		r.part, r.file = content, content
	}
	return err
}

// Close implements io.Closer.
func (r *streamReader) Close() error {
	file := r.file
	r.part, r.file = nil, nil
	if file == nil {
		return nil
	}
	return file.Close()
}

// saveBody stores the body of a response as a file of the run.
func (s *step) saveBody(ctx context.Context, in *flows.Input, resp *http.Response) (any, int64, error) {
	if resp.Request.Method == http.MethodHead || resp.StatusCode == http.StatusNoContent {
		return nil, 0, nil
	}
	if coding := resp.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return nil, 0, finalErrorf("the response is compressed with %q; only gzip is understood", coding)
	}
	if resp.ContentLength > s.limit {
		return nil, 0, s.tooLarge()
	}
	file, err := in.SaveFile(ctx, s.limit, fileName(resp), resp.Header.Get("Content-Type"), mask.Of(ctx).Reader(resp.Body))
	if err != nil {
		return nil, 0, err
	}
	return file.Value(), file.Size, nil
}

// fileName is the name that a response gives its body (RFC 6266, also encoded as in RFC 2047, which servers send against it),
// or else the end of its path.
func fileName(resp *http.Response) string {
	if _, params, err := mime.ParseMediaType(resp.Header.Get("Content-Disposition")); err == nil && params["filename"] != "" {
		if decoded, err := new(mime.WordDecoder).DecodeHeader(params["filename"]); err == nil {
			return decoded
		}
		return params["filename"]
	}
	if name := path.Base(resp.Request.URL.Path); name != "/" && name != "." {
		return name
	}
	return ""
}
