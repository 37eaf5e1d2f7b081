// Package searchbox reads what people write into the search box of runs: words, and filters as state:failed. It makes the
// filter and the words of the API from them.
//
//	box    = { words | filter }
//	filter = [ "-" ] name ":" value { "," value }
//	words  = text without spaces | text in double quotes
package searchbox

import (
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/queue"
)

// Names that are no fields of the API.
const (
	Since = "since"  // accepted at this time or later
	Until = "until"  // accepted at this time or earlier
	Label = "label." // with the name of a label
)

// MaxText is the maximum size of the text of a box in bytes.
const MaxText = 2000

// Env is what the meaning of a text depends on.
type Env struct {
	Now  time.Time
	Zone *time.Location                  // of times that name none; nil: UTC
	Flow func(name string) (int64, bool) // finds a flow by its name or slug; nil: flows have numbers only
}

// Search is a text that was read.
type Search struct {
	Terms  []Term
	Words  string // that a run must contain; empty: none
	Exact  bool   // some of the words were in quotes, and so are the name of no flow and no part of an id
	Filter string // of the API, for the terms or for Raw; empty: none

	// Raw is a filter in the language of the API that terms cannot express; empty: there is none, and the text is Terms and
	// Words.
	Raw string
}

// Term is a filter of the text.
type Term struct {
	Name   string   // field, since, until, or label. with its name
	Not    bool     // runs that do not match are wanted
	Values []string // as written, without quotes; any of them
}

// Error is a mistake in a text: what and where.
type Error struct {
	Start, End int // bytes of the text
	Message    string
	text       string
}

func (e *Error) Error() string {
	return fmt.Sprintf("position %d: %s", utf8.RuneCountInString(e.text[:e.Start])+1, e.Message)
}

// Parse reads the text of a box. Errors are *Error.
func Parse(text string, env Env) (*Search, error) {
	switch {
	case len(text) > MaxText:
		return nil, &Error{0, 0, fmt.Sprintf("the text is longer than %d bytes", MaxText), text}
	case !utf8.ValidString(text):
		return nil, &Error{0, 0, "the text is not UTF-8", ""}
	case IsFilter(text):
		return fromFilter(text)
	}
	tokens, err := split(text)
	if err != nil {
		return nil, err
	}
	s := &Search{}
	var words, conditions []string
	for _, t := range tokens {
		if t.name == "" {
			words = append(words, t.values[0].text)
			s.Exact = s.Exact || strings.Contains(text[t.start:t.end], `"`)
			continue
		}
		condition, err := conditionOf(t, &env)
		if err != nil {
			err.text = text
			return nil, err
		}
		term := Term{Name: t.name, Not: t.not}
		for _, v := range t.values {
			term.Values = append(term.Values, v.text)
		}
		s.Terms, conditions = append(s.Terms, term), append(conditions, condition)
	}
	s.Words, s.Filter = strings.Join(strings.Fields(strings.Join(words, " ")), " "), strings.Join(conditions, " and ")
	if s.Filter == "" {
		return s, nil
	}
	if _, err := parse(s.Filter); err != nil { // it has too many values
		return nil, &Error{0, len(text), err.Error(), text}
	}
	return s, nil
}

func parse(filter string) (*listing.Query[queue.Record], error) {
	return listing.ParseParams(url.Values{listing.ParamFilter: {filter}}, schema)
}

// fromFilter reads a filter of the API. It becomes terms if they can express it.
func fromFilter(filter string) (*Search, error) {
	q, err := parse(filter)
	if err != nil {
		return nil, filterError(filter, err)
	}
	s := &Search{Filter: filter}
	all, err := q.Comparisons()
	if err != nil { // more than comparisons joined by and
		s.Raw = filter
		return s, nil
	}
	for _, c := range all {
		term, ok := termOf(c)
		if !ok {
			return &Search{Filter: filter, Raw: filter}, nil
		}
		s.Terms = append(s.Terms, term)
	}
	return s, nil
}
