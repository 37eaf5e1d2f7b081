package auth

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	maxName   = 64  // bytes of a parameter's name
	maxParams = 100 // parameters of a request: keeping them sorted stays cheap
)

// Query holds the parameters of a query string that was parsed strictly:
// every name once, sorted by byte order, the order in which they are signed.
type Query struct{ params []Param }

// Param is one decoded parameter.
type Param struct{ Name, Value string }

// QueryError says why a query string was refused. It never holds a value.
type QueryError struct {
	Reason string
	Offset int // byte of the raw query where the parameter starts
}

func (e *QueryError) Error() string {
	return fmt.Sprintf("query parameter at byte %d: %s", e.Offset, e.Reason)
}

// ParseQuery parses a raw query string. Unlike url.ParseQuery it drops
// nothing: a duplicate or unusual name, a bad escape, a ";", invalid UTF-8 or
// a "|" in a value is a *QueryError. Two parsers that read one string
// differently would sign different requests.
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

// parseParam returns one parameter, or why it is refused.
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

// unescape decodes %XX and "+" as HTML forms do; false: a bad escape.
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

// fromHex returns the value of a hexadecimal digit, above 15 for anything else.
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

// Get returns the value of a parameter, "" when it is absent.
func (q Query) Get(name string) string {
	value, _ := q.Lookup(name)
	return value
}

// Lookup returns the value of a parameter and whether it is there.
func (q Query) Lookup(name string) (string, bool) {
	at, found := slices.BinarySearchFunc(q.params, name, byName)
	if !found {
		return "", false
	}
	return q.params[at].Value, true
}

// Params returns the parameters sorted by name. The caller must not change them.
func (q Query) Params() []Param { return q.params }
