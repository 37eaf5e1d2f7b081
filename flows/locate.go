package flows

import (
	"strings"
	"unicode/utf8"
)

// locate returns the position in the file of the byte at offset in a text. It walks the text and its YAML source side
// by side, across quotes, escapes and folded lines. It is called for problems only.
func (r *report) locate(n *node, offset int) place {
	text, _ := n.value.(string)
	w := sourceCursor{lines: r.lines, at: n.place, style: n.style}
	w.begin()
	for i := 0; i < len(text) && i < offset; {
		c, size := utf8.DecodeRuneInString(text[i:])
		w.advance(c)
		i += size
	}
	if offset < len(text) {
		w.skipLineEnd()
	}
	if w.at.line > len(r.lines) {
		return n.place
	}
	return w.at
}

// sourceCursor is a position in the YAML source of a scalar.
type sourceCursor struct {
	lines  []string
	at     place
	style  style
	indent int // of a block
}

// begin skips the opening quote, or moves to the first line of a block scalar.
func (w *sourceCursor) begin() {
	switch w.style {
	case single, double:
		w.at.column++
	case block:
		w.at = place{w.at.line + 1, 1}
		for _, line := range w.lines[min(w.at.line-1, len(w.lines)):] {
			if trimmed := strings.TrimLeft(line, " "); trimmed != "" {
				w.indent = len(line) - len(trimmed)
				break
			}
		}
		w.at.column += w.indent
	}
}

// rest returns the source from the cursor to the end of its line.
func (w *sourceCursor) rest() string {
	if w.at.line > len(w.lines) {
		return ""
	}
	line := w.lines[w.at.line-1]
	for range w.at.column - 1 {
		_, size := utf8.DecodeRuneInString(line)
		line = line[size:]
	}
	return line
}

// skipLineEnd moves from the end of a line to the continuation of the text.
func (w *sourceCursor) skipLineEnd() {
	for w.at.line < len(w.lines) && strings.TrimRight(w.rest(), " \t\r") == "" {
		w.newline()
	}
}

func (w *sourceCursor) newline() {
	w.at = place{w.at.line + 1, 1}
	rest := w.rest()
	skip := len(rest) - len(strings.TrimLeft(rest, " \t"))
	if w.style == block {
		skip = min(skip, w.indent)
	}
	w.at.column += skip
}

// advance skips the source of one character of the text.
func (w *sourceCursor) advance(c rune) {
	rest := w.rest()
	if c == '\n' && w.style == block || strings.TrimRight(rest, " \t\r") == "" {
		if w.at.line < len(w.lines) {
			w.newline()
		}
		if c == ' ' || c == '\n' {
			return
		}
		rest = w.rest()
	}
	w.at.column += sourceLength(w.style, rest)
}

// sourceLength returns the number of source characters for one character of the text.
func sourceLength(s style, rest string) int {
	switch {
	case s == single && strings.HasPrefix(rest, "''"):
		return 2
	case s == double && len(rest) > 1 && rest[0] == '\\':
		switch rest[1] {
		case 'x':
			return 4
		case 'u':
			return 6
		case 'U':
			return 10
		}
		return 2
	}
	return 1
}
