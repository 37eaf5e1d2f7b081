// Package jsonpart finds parts of a JSON text without decoding the whole of it, so that ten megabytes can be shown a branch at a
// time. The texts are valid JSON (RFC 8259); of others it returns something, and never panics.
package jsonpart

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
)

// Value is a value within a text.
type Value struct {
	Text  []byte // a part of the text, without blanks around it
	Count int    // number of members or elements; 0 for a value that has none
}

// Kind is the first byte of the text: { [ " t f n, a digit or a minus sign; 0: there is no value.
func (v Value) Kind() byte {
	if len(v.Text) == 0 {
		return 0
	}
	return v.Text[0]
}

// IsContainer reports whether the value is an object or an array.
func (v Value) IsContainer() bool { return v.Kind() == '{' || v.Kind() == '[' }

// Child is a member of an object or an element of an array.
type Child struct {
	Value
	Index int    // among its siblings, from 0
	Name  string // of a member
}

// Whole returns the value of a text.
func Whole(text []byte) Value {
	from := skipBlanks(text, 0)
	end, count := skipValue(text, from)
	return Value{text[min(from, end):end], count}
}

// Children returns at most a number of the children of a container, from an index on.
func Children(v Value, from, most int) []Child {
	var all []Child
	each(v, func(c Child) bool {
		if c.Index >= from {
			all = append(all, c)
		}
		return len(all) < most
	})
	return all
}

// each calls do for the children of a container until it returns false.
func each(v Value, do func(Child) bool) {
	if !v.IsContainer() {
		return
	}
	text, object := v.Text, v.Text[0] == '{'
	at := skipBlanks(text, 1)
	for i := 0; at < len(text) && text[at] != '}' && text[at] != ']'; i++ {
		c := Child{Index: i}
		if object {
			end := skipString(text, at)
			c.Name = nameOf(text[at:end])
			at = skipBlanks(text, end)
			if at < len(text) && text[at] == ':' {
				at = skipBlanks(text, at+1)
			}
		}
		end, count := skipValue(text, at)
		if end == at { // no value is here
			return
		}
		c.Value = Value{text[at:end], count}
		if !do(c) {
			return
		}
		at = skipBlanks(text, end)
		if at < len(text) && text[at] == ',' {
			at = skipBlanks(text, at+1)
		}
	}
}

// nameOf decodes the name of a member.
func nameOf(quoted []byte) string {
	if len(quoted) >= 2 && bytes.IndexByte(quoted, '\\') < 0 {
		return strings.ToValidUTF8(string(quoted[1:len(quoted)-1]), "\uFFFD")
	}
	var name string
	if json.Unmarshal(quoted, &name) != nil {
		return string(quoted)
	}
	return name
}

// ErrNone reports that a text has no value at a pointer.
var ErrNone = errors.New("there is no value at this place")

// At returns the value at a JSON Pointer (RFC 6901); "": the whole. Of members with the same name it takes the first.
func At(text []byte, pointer string) (Value, error) {
	v := Whole(text)
	if pointer == "" {
		return v, nil
	}
	if pointer[0] != '/' {
		return Value{}, ErrNone
	}
	for token := range strings.SplitSeq(pointer[1:], "/") {
		name := Unescape(token)
		index, err := strconv.Atoi(token)
		array := v.Kind() == '['
		if array && err != nil {
			return Value{}, ErrNone
		}
		found := false
		each(v, func(c Child) bool {
			if found = array && c.Index == index || !array && c.Name == name; found {
				v = c.Value
			}
			return !found
		})
		if !found {
			return Value{}, ErrNone
		}
	}
	return v, nil
}

// Unescape returns the name of a member that a token of a JSON Pointer is.
func Unescape(token string) string { return strings.NewReplacer("~1", "/", "~0", "~").Replace(token) }

// Pointer returns the JSON Pointer of a child of the value at parent.
func Pointer(parent string, container byte, c Child) string {
	if container == '[' {
		return parent + "/" + strconv.Itoa(c.Index)
	}
	return parent + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(c.Name)
}
