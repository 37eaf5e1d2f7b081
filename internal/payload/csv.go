package payload

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/internal/bulk"
)

// ParseCSV decodes CSV (RFC 4180) to a list of objects: the first row names the members, all values are text. Rows end
// with CR LF, LF or CR; empty lines are no rows; what is within quotes is unchanged. It charges for the objects before it
// creates them.
func ParseCSV(charger *budget.Charger, text []byte) (any, error) { return parseCSV(charger, text, 0) }

// errRepeats says that the names of columns, which each row has as JSON, are too long for the number of rows.
var errRepeats = errors.New("the names of its columns are too long for so many rows")

// parseCSV is ParseCSV with a limit of the names and cells of all rows together, in bytes; 0: none.
func parseCSV(charger *budget.Charger, text []byte, limit int64) (any, error) {
	const cell = 48 // bytes that the reader needs for each cell of the longest row
	if err := charger.Charge(cell * int64(longestRow(text))); err != nil {
		return nil, err
	}
	r := csvReader{text: text, line: 1}
	names, err := r.row()
	if err != nil {
		return nil, fmt.Errorf("the CSV cannot be read: %w", err)
	}
	seen := map[string]bool{}
	for _, name := range names {
		if seen[name] {
			return nil, fmt.Errorf("the CSV has two columns named %.60q", name)
		}
		seen[name] = true
	}
	rows, size := []any{}, int64(0)
	for {
		row, err := r.row()
		if err == nil && row != nil && len(row) != len(names) {
			err = fmt.Errorf("the row that begins on line %d has %d cells, the first row has %d", r.began, len(row), len(names))
		}
		if err != nil {
			return nil, fmt.Errorf("the CSV cannot be read: %w", err)
		}
		if row == nil {
			return rows, nil
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

// csvReader reads rows. encoding/csv would change the line ends within quotes.
type csvReader struct {
	text  []byte
	at    int
	line  int // of the next character, from 1
	began int // line on which the last row began

	cells []byte // of the row, one after the other
	ends  []int  // of each cell in cells
}

// row returns the next row, which has at least one cell; nil: there is none.
func (r *csvReader) row() ([]string, error) {
	for r.at < len(r.text) && r.lineEnd() { // an empty line
	}
	if r.at == len(r.text) {
		return nil, nil
	}
	r.began, r.cells, r.ends = r.line, r.cells[:0], r.ends[:0]
	for {
		if err := r.cell(); err != nil {
			return nil, err
		}
		r.ends = append(r.ends, len(r.cells))
		if r.at == len(r.text) || r.lineEnd() {
			break
		}
		r.at++ // a comma
	}
	text, row, start := string(r.cells), make([]string, len(r.ends)), 0
	for i, end := range r.ends {
		row[i], start = text[start:end], end
	}
	return row, nil
}

// lineEnd skips a line end, if there is one here.
func (r *csvReader) lineEnd() bool {
	n := 0
	switch rest := r.text[r.at:]; {
	case bytes.HasPrefix(rest, []byte("\r\n")):
		n = 2
	case rest[0] == '\n', rest[0] == '\r':
		n = 1
	}
	if n > 0 {
		r.line++
	}
	r.at += n
	return n > 0
}

// cell reads a cell up to the comma or the line end after it. Quotes have a meaning at its beginning only.
func (r *csvReader) cell() error {
	if r.at < len(r.text) && r.text[r.at] == '"' {
		return r.quoted()
	}
	end := bytes.IndexAny(r.text[r.at:], ",\r\n")
	if end < 0 {
		end = len(r.text) - r.at
	}
	r.cells = append(r.cells, r.text[r.at:r.at+end]...)
	r.at += end
	return nil
}

// quoted reads a cell in quotes; a doubled quote stands for one.
func (r *csvReader) quoted() error {
	opened := r.line
	for r.at++; ; {
		end := bytes.IndexByte(r.text[r.at:], '"')
		if end < 0 {
			return fmt.Errorf("the quote on line %d is not closed", opened)
		}
		part := r.text[r.at : r.at+end]
		r.cells = append(r.cells, part...)
		r.line += bytes.Count(part, []byte("\n"))
		r.at += end + 1
		if r.at == len(r.text) || r.text[r.at] != '"' {
			break
		}
		r.cells = append(r.cells, '"')
		r.at++
	}
	if r.at < len(r.text) && bytes.IndexByte([]byte(",\r\n"), r.text[r.at]) < 0 {
		return fmt.Errorf("line %d has text after a cell in quotes", r.line)
	}
	return nil
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
	longest, cells, quoted, before := 0, 1, false, byte(',')
	for _, c := range text {
		switch {
		case c == '"' && (quoted || before != 0):
			quoted, before = !quoted, '"' // a doubled quote ends and begins
		case quoted:
		case c == ',':
			cells, before = cells+1, c
		case c == '\n', c == '\r':
			longest, cells, before = max(longest, cells), 1, c
		default:
			before = 0 // in a cell without quotes, or after them
		}
	}
	return max(longest, cells)
}

// WriteCSVRow writes a row that ParseCSV reads as it is. Cells with a comma, a quote, a line end or a leading blank are in
// quotes, and so is an empty one that is alone, because an empty line is no row.
func WriteCSVRow(b *bytes.Buffer, row []string) {
	for i, cell := range row {
		if i > 0 {
			b.WriteByte(',')
		}
		if len(row) > 1 && cell == "" || cell != "" && !strings.ContainsAny(cell, ",\"\r\n") && cell[0] != ' ' && cell[0] != '\t' && cell != `\.` {
			b.WriteString(cell)
			continue
		}
		b.WriteString(`"` + strings.ReplaceAll(cell, `"`, `""`) + `"`)
	}
	b.WriteString("\r\n")
}
