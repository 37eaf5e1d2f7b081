package jsonvalue

import (
	"encoding/json"
	"math"
	"math/big"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/internal/bulk"
)

// Encode encodes a value canonically: exact numbers, members sorted by name, no HTML escaping, no white space.
// NaN becomes null, as in jq. Other Go types are encoded by encoding/json, or as null.
func Encode(v any) []byte { return appendJSON(nil, v) }

// EncodeOn is Encode that charges for the text before it allocates it. The error is that of the charger.
func EncodeOn(charger *budget.Charger, v any) ([]byte, error) {
	size := sizeJSON(v)
	if err := charger.Charge(size); err != nil {
		return nil, err
	}
	return appendJSON(make([]byte, 0, size), v), nil
}

// sizeJSON estimates the length of a value as JSON, rather too long than too short.
func sizeJSON(v any) int64 {
	const scalar = 20 // with a comma
	switch v := v.(type) {
	case string:
		return sizeString(v)
	case json.Number:
		return int64(len(v)) + 1
	case []any:
		size := int64(3)
		for _, element := range v {
			size += sizeJSON(element)
		}
		return size
	case map[string]any:
		size := int64(3)
		for name, member := range v {
			size += sizeString(name) + sizeJSON(member) + 1
		}
		return size
	}
	return scalar
}

func sizeString(s string) int64 {
	size := int64(len(s)) + 3
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ':
			size += 5
		case c == '"', c == '\\':
			size++
		}
	}
	return size
}

func appendJSON(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, v)
	case string:
		return appendString(b, v)
	case json.Number:
		return append(b, v...)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case float64:
		return appendFloat(b, v)
	case *big.Int:
		return v.Append(b, 10)
	case []any:
		b = append(b, '[')
		for i, element := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, element)
		}
		return append(b, ']')
	case map[string]any:
		return appendObject(b, v)
	}
	other, err := json.Marshal(v)
	if err != nil {
		return append(b, "null"...)
	}
	return append(b, other...)
}

func appendObject(b []byte, object map[string]any) []byte {
	names := make([]string, 0, len(object))
	for name := range object {
		names = append(names, name)
	}
	slices.Sort(names)
	b = append(b, '{')
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, name), ':')
		b = appendJSON(b, object[name])
	}
	return append(b, '}')
}

func appendFloat(b []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(b, "null"...)
	case math.IsInf(f, 1):
		f = math.MaxFloat64
	case math.IsInf(f, -1):
		f = -math.MaxFloat64
	}
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e17) {
		format = 'e'
	}
	return strconv.AppendFloat(b, f, format, -1, 64)
}

// appendString escapes what JSON requires, and U+2028 and U+2029, which some JavaScript parsers read as line ends.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		if c := s[i]; c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r >= utf8.RuneSelf && r != '\u2028' && r != '\u2029' && (r != utf8.RuneError || size > 1) {
			i += size
			continue
		}
		b = appendEscape(bulk.Append(b, s[start:i]), r)
		i += size
		start = i
	}
	return append(bulk.Append(b, s[start:]), '"')
}

func appendEscape(b []byte, r rune) []byte {
	switch r {
	case '"', '\\':
		return append(b, '\\', byte(r))
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	}
	const digits = "0123456789abcdef"
	return append(b, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
}
