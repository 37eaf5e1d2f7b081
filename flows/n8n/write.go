package n8n

import (
	"bytes"
	"encoding/json"
	"regexp"
	"sort"
	"strings"
	"unicode/utf8"
)

// pair is a member of a mapping in a flow file.
type pair struct {
	key   string
	value any
}

// mapping is a mapping in a flow file, in its order. Values are mappings, lists ([]any, []step), texts, numbers, true, false and nil.
type mapping []pair

// block is a text of several lines.
type block string

// step is a step of a flow, with comments before it.
type step struct {
	comments []string
	body     mapping
}

// maxLine is the length up to which a mapping or list is written on one line.
const maxLine = 110

// writer writes YAML.
type writer struct{ b bytes.Buffer }

func (w *writer) steps(steps []step, indent string) {
	for _, s := range steps {
		for _, comment := range s.comments {
			for line := range strings.SplitSeq(strings.TrimSpace(comment), "\n") {
				w.b.WriteString(indent + "# " + strings.TrimSpace(printable(line)) + "\n")
			}
		}
		w.b.WriteString(indent + "- ")
		w.mapping(s.body, indent+"  ", true)
	}
}

// mapping writes the members on lines of their own. The first one continues a line.
func (w *writer) mapping(m mapping, indent string, continues bool) {
	for i, p := range m {
		if i > 0 || !continues {
			w.b.WriteString(indent)
		}
		w.b.WriteString(scalar(p.key) + ":")
		w.value(p.value, indent)
	}
}

// value writes the value of a member after its colon, or of an element after its dash, and the end of the line.
func (w *writer) value(v any, indent string) {
	switch v := v.(type) {
	case block:
		w.block(string(v), indent+"  ")
		return
	case []step:
		if len(v) == 0 { // a block needs one
			v = []step{pass()}
		}
		w.b.WriteString("\n")
		w.steps(v, indent+"  ")
		return
	}
	if line, ok := inline(v, 0); ok && (len(line)+len(indent) < maxLine || !composite(v)) {
		w.b.WriteString(" " + line + "\n")
		return
	}
	switch v := v.(type) {
	case mapping:
		w.b.WriteString("\n")
		w.mapping(v, indent+"  ", false)
	case []any:
		w.b.WriteString("\n")
		for _, element := range v {
			w.b.WriteString(indent + "  -")
			if m, ok := element.(mapping); ok && len(m) > 0 {
				if line, ok := inline(m, 0); !ok || len(line)+len(indent) > maxLine {
					w.b.WriteString(" ")
					w.mapping(m, indent+"    ", true)
					continue
				}
			}
			w.value(element, indent+"  ")
		}
	default:
		w.b.WriteString(" null\n")
	}
}

func composite(v any) bool {
	switch v := v.(type) {
	case mapping:
		return len(v) > 0
	case []any:
		return len(v) > 0
	}
	return false
}

// block writes a text of several lines as it is, or in quotes where YAML would change it.
func (w *writer) block(text, indent string) {
	text = strings.TrimRight(text, "\n")
	if text == "" || strings.HasPrefix(text, " ") || strings.HasPrefix(text, "\t") || strings.HasPrefix(text, "\n") || printable(text) != text {
		w.b.WriteString(" " + quoted(text) + "\n")
		return
	}
	w.b.WriteString(" |-\n")
	for line := range strings.SplitSeq(text, "\n") {
		if strings.TrimSpace(line) == "" {
			w.b.WriteString("\n")
			continue
		}
		w.b.WriteString(indent + line + "\n")
	}
}

// printable removes what a YAML file may not have as it is.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff || r == utf8.RuneError || r > 0xffff && r&0xfffe == 0xfffe || r == 0xfffe || r == 0xffff {
			return -1
		}
		return r
	}, text)
}

// inline is a value on one line; false: it does not fit there.
func inline(v any, level int) (string, bool) {
	var parts []string
	switch v := v.(type) {
	case mapping:
		for _, p := range v {
			text, ok := inline(p.value, level+1)
			if !ok {
				return "", false
			}
			parts = append(parts, scalarIn(p.key)+": "+text)
		}
		return "{" + strings.Join(parts, ", ") + "}", true
	case []any:
		for _, element := range v {
			text, ok := inline(element, level+1)
			if !ok {
				return "", false
			}
			parts = append(parts, text)
		}
		return "[" + strings.Join(parts, ", ") + "]", true
	case block, []step:
		return "", false
	case string:
		if level > 0 {
			return scalarIn(v), true
		}
		return scalar(v), true
	case json.Number:
		return v.String(), true
	case bool:
		if v {
			return "true", true
		}
		return "false", true
	case nil:
		return "null", true
	}
	return "", false
}

// plain matches texts that need no quotes; what follows a space may not be a #, what follows a colon no space.
var (
	plain     = regexp.MustCompile(`^[A-Za-z_.$/(][^\x00-\x1f\x7f-\x{a0}\x{2028}\x{2029}\x{feff}]*$`)
	plainFlow = regexp.MustCompile(`^[A-Za-z_./][A-Za-z0-9_./ +()=-]*$`)
	reserved  = regexp.MustCompile(`(?i)^(true|false|null|yes|no|on|off|y|n|~|\.inf|\.nan|\.|<<|[0-9._+-]+(e[0-9+-]+)?)$`)
)

// scalar is a text as a value of a member.
func scalar(text string) string {
	if plain.MatchString(text) && !reserved.MatchString(text) && !strings.HasSuffix(text, " ") && !strings.HasSuffix(text, ":") &&
		!strings.Contains(text, ": ") && !strings.Contains(text, " #") && !strings.Contains(text, ":\t") && utf8.ValidString(text) && !strings.HasPrefix(text, "---") && !strings.HasPrefix(text, "...") {
		return text
	}
	return quoted(text)
}

// scalarIn is a text within { } or [ ].
func scalarIn(text string) string {
	if plainFlow.MatchString(text) && !reserved.MatchString(text) && !strings.HasSuffix(text, " ") {
		return text
	}
	return quoted(text)
}

func quoted(text string) string {
	if strings.ContainsAny(text, `"\`) && !strings.Contains(text, "\n") && printable(text) == text {
		return "'" + strings.ReplaceAll(text, "'", "''") + "'"
	}
	encoded, err := json.Marshal(text)
	if err != nil {
		return `""`
	}
	return strings.ReplaceAll(plainJSON(encoded), "\x7f", `\u007f`)
}

// ordered is a value of JSON as the writer takes it, with members by name.
func ordered(v any) any {
	switch v := v.(type) {
	case map[string]any:
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		sort.Strings(names)
		m := make(mapping, len(names))
		for i, name := range names {
			m[i] = pair{name, ordered(v[name])}
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, element := range v {
			list[i] = ordered(element)
		}
		return list
	}
	return v
}
