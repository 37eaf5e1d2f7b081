package searchbox

import (
	"slices"
	"strings"
)

// String writes a term.
func (t Term) String() string {
	values := make([]string, len(t.Values))
	for i, v := range t.Values {
		values[i] = quote(v)
	}
	not := ""
	if t.Not {
		not = "-"
	}
	return not + t.Name + ":" + strings.Join(values, ",")
}

// String writes the search as the text of a box: the terms first.
func (s *Search) String() string {
	if s.Raw != "" {
		return s.Raw
	}
	var parts []string
	for _, t := range s.Terms {
		parts = append(parts, t.String())
	}
	words := strings.Fields(s.Words)
	plain := func(word string) bool { return !beginsTerm(word) && !strings.Contains(word, `"`) }
	if exact := s.Exact || IsFilter(s.Words); exact || !allOf(words, plain) {
		for i, word := range words {
			words[i] = quoted(word)
		}
	}
	return strings.Join(append(parts, words...), " ")
}

func allOf(words []string, is func(string) bool) bool {
	return !slices.ContainsFunc(words, func(word string) bool { return !is(word) })
}

// Values returns the values of the terms of a name; nil: there is none.
func (s *Search) Values(name string) (values []string) {
	for _, t := range s.Terms {
		if t.Name == name && !t.Not {
			values = append(values, t.Values...)
		}
	}
	return values
}

// With returns the text of a search with a term in the place of those of its name; without them if it has no values.
func (s *Search) With(name string, values ...string) string {
	if s.Raw != "" {
		return s.withRaw(name, values)
	}
	changed := *s
	changed.Terms = slices.DeleteFunc(slices.Clone(s.Terms), func(t Term) bool { return t.Name == name })
	if len(values) > 0 {
		changed.Terms = append(changed.Terms, Term{Name: name, Values: values})
	}
	return changed.String()
}

// withRaw adds a condition to a filter that terms cannot express.
func (s *Search) withRaw(name string, values []string) string {
	t := token{name: name}
	for _, v := range values {
		t.values = append(t.values, value{text: v})
	}
	if len(values) == 0 || name == Since || name == Until {
		return s.Raw
	}
	condition, err := conditionOf(t, &Env{})
	if err != nil {
		return s.Raw
	}
	return "(" + s.Raw + ") and " + condition
}

// Without returns the text of a search without the term at a place.
func (s *Search) Without(at int) string {
	changed := *s
	changed.Terms = slices.Delete(slices.Clone(s.Terms), at, at+1)
	return changed.String()
}

// WithoutWords returns the text of a search without its words.
func (s *Search) WithoutWords() string {
	changed := *s
	changed.Words = ""
	return changed.String()
}
