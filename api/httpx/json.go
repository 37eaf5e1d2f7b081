package httpx

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
)

// ReadJSON decodes the body into a struct and rejects unknown members. Without a body the struct is unchanged.
func ReadJSON(c *gin.Context, into any) error {
	body, err := ReadEvent(c)
	if err != nil || len(body) == 0 {
		return err
	}
	if !utf8.Valid(body) { // which the decoder would replace
		return BadRequest("bad_json", "the body is not UTF-8: send bytes as base64, for instance")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return BadRequest("bad_json", "the body is not what is expected here: "+typeErrorText(err))
	}
	return nil
}

// typeErrorText returns the text of a decoding error with the type names of JSON instead of Go.
func typeErrorText(err error) string {
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) {
		return strings.TrimPrefix(err.Error(), "json: ")
	}
	return cmp.Or(wrong.Field, "it") + " must be " + jsonKind(wrong.Type.Kind()) + ", not a JSON " + wrong.Value
}

func jsonKind(k reflect.Kind) string {
	switch k {
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list"
	case reflect.Map, reflect.Struct:
		return "an object"
	}
	return "a whole number"
}

// Optional is a member of a PATCH body. Set is true when the member is present, also with the value null.
type Optional[T any] struct {
	Set   bool
	Value T
}

// UnmarshalJSON implements json.Unmarshaler.
func (o *Optional[T]) UnmarshalJSON(text []byte) error {
	o.Set = true
	return json.Unmarshal(text, &o.Value)
}

// Into sets a field to the value if the member is present.
func (o Optional[T]) Into(field *T) {
	if o.Set {
		*field = o.Value
	}
}
