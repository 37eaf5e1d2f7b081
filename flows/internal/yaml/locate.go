package yaml

import (
	"strings"
	"unicode/utf8"
)

// Lines are the lines of a file, without their ends.
type Lines []string

// LinesOf splits a file into lines. CR LF, LF and CR are line ends in YAML.
func LinesOf(src []byte) Lines {
	return strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(src)), "\n")
}

// Locate returns the position in the file of the byte at offset in the text of a scalar. It walks the text and its
// YAML source side by side, across quotes, escapes and folded lines. It is slow: call it for problems only.
func (l Lines) Locate(n *Node, offset int) Place {
	text, _ := n.Value.(string)
	w := sourceCursor{lines: l, at: n.Place, style: n.Style}
	w.begin()
	for i := 0; i < len(text) && i < offset; {
		c, size := utf8.DecodeRuneInString(text[i:])
		w.advance(c)
		i += size
	}
	if offset < len(text) {
		w.skipLineEnd()
	}
	if w.at.Line > len(l) {
		return n.Place
	}
	return w.at
}

// CommentFollows reports whether a comment follows a plain scalar on its last line.
func (l Lines) CommentFollows(n *Node) bool {
	s, _ := n.Value.(string)
	end := l.Locate(n, len(s))
	if end.Line < 1 || end.Line > len(l) {
		return false
	}
	return strings.Contains(l[end.Line-1], " #")
}

// sourceCursor is a position in the YAML source of a scalar.
type sourceCursor struct {
	lines  []string
	at     Place
	style  Style
	indent int // of a block
}

// begin skips the opening quote, or moves to the first line of a block scalar.
func (w *sourceCursor) begin() {
	switch w.style {
	case Single, Double:
		w.at.Column++
	case Block:
		w.at = Place{w.at.Line + 1, 1}
		for _, line := range w.lines[min(w.at.Line-1, len(w.lines)):] {
			if trimmed := strings.TrimLeft(line, " "); trimmed != "" {
				w.indent = len(line) - len(trimmed)
				break
			}
		}
		w.at.Column += w.indent
	}
}

// rest returns the source from the cursor to the end of its line.
func (w *sourceCursor) rest() string {
	if w.at.Line > len(w.lines) {
		return ""
	}
	line := w.lines[w.at.Line-1]
	for range w.at.Column - 1 {
		_, size := utf8.DecodeRuneInString(line)
		line = line[size:]
	}
	return line
}

// skipLineEnd moves from the end of a line to the continuation of the text.
func (w *sourceCursor) skipLineEnd() {
	for w.at.Line < len(w.lines) && strings.TrimRight(w.rest(), " \t\r") == "" {
		w.newline()
	}
}

func (w *sourceCursor) newline() {
	w.at = Place{w.at.Line + 1, 1}
	rest := w.rest()
	skip := len(rest) - len(strings.TrimLeft(rest, " \t"))
	if w.style == Block {
		skip = min(skip, w.indent)
	}
	w.at.Column += skip
}

// advance skips the source of one character of the text.
func (w *sourceCursor) advance(c rune) {
	rest := w.rest()
	if c == '\n' && w.style == Block || strings.TrimRight(rest, " \t\r") == "" {
		if w.at.Line < len(w.lines) {
			w.newline()
		}
		if c == ' ' || c == '\n' {
			return
		}
		rest = w.rest()
	}
	w.at.Column += sourceLength(w.style, rest)
}

// sourceLength returns the number of source characters for one character of the text.
func sourceLength(s Style, rest string) int {
	switch {
	case s == Single && strings.HasPrefix(rest, "''"):
		return 2
	case s == Double && len(rest) > 1 && rest[0] == '\\':
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
