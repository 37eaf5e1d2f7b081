package httpx

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxQuery is the maximum number of parameters of a query string.
const maxQuery = 200

// Query returns the parameters of a request's query string. The error is a Fault: it cannot be read, is not UTF-8, or has
// too many parameters.
func Query(r *http.Request) (url.Values, error) {
	raw := r.URL.RawQuery
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
