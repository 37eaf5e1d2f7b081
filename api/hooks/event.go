package hooks

import (
	"encoding/json"
	"errors"
	"mime"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/penstock/penstock/internal/strictjson"
)

// maxFields is the maximum number of fields of a form.
const maxFields = 1000

// Errors of Event, besides *strictjson.Error.
var (
	ErrType = errors.New("the Content-Type must be JSON or a form")
	ErrForm = errors.New("the form cannot be read")
)

// Event returns the event of a verified delivery: a JSON body unchanged, or an object of the fields of a form, in
// which repeated fields become lists. The JSON in a form with the single field payload is returned as it is,
// because GitHub and Slack send that. nil: the body is empty.
func Event(d *Delivery, depth int) ([]byte, error) {
	if len(d.Body) == 0 {
		return nil, nil
	}
	media, params, err := mime.ParseMediaType(d.Header.Get("Content-Type"))
	charset := params["charset"]
	if err != nil || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return nil, ErrType
	}
	switch {
	case media == "application/json" || strings.HasSuffix(media, "+json"):
		return d.Body, strictjson.Check(d.Body, depth)
	case media == "application/x-www-form-urlencoded":
		return formEvent(string(d.Body), depth)
	}
	return nil, ErrType
}

func formEvent(body string, depth int) ([]byte, error) {
	form, err := url.ParseQuery(body)
	if err != nil || len(form) > maxFields {
		return nil, ErrForm
	}
	if payload := form["payload"]; len(form) == 1 && len(payload) == 1 && strictjson.Check([]byte(payload[0]), depth) == nil {
		return []byte(payload[0]), nil
	}
	event := make(map[string]any, len(form))
	for name, values := range form {
		for _, v := range append(values, name) {
			if !utf8.ValidString(v) {
				return nil, ErrForm
			}
		}
		if len(values) == 1 {
			event[name] = values[0]
		} else {
			event[name] = values
		}
	}
	return json.Marshal(event)
}
