// Package xlsx reads and writes the cells of spreadsheets (ECMA-376, Office Open XML), bounded in memory.
package xlsx

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// Bounds of a sheet, which are those of the format, and of what is read.
const (
	MaxRows    = 1 << 20
	MaxColumns = 1 << 14
	maxText    = 32767     // characters of a cell
	maxSheet   = 31        // characters of the name of a sheet
	maxParts   = 10_000    // files in the archive
	maxContent = 512 << 20 // bytes of the parts that are read, decompressed
	maxToken   = 4 << 20   // bytes of a text in XML
	maxNesting = 64        // elements of XML in each other
	maxName    = 256       // bytes of the name of an element
)

// ErrForm says that a content is no spreadsheet. Errors of Read are one of these, or of the charger.
var ErrForm = errors.New("it is no spreadsheet of Excel (.xlsx)")

// formError is a flaw in a spreadsheet.
func formError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrForm, fmt.Sprintf(format, args...))
}

// ColumnName returns the letters of a column, which is counted from 0: A, Z, AA.
func ColumnName(column int) string {
	name := ""
	for column++; column > 0; column = (column - 1) / 26 {
		name = string(rune('A'+(column-1)%26)) + name
	}
	return name
}

// parseCell splits a reference such as AB12 into a column and a row, both counted from 0; -1: it is not said. false: it is none.
func parseCell(text string) (column, row int, ok bool) {
	letters := 0
	for letters < len(text) && text[letters] >= 'A' && text[letters] <= 'Z' {
		column = column*26 + int(text[letters]-'A') + 1
		if letters++; letters > 3 {
			return 0, 0, false
		}
	}
	for _, c := range []byte(text[letters:]) {
		if row = row*10 + int(c-'0'); c < '0' || c > '9' || row > MaxRows {
			return 0, 0, false
		}
	}
	return column - 1, row - 1, column <= MaxColumns && text != ""
}

// Range is a part of a sheet, counted from 0, with both ends.
type Range struct{ FirstColumn, FirstRow, LastColumn, LastRow int }

// ParseRange reads A3:F20, A3:F (to the last row), A:F, 3:20, or A3 (to the end). An empty text is the whole sheet.
func ParseRange(text string) (Range, error) {
	r := Range{LastColumn: MaxColumns - 1, LastRow: MaxRows - 1}
	if text == "" {
		return r, nil
	}
	from, to, both := strings.Cut(strings.ToUpper(text), ":")
	column, row, ok := parseCell(from)
	r.FirstColumn, r.FirstRow = max(column, 0), max(row, 0)
	if both && ok {
		if column, row, ok = parseCell(to); column >= 0 {
			r.LastColumn = column
		}
		if row >= 0 {
			r.LastRow = row
		}
	}
	if !ok || r.FirstColumn > r.LastColumn || r.FirstRow > r.LastRow {
		return r, fmt.Errorf("%q is no range such as A3:F20, A3:F or A:F", text)
	}
	return r, nil
}

// The first day of the two date systems. Excel takes 1900 for a leap year: serial numbers before March 1900 are one less.
var (
	epoch1900 = time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC) // read only, as all below
	epoch1904 = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
)

const lastSerial = 2958466 // after 9999-12-31

// Texts of times, without a zone: a spreadsheet has none.
const (
	dateForm = "2006-01-02"
	timeForm = "2006-01-02T15:04:05"
)

// escape is a character in the texts of cells that XML cannot hold, such as _x000D_ for a carriage return (ST_Xstring, ECMA-376 part 1,
// 22.9.2.19).
var escape = regexp.MustCompile(`_x([0-9A-Fa-f]{4})_`)

// unescaped returns the text of a cell. Half of a surrogate pair stays as it is written.
func unescaped(text string) string {
	if !strings.Contains(text, "_x") {
		return text
	}
	return escape.ReplaceAllStringFunc(text, func(one string) string {
		code, _ := strconv.ParseUint(one[2:6], 16, 16) // four digits
		if utf16.IsSurrogate(rune(code)) {
			return one
		}
		return string(rune(code))
	})
}

// inCell returns a text as the text of a cell is written.
func inCell(text string) string {
	text = escape.ReplaceAllString(text, "_x005F_x${1}_")
	if !strings.ContainsFunc(text, notInXML) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if notInXML(r) {
			fmt.Fprintf(&b, "_x%04X_", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// notInXML reports whether XML cannot hold a character, or changes it.
func notInXML(r rune) bool {
	return r < ' ' && r != '\t' && r != '\n' || r == 0xfffe || r == 0xffff
}
