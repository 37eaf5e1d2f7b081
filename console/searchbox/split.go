package searchbox

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// token is a word, or a term that was not checked.
type token struct {
	start, end int
	name       string // before the colon; empty: a word
	not        bool
	values     []value // one for a word
}

type value struct {
	text       string // without quotes
	start, end int    // bytes of the box
}

// named is how a term begins. A word with a colon that is no term, as https://… or 12:30, does not look like it.
var named = regexp.MustCompile(`^(-?)([a-z][a-z_]*|label\.[^\s":,]*):`)

// beginsTerm reports whether a text begins as a term.
func beginsTerm(text string) bool {
	m := named.FindString(text)
	return m != "" && !strings.HasPrefix(text[len(m):], "//")
}

// split splits a text into words and terms.
func split(text string) (tokens []token, err error) {
	for at := 0; ; {
		at += len(text[at:]) - len(strings.TrimLeftFunc(text[at:], unicode.IsSpace))
		if at == len(text) {
			return tokens, nil
		}
		t := token{start: at}
		if m := named.FindStringSubmatch(text[at:]); beginsTerm(text[at:]) {
			t.not, t.name = m[1] != "", m[2]
			at += len(m[0])
		}
		for {
			v, end, wrong := readValue(text, at, t.name != "")
			if wrong != nil {
				return nil, wrong
			}
			t.values, at = append(t.values, v), end
			if t.name == "" || at == len(text) || text[at] != ',' {
				break
			}
			at++
		}
		t.end = at
		tokens = append(tokens, t)
	}
}

// readValue reads a value, or a word, up to a space, and of a value to a comma. Parts in double quotes may have either; a
// backslash takes the next character as it is.
func readValue(text string, at int, listed bool) (v value, end int, err error) {
	var b strings.Builder
	from, within := at, false
	opened := at
	for at < len(text) {
		r, size := utf8.DecodeRuneInString(text[at:])
		switch {
		case within && r == '\\' && at+size < len(text):
			at += size
			r, size = utf8.DecodeRuneInString(text[at:])
			b.WriteRune(r)
		case r == '"':
			if !within {
				opened = at
			}
			within = !within
		case !within && (unicode.IsSpace(r) || listed && r == ','):
			return value{b.String(), from, at}, at, nil
		default:
			b.WriteRune(r)
		}
		at += size
	}
	if within {
		return value{}, 0, &Error{opened, len(text), "the closing quote is missing", text}
	}
	return value{b.String(), from, at}, at, nil
}

// quote writes a value so that readValue returns it.
func quote(text string) string {
	if text != "" && !strings.HasPrefix(text, "//") && !strings.ContainsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(`",`, r) }) {
		return text
	}
	return quoted(text)
}

func quoted(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}
