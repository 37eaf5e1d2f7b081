package payload

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/internal/bulk"
)

// CSVDialect is a dialect of CSV. The zero value is that of RFC 4180.
type CSVDialect struct {
	Delimiter byte     // between cells; 0: a comma
	Quote     byte     // around cells; 0: "
	NoQuote   bool     // no character is a quote
	NoHeader  bool     // the first row is one of the rows, and does not name the columns
	Columns   []string // with NoHeader: the names of the columns; nil: a row is a list
	// Lenient reads what follows a closing quote as a part of the cell, a quote that is not closed as a character, and
	// skips blanks before a quote. Otherwise the first two are errors, and the blanks a part of the cell.
	Lenient bool
	// Fill reads rows with too few cells, whose others are null, and with too many, which get numbers for names.
	Fill bool
	// Number numbers the columns of one name: "a", "a_2". Otherwise they are an error.
	Number bool
}

func (d CSVDialect) delimiter() byte { return cmp.Or(d.Delimiter, ',') }

// quote returns 0 where no character is one.
func (d CSVDialect) quote() byte {
	if d.NoQuote {
		return 0
	}
	return cmp.Or(d.Quote, '"')
}

// ParseCSV is Parse with the zero dialect.
func ParseCSV(charger *budget.Charger, text []byte) (any, error) {
	return CSVDialect{}.parse(charger, text, 0)
}

// Parse decodes CSV to a list of objects: the first row names the members, all values are text. Rows end with CR LF, LF or
// CR; empty lines are no rows; what is within quotes is unchanged. It charges for the objects before it creates them.
func (d CSVDialect) Parse(charger *budget.Charger, text []byte) (any, error) {
	return d.parse(charger, text, 0)
}

// errRepeats says that the names of columns, which each row has as JSON, are too long for the number of rows.
var errRepeats = errors.New("the names of its columns are too long for so many rows")

// parse is Parse with a limit of the names and cells of all rows together, in bytes; 0: none.
func (d CSVDialect) parse(charger *budget.Charger, text []byte, limit int64) (any, error) {
	const cell = 48 // bytes that the reader needs for each cell of the longest row
	if err := charger.Charge(cell * int64(d.longestRow(text))); err != nil {
		return nil, err
	}
	r := csvReader{dialect: d, text: text, line: 1}
	names, err := d.names(&r)
	if err != nil {
		return nil, err
	}
	rows, size := []any{}, int64(0)
	for {
		row, err := r.row()
		if err == nil && row != nil && names != nil && len(row) != len(names) && !d.Fill {
			err = fmt.Errorf("the row that begins on line %d has %d cells, the first row has %d", r.began, len(row), len(names))
		}
		if err != nil {
			return nil, fmt.Errorf("the CSV cannot be read: %w", err)
		}
		if row == nil {
			return rows, nil
		}
		if err := charger.Charge(budget.Cell + budget.Object + budget.Members(max(len(names), len(row))) + RowSize(row)); err != nil {
			return nil, err
		}
		if size += RowSize(names) + RowSize(row); limit > 0 && size > limit {
			return nil, errRepeats
		}
		rows = append(bulk.Grow(rows), rowValue(names, row))
	}
}

// names returns the names of the columns; nil: rows are lists.
func (d CSVDialect) names(r *csvReader) ([]string, error) {
	if d.NoHeader {
		return d.Columns, nil
	}
	names, err := r.row()
	if err != nil {
		return nil, fmt.Errorf("the CSV cannot be read: %w", err)
	}
	if names == nil { // there are no rows either
		return []string{}, nil
	}
	seen := make(map[string]bool, len(names))
	for _, name := range names {
		if seen[name] && !d.Number {
			return nil, fmt.Errorf("the CSV has two columns named %.60q", name)
		}
		seen[name] = true
	}
	if len(seen) < len(names) {
		numberNames(names, seen)
	}
	return names, nil
}

// numberNames makes names unique: the second "a" becomes "a_2", or "a_3" if another column is named "a_2". seen has all
// names.
func numberNames(names []string, seen map[string]bool) {
	last := make(map[string]int, len(names))
	for i, name := range names {
		if last[name]++; last[name] == 1 {
			continue
		}
		for names[i] = ""; names[i] == "" || seen[names[i]]; last[name]++ {
			names[i] = fmt.Sprintf("%s_%d", name, last[name])
		}
		last[name]--
		seen[names[i]] = true
	}
}

// rowValue returns a row as an object, or as a list without names.
func rowValue(names, row []string) any {
	if names == nil {
		list := make([]any, len(row))
		for i, cell := range row {
			list[i] = cell
		}
		return list
	}
	object := make(map[string]any, max(len(names), len(row)))
	for i := len(names); i < len(row); i++ {
		object[strconv.Itoa(i+1)] = row[i]
	}
	for i, name := range names {
		if object[name] = nil; i < len(row) {
			object[name] = row[i]
		}
	}
	return object
}

// csvReader reads rows. encoding/csv would change the line ends within quotes.
type csvReader struct {
	dialect CSVDialect

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
		r.at++ // the delimiter
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

// cell reads a cell up to the delimiter or the line end after it. Quotes have a meaning at its beginning only.
func (r *csvReader) cell() error {
	quote, from := r.dialect.quote(), r.at
	for r.dialect.Lenient && from < len(r.text) && (r.text[from] == ' ' || r.text[from] == '\t') && !r.endsCell(r.text[from]) {
		from++
	}
	if quote != 0 && from < len(r.text) && r.text[from] == quote {
		if closed, err := r.quoted(from); closed || err != nil {
			return err
		}
	}
	r.plain()
	return nil
}

// plain reads up to the delimiter or the line end.
func (r *csvReader) plain() {
	end := r.at
	for end < len(r.text) && !r.endsCell(r.text[end]) {
		end++
	}
	r.cells = append(r.cells, r.text[r.at:end]...)
	r.at = end
}

func (r *csvReader) endsCell(c byte) bool {
	return c == r.dialect.delimiter() || c == '\r' || c == '\n'
}

// quoted reads a cell whose quote is at from; a doubled quote stands for one. It returns false, and has read nothing, for
// a quote that is not closed, if that is allowed.
func (r *csvReader) quoted(from int) (closed bool, err error) {
	opened, start, kept, quote := r.line, r.at, len(r.cells), r.dialect.quote()
	for r.at = from + 1; ; {
		end := bytes.IndexByte(r.text[r.at:], quote)
		if end < 0 && r.dialect.Lenient {
			r.at, r.cells, r.line = start, r.cells[:kept], opened
			return false, nil
		}
		if end < 0 {
			return false, fmt.Errorf("the quote on line %d is not closed", opened)
		}
		part := r.text[r.at : r.at+end]
		r.cells = append(r.cells, part...)
		r.line += bytes.Count(part, []byte("\n"))
		r.at += end + 1
		if r.at == len(r.text) || r.text[r.at] != quote {
			break
		}
		r.cells = append(r.cells, quote)
		r.at++
	}
	if r.at < len(r.text) && !r.endsCell(r.text[r.at]) {
		if !r.dialect.Lenient {
			return false, fmt.Errorf("line %d has text after a cell in quotes", r.line)
		}
		r.plain()
	}
	return true, nil
}

// RowSize is the length of all cells of a row in bytes.
func RowSize(row []string) int64 {
	size := 0
	for _, cell := range row {
		size += len(cell)
	}
	return int64(size)
}

// longestRow returns the maximum number of cells in a row, before decoding. Delimiters and line ends within quotes are not
// counted, except where quotes are read leniently.
func (d CSVDialect) longestRow(text []byte) int {
	delimiter, quote := d.delimiter(), d.quote()
	longest, cells, quoted, before := 0, 1, false, delimiter
	for _, c := range text {
		switch {
		case c == quote && quote != 0 && !d.Lenient && (quoted || before != 0):
			quoted, before = !quoted, quote // a doubled quote ends and begins
		case quoted:
		case c == delimiter:
			cells, before = cells+1, c
		case c == '\n', c == '\r':
			longest, cells, before = max(longest, cells), 1, c
		default:
			before = 0 // in a cell without quotes, or after them
		}
	}
	return max(longest, cells)
}

// errUnquoted says that a cell needs quotes in a dialect without them.
var errUnquoted = errors.New("has an empty row, or a cell with the delimiter or a line end, which needs quotes")

// WriteRow writes a row that Parse reads as it is. Cells with a delimiter, a quote, a line end or a leading blank are in
// quotes, and so is an empty one that is alone, because an empty line is no row.
func (d CSVDialect) WriteRow(b *bytes.Buffer, row []string) error {
	delimiter, quote := d.delimiter(), d.quote()
	special := string([]byte{delimiter, '\r', '\n'})
	if quote != 0 {
		special += string([]byte{quote})
	}
	for i, cell := range row {
		if i > 0 {
			b.WriteByte(delimiter)
		}
		bare := len(row) > 1 && cell == "" || cell != "" && !strings.ContainsAny(cell, special)
		switch {
		case bare && (quote == 0 || cell == "" || cell[0] != ' ' && cell[0] != '\t' && cell != `\.`):
			b.WriteString(cell)
		case quote == 0:
			return errUnquoted
		default:
			q := string([]byte{quote})
			b.WriteString(q + strings.ReplaceAll(cell, q, q+q) + q)
		}
	}
	b.WriteString("\r\n")
	return nil
}
