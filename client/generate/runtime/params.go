package runtime

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// addPath adds a parameter to the path. A value that would make it another path is an error of the call.
func (q *request) addPath(name string, v any) {
	escaped := url.PathEscape(paramText(v))
	if escaped == "" || escaped == "." || escaped == ".." {
		q.err = fmt.Errorf("parameter %s: %q cannot be a part of a path", name, escaped)
	}
	q.path += escaped
}

func (q *request) addQuery(name string, v any) {
	if q.query == nil {
		q.query = url.Values{}
	}
	q.query.Set(name, paramText(v))
}

// addEach adds a list whose elements are parameters of their own.
func addEach[T any](q *request, name string, all []T) {
	if q.query == nil {
		q.query = url.Values{}
	}
	for _, v := range all {
		q.query.Add(name, paramText(v))
	}
}

func (q *request) addHeader(name string, v any) {
	if q.header == nil {
		q.header = http.Header{}
	}
	q.header.Set(name, paramText(v))
}

// paramText is the text of a parameter; the items of a list have commas between them.
func paramText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case []string:
		return strings.Join(v, ",")
	case []int64:
		return joined(v)
	case []float64:
		return joined(v)
	case []bool:
		return joined(v)
	}
	return fmt.Sprint(v) // integers and booleans
}

func joined[T any](all []T) string {
	texts := make([]string, len(all))
	for i, v := range all {
		texts[i] = paramText(v)
	}
	return strings.Join(texts, ",")
}
