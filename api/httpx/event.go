package httpx

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/fault"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/internal/payload"
	"github.com/penstock/penstock/internal/strictjson"
)

// DecodeEvent returns what the body of a request says as the JSON of an event; nil for an empty body. as is how the flow
// reads bodies; empty is payload.Auto. A JSON body in UTF-8 is returned unchanged after a check. An event is at most as
// large as a body may be, and at most MaxDepth deep. ReadBody still returns the body as sent.
func DecodeEvent(c *gin.Context, as payload.Form) ([]byte, error) {
	body, err := ReadBody(c)
	if err != nil || len(body) == 0 {
		return nil, err
	}
	h := c.Request.Header
	types := h["Content-Type"]
	if len(types) > 1 {
		return nil, BadRequest("bad_content_type", "there are several Content-Type headers; one is expected")
	}
	if isPlainJSON(h, types, as) && strictjson.Check(body, MaxDepth) == nil {
		return body, nil
	}
	if err := checkMedia(as, strings.Join(types, "")); err != nil {
		return nil, err
	}
	if err := checkOrigin(c); err != nil {
		return nil, err
	}
	x := StateOf(c)
	if body, err = unpackBody(x, h, body); err != nil {
		return nil, err
	}
	event, err := x.decodeEvent(c.Request.Context(), as, strings.Join(types, ""), body)
	return event, eventFault(err)
}

// checkMedia rejects a Content-Type that is none, where it decides how the body is read.
func checkMedia(as payload.Form, contentType string) error {
	if (as == "" || as == payload.Auto) && !payload.IsMediaType(contentType) {
		return Unsupported(fmt.Sprintf("the Content-Type %.100q is no media type, such as application/json; send one, or none", contentType))
	}
	return nil
}

// checkOrigin rejects a body that a page of another origin sends with a password that the browser remembers (Basic). For
// JSON the browser asks first (CORS), for forms and text it does not. Origins that may call the API are allowed.
func checkOrigin(c *gin.Context) error {
	scheme, _, _ := strings.Cut(c.Request.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Basic") || c.Writer.Header().Get("Access-Control-Allow-Origin") != "" {
		return nil
	}
	if err := new(http.CrossOriginProtection).Check(c.Request); err != nil {
		return &Fault{Status: http.StatusForbidden, Code: "cross_origin", Message: "a page of another origin sends this with a password; only JSON is taken from there", Err: err}
	}
	return nil
}

// isPlainJSON reports whether a body is declared as JSON in UTF-8, as most are, so that its check may be all.
func isPlainJSON(h http.Header, types []string, as payload.Form) bool {
	if len(types) == 0 || h["Content-Encoding"] != nil || as != "" && as != payload.Auto && as != payload.JSON {
		return false
	}
	media, params, _ := strings.Cut(types[0], ";")
	return media == "application/json" && (params == "" || strings.EqualFold(strings.TrimSpace(params), "charset=utf-8"))
}

// decodeEvent reads the body and writes the event. The values in between are charged to the memory of the process.
func (x *State) decodeEvent(ctx context.Context, as payload.Form, contentType string, body []byte) ([]byte, error) {
	return x.makeEvent(ctx, contentType, func(reader *payload.Reader) (payload.Content, error) { return reader.Read(as, contentType, body) })
}

// decodeStream is decodeEvent for a form that is not in memory, whose files go to save.
func (x *State) decodeStream(ctx context.Context, contentType string, body io.Reader, save payload.SaveFile) ([]byte, error) {
	return x.makeEvent(ctx, contentType, func(reader *payload.Reader) (payload.Content, error) {
		return reader.ReadMultipart(contentType, body, save)
	})
}

func (x *State) makeEvent(ctx context.Context, contentType string, read func(*payload.Reader) (payload.Content, error)) ([]byte, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	account := x.frame.Memory.Open(0, cancel)
	defer account.Close()
	var made atomic.Int64
	defer account.Settle(&made)
	charger := budget.NewCharger(ctx, account, &made)
	content, err := read(&payload.Reader{Charger: charger, Depth: MaxDepth, MaxSize: x.frame.MaxBody, Decode: flows.DecodeJSONOn})
	if err != nil || content.Empty() {
		return nil, err
	}
	event := content.JSON
	if event == nil {
		if event, err = flows.EncodeJSONOn(charger, content.Value); err != nil {
			return nil, err
		}
		if err := strictjson.Check(event, MaxDepth); err != nil {
			return nil, &payload.Error{ContentType: contentType, Form: content.Form, Err: err}
		}
	}
	if int64(len(event)) > x.frame.MaxBody {
		return nil, &http.MaxBytesError{Limit: x.frame.MaxBody}
	}
	return event, reserveBody(x, len(event))
}

// unpackBody returns a body without its Content-Encoding. Its memory is reserved while it grows.
func unpackBody(x *State, h http.Header, body []byte) ([]byte, error) {
	codings, err := payload.Codings(h)
	if err != nil {
		return nil, Unsupported(err.Error())
	}
	if len(codings) == 0 {
		return body, nil
	}
	window := payload.Window(codings, body)
	if !x.frame.Memory.Admit(window) {
		return nil, fault.ErrNoMemory
	}
	defer x.frame.Memory.Free(window)
	unpacked, closeAll, err := payload.Unpack(codings, body, x.frame.MaxBody)
	if err != nil {
		return nil, codingFault(err, x.frame.MaxBody)
	}
	defer closeAll()
	var text []byte
	for {
		if len(text) == cap(text) {
			size := max(512, cap(text))
			if err := reserveBody(x, size); err != nil {
				return nil, err
			}
			text = append(make([]byte, 0, cap(text)+size), text...)
		}
		n, err := unpacked.Read(text[len(text):cap(text)])
		text = text[:len(text)+n]
		switch {
		case errors.Is(err, io.EOF):
			return text, nil
		case err != nil:
			return nil, codingFault(err, x.frame.MaxBody)
		}
	}
}

// codingFault returns the error for a body that cannot be unpacked to at most limit bytes.
func codingFault(err error, limit int64) error {
	if errors.Is(err, payload.ErrTooLarge) {
		message := fmt.Sprintf("the body is larger than %d bytes without its Content-Encoding", limit)
		return &Fault{Status: http.StatusRequestEntityTooLarge, Code: "too_large", Message: message, Err: err}
	}
	return &Fault{Status: http.StatusBadRequest, Code: "bad_coding", Message: err.Error(), Err: err}
}

// whatIsRead ends the message of each body that cannot be read.
const whatIsRead = ". JSON, forms, multipart/form-data, XML, CSV, NDJSON, text and bytes are read, in the charsets of browsers"

// eventFault returns the error for a body that is no event.
func eventFault(err error) error {
	var (
		wrong   *payload.Error
		charset *payload.CharsetError
	)
	switch {
	case errors.Is(err, budget.ErrRunLimit):
		return &Fault{Status: http.StatusRequestEntityTooLarge, Code: "too_large", Message: "the body needs too much memory to be read", Err: err}
	case !errors.As(err, &wrong):
		return err
	case errors.As(err, &charset):
		return Unsupported(wrong.Error() + whatIsRead)
	}
	message := wrong.Error() + whatIsRead
	switch wrong.Form {
	case payload.JSON:
		return BadRequest("bad_json", message)
	case payload.URLEncoded, payload.Nested, payload.Multipart:
		return BadRequest("bad_form", message)
	}
	return BadRequest("bad_body", message)
}
