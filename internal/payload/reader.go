package payload

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/internal/strictjson"
)

// maxFields is the maximum number of fields of a form.
const maxFields = 1000

// Reader reads bodies. It is used for one body.
type Reader struct {
	Charger *budget.Charger // nil: nothing is charged
	Depth   int             // maximum nesting of JSON
	MaxSize int64           // maximum size in bytes of the texts that a row of CSV repeats; 0: no limit
	Charset string          // label, instead of that of the content type; empty: that of the content type

	// Decode decodes a JSON text that strictjson has checked. Only JSON in a part of a multipart body is decoded.
	Decode func(charger *budget.Charger, text []byte) (any, error)
}

// Content is what a body says: JSON, as text, or a value; neither for an empty body.
type Content struct {
	Form  Form // how it was read; empty for an empty body
	JSON  []byte
	Value any
}

// Empty reports whether there is nothing.
func (c Content) Empty() bool { return c.JSON == nil && c.Value == nil }

// Error says what came, how it was read, and what is wrong with it.
type Error struct {
	ContentType string // as sent; empty: none
	Form        Form   // how it was read
	Err         error
}

func (e *Error) Error() string {
	came := "without a Content-Type"
	if e.ContentType != "" {
		came = fmt.Sprintf("as %.100q", e.ContentType)
	}
	return fmt.Sprintf("the body came %s and was read as %s: %v", came, e.Form, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Read returns what a body says. White space alone is an empty body, except for Text and Bytes. The error is an *Error, or
// that of the charger.
func (r *Reader) Read(as Form, contentType string, body []byte) (Content, error) {
	media, params := MediaType(contentType)
	if len(body) == 0 {
		return Content{}, nil
	}
	if r.Charset != "" {
		params = map[string]string{"charset": r.Charset, "boundary": params["boundary"]}
	}
	if as != Text && as != Bytes && blank(body) {
		return Content{}, nil
	}
	auto := as == Auto || as == ""
	if auto {
		as = r.detect(media, params["charset"], body)
	}
	content, err := r.read(as, auto, contentType, params, body)
	if content.Form = as; err == nil {
		return content, nil
	}
	if stopped := r.Charger.Err(); stopped != nil {
		return Content{}, stopped
	}
	if errors.Is(err, budget.ErrRunLimit) {
		return Content{}, err
	}
	return Content{}, &Error{ContentType: contentType, Form: as, Err: err}
}

// detect returns the form of a body that comes as a media type. Text, and what is sent as a form, is JSON if it is an
// object or a list: AWS SNS sends JSON as text, curl -d as a form.
func (r *Reader) detect(media, label string, body []byte) Form {
	form := FormOf(media)
	switch {
	case media == "text/plain", form == URLEncoded, form == "":
		held := r.Charger.Part()
		defer held.Drop()
		if text, err := DecodeText(held, body, label); err == nil && looksLikeJSON(text) && strictjson.Check(text, r.Depth) == nil {
			return JSON
		}
	}
	if form != "" {
		return form
	}
	if utf8.Valid(body) {
		return Text
	}
	if _, size := mark(body); size > 0 {
		return Text
	}
	return Bytes
}

// looksLikeJSON reports whether a text begins as an object or a list.
func looksLikeJSON(text []byte) bool {
	text = bytes.TrimLeft(text, " \t\r\n")
	return len(text) > 0 && (text[0] == '{' || text[0] == '[')
}

func blank(body []byte) bool { return len(bytes.TrimLeft(TrimBOM(body), " \t\r\n")) == 0 }

func (r *Reader) read(as Form, auto bool, contentType string, params map[string]string, body []byte) (c Content, err error) {
	label := params["charset"]
	switch as {
	case JSON:
		c.JSON, err = r.jsonText(body, label)
	case NDJSON:
		c.JSON, err = r.parseLines(body, label)
	case URLEncoded, Nested:
		if n := FormFields(body); n > maxFields {
			return c, fmt.Errorf("the form has %d fields, %d are allowed", n, maxFields)
		}
		var form map[string]any
		form, err = ParseForm(r.Charger, body, label, as == Nested)
		if payload, ok := form["payload"].(string); auto && ok && len(form) == 1 && strictjson.Check([]byte(payload), r.Depth) == nil {
			return Content{JSON: []byte(payload)}, nil // as GitHub and Slack send it
		}
		c.Value = form
	case Multipart:
		c.Value, err = r.parseMultipart(bytes.NewReader(body), params["boundary"], nil)
	case XML:
		c.Value, err = ParseXML(r.Charger, body, label)
	case CSV:
		var text []byte
		if text, err = DecodeLegacyText(r.Charger, body, label); err == nil {
			c.Value, err = parseCSV(r.Charger, text, r.MaxSize)
		}
	case Bytes:
		c.Value, err = bytesValue(r.Charger, contentType, body)
	default:
		var text []byte
		if text, err = DecodeLegacyText(r.Charger, body, label); err == nil {
			c.Value, err = string(text), r.Charger.Charge(int64(len(text)))
		}
	}
	return c, err
}

// jsonText returns JSON in UTF-8, without a byte order mark.
func (r *Reader) jsonText(body []byte, label string) ([]byte, error) {
	text, err := DecodeText(r.Charger, body, label)
	if err != nil {
		return nil, err
	}
	return text, strictjson.Check(text, r.Depth)
}

func (r *Reader) jsonValue(body []byte, label string) (any, error) {
	text, err := r.jsonText(body, label)
	if err != nil {
		return nil, err
	}
	return r.Decode(r.Charger, text)
}

// parseLines returns the values of NDJSON as a JSON list. Empty lines are ignored.
func (r *Reader) parseLines(body []byte, label string) ([]byte, error) {
	text, err := DecodeText(r.Charger, body, label)
	if err != nil {
		return nil, err
	}
	return Lines(r.Charger, text, r.Depth)
}

// Lines returns the values of NDJSON in UTF-8, nested depth deep at most, as a JSON list. Empty lines are ignored.
func Lines(charger *budget.Charger, text []byte, depth int) ([]byte, error) {
	if err := charger.Charge(int64(len(text)) + 2); err != nil {
		return nil, err
	}
	list, n := append(make([]byte, 0, len(text)+2), '['), 0
	for line := range bytes.Lines(text) {
		n++
		if line = bytes.Trim(line, " \t\r\n\x1e"); len(line) == 0 { // RFC 7464 has U+001E before each value
			continue
		}
		if err := strictjson.Check(line, depth-1); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if len(list) > 1 {
			list = append(list, ',')
		}
		list = append(list, line...)
	}
	return append(list, ']'), nil
}

// bytesValue returns a body as a value, as fileValue does for a file.
func bytesValue(charger *budget.Charger, contentType string, content []byte) (any, error) {
	if err := charger.Charge(budget.Object + budget.Members(3) + 2*int64(len(content))); err != nil {
		return nil, err
	}
	if contentType == "" {
		contentType = "application/octet-stream"
	}
	return map[string]any{"content_type": string(bytes.ToValidUTF8([]byte(contentType), []byte("\uFFFD"))), "size": len(content), "base64": EncodeBase64(content)}, nil
}
