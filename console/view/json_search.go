package view

import (
	"context"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/internal/jsonpart"
)

// JSONHits is what a search in a JSON text has found.
type JSONHits struct {
	Source  JSONSource
	Words   string // that were searched for; empty: none
	Hits    []JSONHit
	Total   int
	AtLeast bool // there are more than Total
}

// JSONHit is one value that was found.
type JSONHit struct {
	Pointer, Path string // Path is a jq program
	Excerpt       string
}

// JSONPath returns a JSON Pointer within a text as a jq program.
func JSONPath(text []byte, pointer string) string {
	if pointer == "" {
		return "."
	}
	path, parent := "", jsonpart.Whole(text)
	for token := range strings.SplitSeq(pointer[1:], "/") {
		container := parent.Kind()
		parent, _ = jsonpart.At(parent.Text, "/"+token) // of no value nothing is known
		name := jsonpart.Unescape(token)
		switch {
		case container == '[':
			path += "[" + token + "]"
		case plainName.MatchString(name):
			path += "." + name
		default:
			quoted, _ := json.Marshal(name) // texts always encode
			path += "[" + string(quoted) + "]"
		}
	}
	if path[0] == '[' {
		path = "." + path
	}
	return path
}

// plainName is a name that jq takes behind a dot.
var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func (f JSONHits) text(ctx context.Context) string {
	switch {
	case f.Total == 0 && f.AtLeast:
		return language.T(ctx, "Nothing found in the part that was searched: the text is too large, or nested too deep.")
	case f.Total == 0:
		return language.T(ctx, "Nothing found.")
	}
	text := language.N(ctx, f.Total, "%d hit", "%d hits")
	if f.AtLeast {
		text = language.T(ctx, "at least %s", text)
	}
	if len(f.Hits) < f.Total {
		text = language.T(ctx, "%s, the first %d", text, len(f.Hits))
	}
	return text
}

func (h JSONHit) href(source string) string { return source + "&at=" + url.QueryEscape(h.Pointer) }

// path is a pointer for people.
func (b JSONBranch) path() string {
	if b.Pointer == "" {
		return "/"
	}
	return b.Pointer
}

// addressOf returns an address without its query.
func addressOf(source string) string {
	path, _, _ := strings.Cut(source, "?")
	return path
}

// fieldsOf returns the parameters of an address as fields of a form, whose own would replace them.
func fieldsOf(source string) [][2]string {
	_, query, _ := strings.Cut(source, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil
	}
	var fields [][2]string
	for name, all := range values {
		for _, value := range all {
			fields = append(fields, [2]string{name, value})
		}
	}
	slices.SortFunc(fields, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	return fields
}
