package steps

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
)

// parseCSV reads RFC 4180 text into a list of objects: the first row names
// the members, every value is text.
func parseCSV(text []byte) (any, error) {
	r := csv.NewReader(bytes.NewReader(text))
	names, err := r.Read()
	if err == io.EOF {
		return []any{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the CSV cannot be read: %w", err)
	}
	seen := map[string]bool{}
	for _, name := range names {
		if seen[name] {
			return nil, fmt.Errorf("the CSV has two columns named %q; use parse: text", name)
		}
		seen[name] = true
	}
	rows := []any{}
	for {
		row, err := r.Read()
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			return nil, fmt.Errorf("the CSV cannot be read: %w", err)
		}
		object := make(map[string]any, len(names))
		for i, name := range names {
			object[name] = row[i]
		}
		rows = append(rows, object)
	}
}
