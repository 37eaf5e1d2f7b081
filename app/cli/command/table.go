package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/penstock/penstock/flows"
)

// Column is a column of a table: its title, and the member that it shows; "error.code" is a nested member.
type Column [2]string

// Object is decoded JSON with exact numbers.
type Object = map[string]any

// DecodeObject decodes the response of a server.
func DecodeObject(text []byte) (Object, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var o Object
	if err := dec.Decode(&o); err != nil {
		return nil, fmt.Errorf("decode answer: %w", err)
	}
	return o, nil
}

// PrintTable prints items for people.
func PrintTable(w io.Writer, columns []Column, items []any) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	titles := make([]string, len(columns))
	for i, c := range columns {
		titles[i] = strings.ToUpper(c[0])
	}
	fmt.Fprintln(t, strings.Join(titles, "\t"))
	for _, item := range items {
		o, _ := item.(Object)
		cells := make([]string, len(columns))
		for i, c := range columns {
			cells[i] = Cell(ValueAt(o, c[1]))
		}
		fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	return t.Flush()
}

// PrintObject prints one object for people, one member per line.
func PrintObject(w io.Writer, o Object) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	names := make([]string, 0, len(o))
	for name := range o {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(t, "%s\t%s\n", name, Cell(o[name]))
	}
	return t.Flush()
}

// ValueAt returns a member of an object, nil when there is none; "error.code" is a nested member.
func ValueAt(o Object, path string) any {
	name, rest, deeper := strings.Cut(path, ".")
	if !deeper {
		return o[name]
	}
	inner, _ := o[name].(Object)
	return ValueAt(inner, rest)
}

// Cell formats a value on one line, without control characters, which could change the terminal.
func Cell(v any) string {
	switch v := v.(type) {
	case nil:
		return "-"
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case string:
		return Printable(formatTime(v))
	case []any:
		if len(v) == 0 {
			return "none" // unlike a value that is not set
		}
		parts := make([]string, len(v))
		for i, one := range v {
			parts[i] = Cell(one)
		}
		return strings.Join(parts, ", ")
	case Object:
		return Printable(string(flows.EncodeJSON(v)))
	}
	return fmt.Sprint(v)
}

// formatTime shortens a time to seconds, in UTC. It returns other texts unchanged.
func formatTime(s string) string {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || len(s) < len("2006-01-02T15:04:05Z") {
		return s
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

// Printable returns a text on one line, without control characters; "-" for an empty one.
func Printable(s string) string {
	if s == "" {
		return "-"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
}
