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

// parseMultipart decodes multipart/form-data (RFC 7578): fields as those of a form, files as fileValue makes them. A field
// of a JSON type is its value.
func (r *Reader) parseMultipart(body []byte, boundary string) (any, error) {
	if boundary == "" {
		return nil, errors.New("the Content-Type has no boundary")
	}
	const part = 2 << 10 // bytes that the reader and the member need for each part, besides its content
	if err := r.Charger.Charge(part * int64(min(maxParts, bytes.Count(body, []byte(boundary))))); err != nil {
		return nil, err
	}
	parts := multipart.NewReader(bytes.NewReader(body), boundary)
	object := map[string]any{}
	for n := 1; ; n++ {
		p, err := parts.NextPart()
		if err == io.EOF { // not errors.Is: the error for a body without its last boundary wraps io.EOF
			if !bytes.Contains(body, []byte("--"+boundary+"--")) { // cut off within the header of a part
				return nil, errors.New("the last boundary is missing")
			}
			return object, nil
		}
		if err == nil && n > maxParts {
			err = fmt.Errorf("there are more than %d parts", maxParts)
		}
		if err == nil {
			err = r.addPart(object, p)
		}
		if err != nil {
			return nil, fmt.Errorf("part %d: %w", n, err)
		}
	}
}

func (r *Reader) addPart(object map[string]any, p *multipart.Part) error {
	name := strings.ToValidUTF8(p.FormName(), "\uFFFD")
	if name == "" {
		return errors.New("it has no name")
	}
	content, err := readPart(r.Charger, p)
	if err != nil {
		return err
	}
	header := p.Header.Get("Content-Type")
	media, params := mediaType(header)
	_, disposition, _ := mime.ParseMediaType(p.Header.Get("Content-Disposition"))
	_, isFile := disposition["filename"] // a browser sends an empty one for a file that was not chosen
	var value any
	switch form := FormOf(media); {
	case isFile, header != "" && (form == Bytes || form == Multipart):
		value, err = fileValue(r.Charger, p.FileName(), header, content)
	case form == JSON:
		value, err = r.jsonValue(content, params["charset"])
	default:
		var text []byte
		if text, err = DecodeLegacyText(r.Charger, content, params["charset"]); err == nil {
			value = string(text)
		}
	}
	if err != nil {
		return fmt.Errorf("%.60q: %w", name, err)
	}
	AddField(object, name, value)
	return nil
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
	media, params := mediaType(contentType)
	if form := FormOf(media); form != Bytes && form != "" && form != Multipart {
		if text, err := DecodeText(charger, content, params["charset"]); err == nil {
			value["text"] = string(text)
			return value, nil
		}
	}
	value["base64"] = EncodeBase64(content)
	return value, nil
}
