package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"unicode/utf16"
)

// maxNumber is the largest whole number that all readers of JSON read alike (RFC 8785, appendix D).
const maxNumber = 1<<53 - 1

// maxDepth bounds the depth of a value.
const maxDepth = 64

var errNumber = errors.New("a number is not a whole one of at most 53 bits")

// Canonical returns the canonical form of a JSON value (RFC 8785): no white space, members in the order of the UTF-16 code units of
// their names. without are members of the outermost object that are left out. A number that is not a whole one of at most 53 bits is
// an error, so that no two readers disagree about its form.
func Canonical(text []byte, without ...string) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("make canonical form: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("make canonical form: something is behind the value")
	}
	if object, ok := v.(map[string]any); ok {
		for _, name := range without {
			delete(object, name)
		}
	}
	out, err := appendCanonical(make([]byte, 0, len(text)), v, 0)
	if err != nil {
		return nil, fmt.Errorf("make canonical form: %w", err)
	}
	return out, nil
}

func appendCanonical(out []byte, v any, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, errors.New("it is too deep")
	}
	var err error
	switch v := v.(type) {
	case nil:
		return append(out, "null"...), nil
	case bool:
		return strconv.AppendBool(out, v), nil
	case json.Number:
		n, err := strconv.ParseInt(v.String(), 10, 64)
		if err != nil || n < -maxNumber || n > maxNumber || v == "-0" {
			return nil, errNumber
		}
		return strconv.AppendInt(out, n, 10), nil
	case string:
		return appendString(out, v), nil
	case []any:
		out = append(out, '[')
		for i, item := range v {
			if i > 0 {
				out = append(out, ',')
			}
			if out, err = appendCanonical(out, item, depth+1); err != nil {
				return nil, err
			}
		}
		return append(out, ']'), nil
	case map[string]any:
		return appendObject(out, v, depth)
	}
	return nil, fmt.Errorf("a %T is no JSON", v)
}

func appendObject(out []byte, object map[string]any, depth int) ([]byte, error) {
	names := make([]string, 0, len(object))
	for name := range object {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b))) })
	out = append(out, '{')
	var err error
	for i, name := range names {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(appendString(out, name), ':')
		if out, err = appendCanonical(out, object[name], depth+1); err != nil {
			return nil, err
		}
	}
	return append(out, '}'), nil
}

// appendString writes a string as ECMAScript's JSON.stringify does (RFC 8785, section 3.2.2.2).
func appendString(out []byte, s string) []byte {
	const short = "btnvfr" // for U+0008 to U+000D; there is none for U+000B
	out = append(out, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			out = append(out, '\\', byte(r))
		case r >= 8 && r <= 13 && r != 11:
			out = append(out, '\\', short[r-8])
		case r < 0x20:
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			out = append(out, string(r)...)
		}
	}
	return append(out, '"')
}
