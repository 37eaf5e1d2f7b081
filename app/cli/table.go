package cli

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

// column is a column of a table: its title and the member that it shows; "error.code" is a nested member.
type column struct{ title, member string }

// object is decoded JSON with exact numbers.
type object = map[string]any

func decodeObject(text []byte) (object, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var o object
	if err := dec.Decode(&o); err != nil {
		return nil, fmt.Errorf("decode answer: %w", err)
	}
	return o, nil
}

// printTable prints items for people.
func printTable(w io.Writer, columns []column, items []any) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	titles := make([]string, len(columns))
	for i, c := range columns {
		titles[i] = strings.ToUpper(c.title)
	}
	fmt.Fprintln(t, strings.Join(titles, "\t"))
	for _, item := range items {
		o, _ := item.(object)
		cells := make([]string, len(columns))
		for i, c := range columns {
			cells[i] = cell(valueAt(o, c.member))
		}
		fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	return t.Flush()
}

// printObject prints one object for people, one member per line.
func printObject(w io.Writer, o object) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	names := make([]string, 0, len(o))
	for name := range o {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(t, "%s\t%s\n", name, cell(o[name]))
	}
	return t.Flush()
}

func valueAt(o object, path string) any {
	name, rest, deeper := strings.Cut(path, ".")
	if !deeper {
		return o[name]
	}
	inner, _ := o[name].(object)
	return valueAt(inner, rest)
}

// cell formats a value on one line, without control characters, which could change the terminal.
func cell(v any) string {
	switch v := v.(type) {
	case nil:
		return "-"
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case string:
		return printable(formatTime(v))
	case []any:
		if len(v) == 0 {
			return "none" // unlike a value that is not set
		}
		parts := make([]string, len(v))
		for i, one := range v {
			parts[i] = cell(one)
		}
		return strings.Join(parts, ", ")
	case object:
		return printable(string(flows.EncodeJSON(v)))
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

func printable(s string) string {
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
