package mongodb

import (
	"slices"
	"strings"
)

// meaning is what MongoDB makes of a text at a place of a document.
type meaning int

const (
	plain      meaning = iota // a value, or what the operation makes of it
	expression                // the name of a field, if it begins with $
	literal                   // a value in an expression
	pattern                   // a regular expression
	code                      // JavaScript
)

// arguments are the members of $function and $accumulator that are no code.
var arguments = []string{"args", "initArgs", "accumulateArgs"}

// meaningAt returns what a text is whose place has these members, the outermost first.
func meaningAt(members []string) meaning {
	found := plain
	for i, name := range members {
		next := ""
		if i+1 < len(members) {
			next = members[i+1]
		}
		switch name {
		case "$where":
			return code
		case "$function", "$accumulator":
			if !slices.Contains(arguments, next) {
				return code
			}
			found = expression
		case "$expr":
			found = expression
		case "$literal":
			return literal
		case "$regex":
			return pattern
		case "$regexMatch", "$regexFind", "$regexFindAll":
			if next == "regex" {
				return pattern
			}
		}
	}
	return found
}

// quotePattern returns a regular expression of PCRE that a text alone matches: a backslash before a character of ASCII that is
// neither letter nor digit takes its meaning.
func quotePattern(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r < 0x80 && !(r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z') {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
