package httpx

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// maxQuery is the maximum number of parameters of a query string.
const maxQuery = 200

// Query returns the parameters of a request's query string. The error is a Fault: it cannot be read, is not UTF-8, or has
// too many parameters.
func Query(r *http.Request) (url.Values, error) { return parseQuery(r.URL.RawQuery) }

// SenderQuery is Query for a query string that is the sender's own affair: it is read as browsers read it (WHATWG URL,
// application/x-www-form-urlencoded parsing), so that a ";", and a "%" without two hexadecimal digits, are text.
func SenderQuery(r *http.Request) (url.Values, error) {
	return parseQuery(bareQuery.ReplaceAllStringFunc(r.URL.RawQuery, func(c string) string {
		switch {
		case c == ";":
			return "%3B"
		case len(c) == 3: // an escape
			return c
		}
		return "%25" + c[1:]
	}))
}

// bareQuery matches what Query refuses, and escapes.
var bareQuery = regexp.MustCompile(`%[0-9A-Fa-f]{2}|%|;`)

func parseQuery(raw string) (url.Values, error) {
	if raw == "" {
		return nil, nil
	}
	if strings.Count(raw, "&") >= maxQuery {
		return nil, BadRequest("bad_query", "there are more than 200 parameters")
	}
	query, err := url.ParseQuery(raw)
	if err != nil {
		return nil, BadRequest("bad_query", "the query string cannot be read: "+err.Error())
	}
	for name, values := range query {
		if !utf8.ValidString(name) || slices.ContainsFunc(values, func(v string) bool { return !utf8.ValidString(v) }) {
			return nil, BadRequest("bad_query", "the query string is not UTF-8")
		}
	}
	return query, nil
}

// ParseSeconds parses a whole number of seconds from 0 to 65535.
func ParseSeconds(s string) (time.Duration, bool) {
	n, err := strconv.ParseUint(s, 10, 16)
	return time.Duration(n) * time.Second, err == nil
}
