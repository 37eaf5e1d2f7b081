package yaml

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"unicode"
)

// Text writes a node as YAML in block style, which Read reads as the same values.
func (n *Node) Text() string {
	w := &writer{}
	if n.isLine() {
		w.line(n, 0)
	} else {
		w.members(n, 0, false)
	}
	return w.String()
}

type writer struct{ strings.Builder }

// isLine reports whether a node follows its key or dash on the same line.
func (n *Node) isLine() bool { return n.Shape == Scalar || len(n.Items) == 0 }

func (w *writer) line(n *Node, indent int) {
	text := map[Shape]string{Mapping: "{}", Sequence: "[]"}[n.Shape]
	if n.Shape == Scalar {
		text = scalarText(n.Value, indent)
	}
	w.WriteString(text + "\n")
}

// members writes a collection with members, each on lines of its own. The line of the first one may have begun.
func (w *writer) members(n *Node, indent int, begun bool) {
	for i, item := range n.Items {
		if !begun || i > 0 {
			w.WriteString(strings.Repeat(" ", indent))
		}
		if n.Shape == Mapping {
			w.WriteString(scalarText(n.Keys[i].Name, -1) + ":")
		} else {
			w.WriteString("-")
		}
		switch {
		case item.isLine():
			w.WriteString(" ")
			w.line(item, indent+2)
		case n.Shape == Mapping:
			w.WriteString("\n")
			w.members(item, indent+2, false)
		default:
			w.WriteString(" ")
			w.members(item, indent+2, true)
		}
	}
}

var (
	plainText = regexp.MustCompile(`^[A-Za-z/$][A-Za-z0-9_./{}$-]*$`)
	otherWord = regexp.MustCompile(`^(?i:true|false|null|yes|no|on|off|y|n|inf|nan)$`)
)

// scalarText writes a scalar. indent is that of a block of several lines; -1: a key, which has one.
func scalarText(v any, indent int) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		if v {
			return "true"
		}
		return "false"
	case json.Number:
		return v.String()
	case string:
		return stringText(v, indent)
	}
	return "null"
}

func stringText(s string, indent int) string {
	switch {
	case plainText.MatchString(s) && !otherWord.MatchString(s):
		return s
	case indent >= 0 && isBlock(s):
		mark := "|-"
		if strings.HasSuffix(s, "\n") {
			mark, s = "|", strings.TrimSuffix(s, "\n")
		}
		margin := "\n" + strings.Repeat(" ", indent)
		return mark + margin + strings.ReplaceAll(s, "\n", margin)
	case strings.ContainsAny(s, `"\`) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a text can be encoded
	return strings.TrimSpace(b.String())
}

// isBlock reports whether a text is written as a block of its lines.
func isBlock(s string) bool {
	body := strings.TrimSuffix(s, "\n")
	if !strings.Contains(body, "\n") || strings.ContainsFunc(body, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
		return false
	}
	lines := strings.Split(body, "\n")
	for _, line := range lines {
		if line == "" || strings.TrimRight(line, " ") != line {
			return false
		}
	}
	return lines[0][0] != ' '
}
