package payload

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"

	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/internal/bulk"
)

// ParseCSV decodes CSV (RFC 4180) to a list of objects: the first row names the members, all values are text. It
// charges for the objects before it creates them.
func ParseCSV(charger *budget.Charger, text []byte) (any, error) { return parseCSV(charger, text, 0) }

// errRepeats says that the names of columns, which each row has as JSON, are too long for the number of rows.
var errRepeats = errors.New("the names of its columns are too long for so many rows")

// parseCSV is ParseCSV with a limit of the names and cells of all rows together, in bytes; 0: none.
func parseCSV(charger *budget.Charger, text []byte, limit int64) (any, error) {
	const cell = 48 // bytes that the reader needs for each cell of the longest row
	if err := charger.Charge(cell * int64(longestRow(text))); err != nil {
		return nil, err
	}
	r := csv.NewReader(bytes.NewReader(text))
	r.ReuseRecord = true
	first, err := r.Read()
	if err == io.EOF {
		return []any{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the CSV cannot be read: %w", err)
	}
	names := append([]string{}, first...)
	seen := map[string]bool{}
	for _, name := range names {
		if seen[name] {
			return nil, fmt.Errorf("the CSV has two columns named %.60q", name)
		}
		seen[name] = true
	}
	rows, size := []any{}, int64(0)
	for {
		row, err := r.Read()
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			return nil, fmt.Errorf("the CSV cannot be read: %w", err)
		}
		if err := charger.Charge(budget.Cell + budget.Object + budget.Members(len(names)) + RowSize(row)); err != nil {
			return nil, err
		}
		if size += RowSize(names) + RowSize(row); limit > 0 && size > limit {
			return nil, errRepeats
		}
		object := make(map[string]any, len(names))
		for i, name := range names {
			object[name] = row[i]
		}
		rows = append(bulk.Grow(rows), object)
	}
}

// RowSize is the length of all cells of a row in bytes.
func RowSize(row []string) int64 {
	size := 0
	for _, cell := range row {
		size += len(cell)
	}
	return int64(size)
}

// longestRow returns the maximum number of cells in a row, before decoding. Commas and line ends within quotes are
// not counted.
func longestRow(text []byte) int {
	longest, cells, quoted := 0, 1, false
	for _, c := range text {
		switch {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == ',':
			cells++
		case c == '\n':
			longest, cells = max(longest, cells), 1
		}
	}
	return max(longest, cells)
}
