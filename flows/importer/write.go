package importer

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/penstock/penstock/internal/jsonvalue"
)

// mapping is a mapping of YAML in the order in which it is written.
type mapping []entry

type entry struct {
	key   string
	value any
}

// add adds a member, unless its value is empty.
func (m *mapping) add(key string, value any) {
	switch v := value.(type) {
	case nil:
		return
	case string:
		if v == "" {
			return
		}
	case mapping:
		if len(v) == 0 {
			return
		}
	case map[string]any:
		if len(v) == 0 {
			return
		}
	case []any:
		if len(v) == 0 {
			return
		}
	}
	*m = append(*m, entry{key, value})
}

func (m mapping) get(key string) any {
	for _, e := range m {
		if e.key == key {
			return e.value
		}
	}
	return nil
}

// maxLine is the width up to which a mapping or list is written on one line.
const maxLine = 140

// writer writes values as YAML. Texts that YAML might read as something else are written as JSON writes them.
type writer struct{ bytes.Buffer }

// encode returns the YAML of a mapping.
func encode(m mapping) []byte {
	var w writer
	w.block(m, 0)
	return w.Bytes()
}

func (w *writer) block(m mapping, indent int) {
	for _, e := range m {
		w.indent(indent)
		w.WriteString(text(e.key, false))
		w.WriteByte(':')
		w.member(e.value, indent, len(e.key)+2)
	}
}

// member writes a value behind its key, and the end of the line.
func (w *writer) member(v any, indent, before int) {
	v = ordered(v)
	if s, ok := v.(string); ok {
		if strings.Contains(s, "\n") && literal(s) {
			w.WriteString(" |-\n")
			for line := range strings.SplitSeq(s, "\n") {
				if line != "" {
					w.indent(indent + 1)
					w.WriteString(line)
				}
				w.WriteByte('\n')
			}
			return
		}
		w.WriteString(" " + text(s, false) + "\n")
		return
	}
	if line, ok := flow(nil, v, maxLine-before-2*indent); ok {
		w.WriteByte(' ')
		w.Write(line)
		w.WriteByte('\n')
		return
	}
	w.WriteByte('\n')
	switch v := v.(type) {
	case mapping:
		w.block(v, indent+1)
	case []any:
		for _, element := range v {
			w.indent(indent + 1)
			w.WriteByte('-')
			if m, ok := ordered(element).(mapping); ok {
				if line, fits := flow(nil, m, maxLine-2*indent); !fits {
					var nested writer
					nested.block(m, indent+2)
					w.WriteByte(' ')
					w.Write(bytes.TrimLeft(nested.Bytes(), " "))
					continue
				} else {
					w.WriteByte(' ')
					w.Write(line)
					w.WriteByte('\n')
					continue
				}
			}
			w.member(element, indent+1, 2)
		}
	}
}

func (w *writer) indent(n int) {
	for range n {
		w.WriteString("  ")
	}
}

// flow appends a value in flow style, if it has no more than width bytes.
func flow(b []byte, v any, width int) ([]byte, bool) {
	switch v := ordered(v).(type) {
	case mapping:
		b = append(b, '{')
		for i, e := range v {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = append(append(b, text(e.key, true)...), ": "...)
			var ok bool
			if b, ok = flow(b, e.value, width); !ok {
				return nil, false
			}
		}
		b = append(b, '}')
	case []any:
		b = append(b, '[')
		for i, element := range v {
			if i > 0 {
				b = append(b, ", "...)
			}
			var ok bool
			if b, ok = flow(b, element, width); !ok {
				return nil, false
			}
		}
		b = append(b, ']')
	case string:
		b = append(b, text(v, true)...)
	default:
		b = append(b, jsonvalue.Encode(v)...)
	}
	return b, len(b) <= width
}

// schemaOrder is the order of the keywords of a schema; all other members follow by name.
var schemaOrder = []string{"type", "format", "enum", "const", "required", "default", "description", "properties", "items", "additionalProperties"}

// ordered turns an object into a mapping with a stable order.
func ordered(v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int {
		if n := rank(a) - rank(b); n != 0 {
			return n
		}
		return strings.Compare(a, b)
	})
	out := make(mapping, 0, len(m))
	for _, key := range keys {
		v := m[key]
		if properties, ok := v.(map[string]any); ok && key == "properties" {
			v = sorted(properties)
		}
		out = append(out, entry{key, v})
	}
	return out
}

// sorted turns an object into a mapping by name.
func sorted(m map[string]any) mapping {
	out := make(mapping, 0, len(m))
	for key, v := range m {
		out = append(out, entry{key, v})
	}
	slices.SortFunc(out, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	return out
}

func rank(key string) int {
	if i := slices.Index(schemaOrder, key); i >= 0 {
		return i
	}
	return len(schemaOrder)
}

var (
	plainText = regexp.MustCompile(`^[A-Za-z/_$][^\x00-\x1f\x7f\x{80}-\x{9f}\x{2028}\x{2029}\x{feff}]*$`)
	plainFlow = regexp.MustCompile(`^[A-Za-z/_][A-Za-z0-9 _./()'$+=-]*$`)
	wordValue = regexp.MustCompile(`(?i)^(true|false|yes|no|on|off|null|y|n)$`)
)

// text writes a text plainly, if every YAML reader gives it back, else in quotes. inFlow: it stands within { } or [ ].
func text(s string, inFlow bool) string {
	plain := plainText
	if inFlow {
		plain = plainFlow
	}
	if plain.MatchString(s) && !wordValue.MatchString(s) && !strings.Contains(s, ": ") && !strings.Contains(s, " #") &&
		!strings.HasSuffix(s, ":") && !strings.HasSuffix(s, " ") && len(s) < 4000 {
		return s
	}
	if strings.ContainsAny(s, "\"\\") && !strings.ContainsFunc(s, func(c rune) bool { return c == '\'' || c < ' ' || c >= 0x7f }) {
		return "'" + s + "'"
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a text always encodes
	return strings.TrimSuffix(b.String(), "\n")
}

// literal reports whether a text of several lines can stand in a block of YAML.
func literal(s string) bool {
	for _, c := range s {
		if c < ' ' && c != '\n' || c == 0x7f || c >= 0x80 && c < 0xa0 || c == 0x2028 || c == 0x2029 || c == 0xfeff || c == 0xfffd {
			return false
		}
	}
	return !strings.HasPrefix(s, " ") && !strings.HasPrefix(s, "\n") && !strings.HasSuffix(s, "\n")
}
