package payload

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"strings"

	"github.com/penstock/penstock/internal/budget"
)

// maxParts is the maximum number of parts of a multipart body.
const maxParts = 1000

// SaveFile stores a file of a form and returns its value. name is as sent, or empty.
type SaveFile func(name, contentType string, content io.Reader) (any, error)

// ReadMultipart is Read for a multipart body that is not in memory: its files go to save. Its fields together are at most
// MaxSize bytes long.
func (r *Reader) ReadMultipart(contentType string, body io.Reader, save SaveFile) (Content, error) {
	_, params := MediaType(contentType)
	value, err := r.parseMultipart(body, params["boundary"], save)
	if err == nil {
		return Content{Form: Multipart, Value: value}, nil
	}
	if stopped := r.Charger.Err(); stopped != nil {
		return Content{}, stopped
	}
	if errors.Is(err, budget.ErrRunLimit) {
		return Content{}, err
	}
	return Content{}, &Error{ContentType: contentType, Form: Multipart, Err: err}
}

// IsMultipart reports whether a body that is read as a form comes as multipart/form-data.
func IsMultipart(as Form, contentType string) bool {
	if as != Auto && as != "" {
		return as == Multipart
	}
	media, _ := MediaType(contentType)
	return FormOf(media) == Multipart
}

// partCost is what the reader and the member need for each part in bytes, besides its content.
const partCost = 2 << 10

// parseMultipart decodes multipart/form-data (RFC 7578): fields as those of a form, files as save returns them, nil: as
// fileValue makes them. A field of a JSON type is its value.
func (r *Reader) parseMultipart(body io.Reader, boundary string, save SaveFile) (any, error) {
	if boundary == "" {
		return nil, errors.New("the Content-Type has no boundary")
	}
	last := &markReader{from: body, mark: []byte("--" + boundary + "--")}
	form := &multipartForm{Reader: r, save: save, object: map[string]any{}}
	parts := multipart.NewReader(last, boundary)
	for n := 1; ; n++ {
		p, err := parts.NextPart()
		if err == io.EOF { // not errors.Is: the error for a body without its last boundary wraps io.EOF
			if !last.seen { // cut off within the header of a part
				return nil, errors.New("the last boundary is missing")
			}
			return form.object, nil
		}
		if err == nil && n > maxParts {
			err = fmt.Errorf("there are more than %d parts", maxParts)
		}
		if err == nil {
			err = r.Charger.Charge(partCost)
		}
		if err == nil {
			err = form.addPart(p)
		}
		if err != nil {
			return nil, fmt.Errorf("part %d: %w", n, err)
		}
	}
}

// markReader notes whether a mark was among what was read.
type markReader struct {
	from io.Reader
	mark []byte
	tail []byte // the last bytes, fewer than the mark has
	seen bool
}

// Read implements io.Reader.
func (m *markReader) Read(p []byte) (int, error) {
	n, err := m.from.Read(p)
	if m.seen {
		return n, err
	}
	m.tail = append(m.tail, p[:min(n, len(m.mark))]...) // a mark that began before
	m.seen = bytes.Contains(m.tail, m.mark) || bytes.Contains(p[:n], m.mark)
	if n > len(m.mark) {
		m.tail = append(m.tail[:0], p[n-len(m.mark):n]...)
	}
	m.tail = append(m.tail[:0], m.tail[max(0, len(m.tail)-len(m.mark)+1):]...)
	return n, err
}

// multipartForm is the form that a body is read to.
type multipartForm struct {
	*Reader
	save   SaveFile // nil: files are part of the form
	object map[string]any
	fields int64 // bytes of all fields
}

func (f *multipartForm) addPart(p *multipart.Part) error {
	name := strings.ToValidUTF8(p.FormName(), "\uFFFD")
	if name == "" {
		return errors.New("it has no name")
	}
	value, err := f.partValue(p)
	if err != nil {
		return fmt.Errorf("%.60q: %w", name, err)
	}
	AddField(f.object, name, value)
	return nil
}

func (f *multipartForm) partValue(p *multipart.Part) (any, error) {
	header := p.Header.Get("Content-Type")
	media, params := MediaType(header)
	_, disposition, _ := mime.ParseMediaType(p.Header.Get("Content-Disposition"))
	_, isFile := disposition["filename"] // a browser sends an empty one for a file that was not chosen
	form := FormOf(media)
	isFile = isFile || header != "" && (form == Bytes || form == Multipart)
	if isFile && f.save != nil {
		return f.save(p.FileName(), header, p)
	}
	var part io.Reader = p
	if f.save != nil && f.MaxSize > 0 {
		part = io.LimitReader(p, f.MaxSize-f.fields+1)
	}
	content, err := readPart(f.Charger, part)
	if err != nil {
		return nil, err
	}
	if f.fields += int64(len(content)); f.save != nil && f.MaxSize > 0 && f.fields > f.MaxSize {
		return nil, fmt.Errorf("the fields together are longer than %d bytes: only files may be", f.MaxSize)
	}
	switch {
	case isFile:
		return fileValue(f.Charger, p.FileName(), header, content)
	case form == JSON:
		return f.jsonValue(content, params["charset"])
	}
	text, err := DecodeLegacyText(f.Charger, content, params["charset"])
	return string(text), err
}

// readPart reads a part in a buffer that doubles.
func readPart(charger *budget.Charger, part io.Reader) ([]byte, error) {
	var content bytes.Buffer
	for {
		if err := charger.Charge(int64(max(512, content.Len()))); err != nil {
			return nil, err
		}
		_, err := io.CopyN(&content, part, int64(max(512, content.Len())))
		switch {
		case errors.Is(err, io.EOF):
			return content.Bytes(), nil
		case err != nil:
			return nil, fmt.Errorf("read content: %w", err)
		}
	}
}

// fileValue returns a file as a value: its name, content type and size in bytes, and its content as text or base64. An
// empty contentType is application/octet-stream.
func fileValue(charger *budget.Charger, name, contentType string, content []byte) (any, error) {
	if contentType == "" {
		contentType = "application/octet-stream"
	}
	value := map[string]any{"content_type": strings.ToValidUTF8(contentType, "\uFFFD"), "size": len(content)}
	if name != "" {
		value["name"] = strings.ToValidUTF8(name, "\uFFFD")
	}
	if err := charger.Charge(budget.Object + budget.Members(4) + 2*int64(len(content))); err != nil {
		return nil, err
	}
	media, params := MediaType(contentType)
	if form := FormOf(media); form != Bytes && form != "" && form != Multipart {
		if text, err := DecodeText(charger, content, params["charset"]); err == nil {
			value["text"] = string(text)
			return value, nil
		}
	}
	value["base64"] = EncodeBase64(content)
	return value, nil
}
