package auth

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	maxName   = 64  // bytes in the name of a parameter
	maxParams = 100 // parameters of a request, which bounds the cost of sorted insertion
)

// Query is a strictly parsed query string. Each name occurs once. The parameters are sorted by the bytes of their
// names, which is the order in which they are signed.
type Query struct{ params []Param }

// Param is one decoded parameter.
type Param struct{ Name, Value string }

// QueryError is the reason why a query string is rejected. It never contains a value.
type QueryError struct {
	Reason string
	Offset int // offset of the parameter in the raw query, in bytes
}

func (e *QueryError) Error() string {
	return fmt.Sprintf("query parameter at byte %d: %s", e.Offset, e.Reason)
}

// ParseQuery parses a raw query string. Unlike url.ParseQuery it skips nothing: a duplicate or invalid name, an
// invalid escape, a ";", invalid UTF-8 or a "|" in a value is a *QueryError. Otherwise two parsers could read one
// string differently, and a signature would be valid for two requests.
func ParseQuery(raw string) (Query, error) {
	if raw == "" {
		return Query{}, nil
	}
	params := make([]Param, 0, min(strings.Count(raw, "&")+1, maxParams))
	for offset := 0; ; {
		pair, rest, more := strings.Cut(raw[offset:], "&")
		p, err := parseParam(pair)
		if err != "" {
			return Query{}, &QueryError{Reason: err, Offset: offset}
		}
		at, found := slices.BinarySearchFunc(params, p.Name, byName)
		if found {
			return Query{}, &QueryError{Reason: fmt.Sprintf("%q comes twice", p.Name), Offset: offset}
		}
		if len(params) == maxParams {
			return Query{}, &QueryError{Reason: fmt.Sprintf("more than %d parameters", maxParams), Offset: offset}
		}
		params = slices.Insert(params, at, p)
		if !more {
			return Query{params}, nil
		}
		offset = len(raw) - len(rest)
	}
}

func byName(p Param, name string) int { return strings.Compare(p.Name, name) }

// parseParam returns one parameter, or the reason why it is rejected.
func parseParam(pair string) (Param, string) {
	if strings.IndexByte(pair, ';') >= 0 {
		return Param{}, `";" must be written as %3B`
	}
	rawName, rawValue, _ := strings.Cut(pair, "=")
	name, ok := unescape(rawName)
	if !ok {
		return Param{}, "bad % escape in the name"
	}
	if !validName(name) {
		return Param{}, "a name has 1 to 64 letters, digits, _ or -"
	}
	value, ok := unescape(rawValue)
	if !ok {
		return Param{}, fmt.Sprintf("bad %% escape in the value of %q", name)
	}
	if !utf8.ValidString(value) {
		return Param{}, fmt.Sprintf("the value of %q is not UTF-8", name)
	}
	if strings.IndexByte(value, '|') >= 0 {
		return Param{}, fmt.Sprintf(`the value of %q holds "|", which separates the signed values`, name)
	}
	return Param{name, value}, ""
}

func validName(name string) bool {
	if name == "" || len(name) > maxName {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-') {
			return false
		}
	}
	return true
}

// unescape decodes %XX and "+" as in HTML forms; false: an escape is invalid.
func unescape(s string) (string, bool) {
	first := strings.IndexAny(s, "%+")
	if first < 0 {
		return s, true
	}
	out := make([]byte, first, len(s))
	copy(out, s)
	for i := first; i < len(s); i++ {
		switch s[i] {
		case '+':
			out = append(out, ' ')
		case '%':
			if i+2 >= len(s) {
				return "", false
			}
			hi, lo := fromHex(s[i+1]), fromHex(s[i+2])
			if hi|lo > 0xf {
				return "", false
			}
			out = append(out, hi<<4|lo)
			i += 2
		default:
			out = append(out, s[i])
		}
	}
	return string(out), true
}

// fromHex returns the value of a hexadecimal digit, and 0xff for any other byte.
func fromHex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 0xff
}

// Get returns the value of a parameter, "" if it is absent.
func (q Query) Get(name string) string {
	value, _ := q.Lookup(name)
	return value
}

// Lookup returns the value of a parameter and whether it is present.
func (q Query) Lookup(name string) (string, bool) {
	at, found := slices.BinarySearchFunc(q.params, name, byName)
	if !found {
		return "", false
	}
	return q.params[at].Value, true
}

// Params returns the parameters sorted by name. The caller must not change them.
func (q Query) Params() []Param { return q.params }
