package steps

import (
	"regexp"
	"strings"
)

// scriptCode returns a script with blanks in place of its comments and of the text of its literals, so that a word in it is one of
// the code. Newlines are kept. The script has no syntax error. A slash after a closing parenthesis or brace is a division, or begins
// a regular expression; only a parser knows. Where neither gives literals that end, it returns the script as it is.
func scriptCode(script string) string {
	for _, patterns := range []bool{false, true} {
		l := scriptLexer{text: script, out: []byte(script), patterns: patterns}
		if l.code(0, "") {
			return string(l.out)
		}
	}
	return script
}

// scriptLexer reads a script (ECMA-262, chapter 12) as far as it tells code from other text.
type scriptLexer struct {
	text string
	out  []byte
	at   int
	last string // the word or the character of code before; empty: none

	patterns bool // a slash after ) or } begins a regular expression
}

// maxTemplates is the maximum depth of templates in templates.
const maxTemplates = 50

// code reads up to the unmatched closing brace of a template's ${, for end "}", or to the end of the script. It reports whether
// that is there.
func (l *scriptLexer) code(depth int, end string) bool {
	braces := 0
	for l.at < len(l.text) {
		rest, c := l.text[l.at:], l.text[l.at]
		ok := true
		switch {
		case strings.HasPrefix(rest, "//"):
			l.blank(len(line(rest)))
		case strings.HasPrefix(rest, "/*"):
			length := strings.Index(rest[2:], "*/")
			if ok = length >= 0; ok {
				l.blank(length + 4)
			}
		case c == '"' || c == '\'':
			ok = l.literal(quotedLength(rest))
		case c == '`':
			ok = depth < maxTemplates && l.template(depth)
		case c == '/' && l.beginsOperand():
			ok = l.literal(patternLength(rest))
		case isWord(c):
			l.word(rest)
		default:
			if c == '{' {
				braces++
			} else if c == '}' {
				if braces--; braces < 0 && end != "" {
					return true
				}
			}
			if !strings.ContainsRune(" \t\r\n", rune(c)) {
				l.last = rest[:1]
			}
			l.at++
		}
		if !ok {
			return false
		}
	}
	return end == ""
}

// template reads a template. The programs in it are code.
func (l *scriptLexer) template(depth int) bool {
	for l.at++; l.at < len(l.text); {
		switch rest := l.text[l.at:]; {
		case rest[0] == '`':
			l.at++
			l.last = literalEnd
			return true
		case rest[0] == '\\':
			l.blank(min(2, len(rest)))
		case strings.HasPrefix(rest, "${"):
			if l.at, l.last = l.at+2, "{"; !l.code(depth+1, "}") {
				return false
			}
			l.at++ // the brace
		default:
			l.blank(1)
		}
	}
	return false
}

// word reads a name, a keyword or a number.
func (l *scriptLexer) word(rest string) {
	length := 1
	for length < len(rest) && isWord(rest[length]) {
		length++
	}
	if l.last = rest[:length]; l.at > 0 && l.text[l.at-1] == '.' {
		l.last = "a" // a member, even when it is named like a keyword
	}
	l.at += length
}

func isWord(c byte) bool {
	return c == '_' || c == '$' || c >= 0x80 || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

// literalEnd is the last of code after a literal.
const literalEnd = "`"

// beforeOperand matches the keywords after which an operand follows.
var beforeOperand = regexp.MustCompile(`^(return|typeof|case|do|else|in|instanceof|new|void|delete|throw|of|yield|await)$`)

// beginsOperand reports whether a slash begins a regular expression and is no division, by the code before it.
func (l *scriptLexer) beginsOperand() bool {
	switch {
	case l.last == "" || beforeOperand.MatchString(l.last):
		return true
	case isWord(l.last[0]):
		return false
	case l.last == ")" || l.last == "}":
		return l.patterns
	}
	return l.last != "]" && l.last != literalEnd
}

// literal blanks a literal of the length, between its first and last character; 0: it does not end.
func (l *scriptLexer) literal(length int) bool {
	if length == 0 {
		return false
	}
	l.at++
	l.blank(length - 2)
	l.at++
	l.last = literalEnd
	return true
}

// blank replaces the next bytes by spaces, besides newlines.
func (l *scriptLexer) blank(length int) {
	for i := l.at; i < l.at+length; i++ {
		if l.out[i] != '\n' {
			l.out[i] = ' '
		}
	}
	l.at += length
}

func line(text string) string {
	first, _, _ := strings.Cut(text, "\n")
	return first
}

// quotedLength returns the length of the text literal at the start; 0: it does not end. A backslash may continue it on the next line.
func quotedLength(text string) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case text[0]:
			return i + 1
		case '\\':
			i++
		case '\n':
			return 0
		}
	}
	return 0
}

// patternLength returns the length of the regular expression at the start, without its flags; 0: it does not end.
func patternLength(text string) int {
	class := false
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\n':
			return 0
		case c == '\\':
			i++
		case c == '/' && !class:
			return i + 1
		case c == '[' || c == ']':
			class = c == '['
		}
	}
	return 0
}
