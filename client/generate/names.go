package generate

import (
	"strconv"
	"strings"
	"unicode"
)

// names gives each thing an identifier of its own.
type names map[string]bool

// take returns a name that is free: the wanted one, or with a number.
func (n names) take(want string) string {
	name := want
	for i := 2; n[name]; i++ {
		name = want + strconv.Itoa(i)
	}
	n[name] = true
	return name
}

// identifier makes an identifier of a text: its words, each with a first letter as capital makes it, but for the very first
// if lower is set. Words are letters and digits of ASCII; x is put in front of a digit, and stands for no word at all.
func identifier(text string, capital func(string) string, lower bool) string {
	words := strings.FieldsFunc(text, func(c rune) bool { return c > unicode.MaxASCII || !unicode.IsLetter(c) && !unicode.IsDigit(c) })
	if len(words) == 0 || unicode.IsDigit(rune(words[0][0])) {
		words = append([]string{"x"}, words...)
	}
	for i := range words {
		if i > 0 || !lower {
			words[i] = capital(words[i])
		} else {
			words[i] = strings.ToLower(words[i][:1]) + words[i][1:]
		}
	}
	return strings.Join(words, "")
}

// title is a word with a capital.
func title(word string) string { return strings.ToUpper(word[:1]) + word[1:] }

// commentLines are the lines of a text in a comment, without white space around. What would end a line elsewhere, or
// would show a reader another text than the compiler reads (control characters, marks of direction), becomes a space.
func commentLines(text string) []string {
	text = strings.Map(func(r rune) rune {
		if r != '\n' && !unicode.IsGraphic(r) || r == '\u2028' || r == '\u2029' || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, " "))
	var lines []string
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		lines = append(lines, strings.TrimSpace(line))
	}
	if len(lines) == 1 && lines[0] == "" {
		return nil
	}
	return lines
}

// pathParts splits a template into texts and the names of parameters, which alternate and begin with a text.
func pathParts(template string) []string {
	var parts []string
	for {
		text, rest, open := strings.Cut(template, "{")
		name, after, closed := strings.Cut(rest, "}")
		if !open || !closed {
			return append(parts, template)
		}
		parts, template = append(parts, text, name), after
	}
}
