package searchbox

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/flows"
)

// filterStart is how a filter of the API begins.
var filterStart = regexp.MustCompile(`^[\s(]*(not\s*[\s(]+)?[a-z_]+\s+((eq|ne|lt|le|gt|ge|contains)\s|in\s*\()`)

// IsFilter reports whether a text is a filter in the language of the API.
func IsFilter(text string) bool { return filterStart.MatchString(text) }

// filterError returns the mistake in a filter of the API, at its place in the text.
func filterError(filter string, err error) error {
	var wrong *listing.Error
	if !errors.As(err, &wrong) {
		return err
	}
	start := 0
	for range wrong.Position - 1 {
		_, size := utf8.DecodeRuneInString(filter[start:])
		start += size
	}
	end := start
	for end < len(filter) && filter[end] != ' ' {
		end++
	}
	return &Error{start, end, wrong.Message, filter}
}

// signs are the operators of the API as a term writes them.
var signs = map[string]string{"eq": "", "ge": ">=", "le": "<=", "gt": ">", "lt": "<"} // read only

// termOf returns the term that a comparison is; false: there is none.
func termOf(c listing.Comparison) (Term, bool) {
	f, known := fieldOf(c.Field)
	values, listed := c.Value.([]any)
	if !listed {
		values = []any{c.Value}
	}
	t := Term{Name: c.Field, Not: c.Operator == "ne"}
	for _, v := range values {
		text := fmt.Sprint(v)
		if v == nil || text == "" {
			return Term{}, false
		}
		t.Values = append(t.Values, text)
	}
	sign, compares := signs[c.Operator]
	switch {
	case c.Field == "labels":
		name, value, found := strings.Cut(t.Values[0], "=")
		t.Name, t.Values = Label+name, []string{value}
		return t, found && value != "" && flows.IsLabel(name)
	case !known:
		return Term{}, false
	case c.Field == "message":
		return t, c.Operator == "contains"
	case f.Kind() == "time":
		at, day, ok := moment(t.Values[0], &Env{})
		if !ok || listed || !compares {
			return Term{}, false
		}
		if day { // the API means its first moment in UTC
			t.Values[0] = at.Format(time.RFC3339)
		}
		if names := map[string]string{"ge": Since, "le": Until}; c.Field == "created_at" && names[c.Operator] != "" {
			t.Name, sign = names[c.Operator], ""
		}
		t.Values[0] = sign + t.Values[0]
		return t, true
	case f.Kind() == "number" && compares:
		t.Values[0] = sign + t.Values[0]
		return t, true
	case c.Operator == "contains":
		return Term{}, false
	}
	return t, c.Operator == "eq" || c.Operator == "ne" || c.Operator == "in"
}
