package flows

import (
	"strings"
	"unicode/utf8"
)

// locate returns where the byte at offset of a text stands in the file: it
// walks the text and its source side by side, over quotes, escapes and folded
// lines. It is called for mistakes only.
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

type sourceCursor struct {
	lines  []string
	at     place
	style  style
	indent int // of a block
}

// begin steps over the opening quote, or to the first line of a block.
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

// rest is the source from here to the end of its line.
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

// skipLineEnd moves from the end of a line to where the text goes on.
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

// advance steps over the source of one character of the text.
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

// sourceLength is how many characters of source make one of the text.
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
