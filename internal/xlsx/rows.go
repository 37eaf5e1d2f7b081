package xlsx

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/penstock/penstock/internal/budget"
)

// rowReader reads the rows of a sheet.
type rowReader struct {
	book    *book
	options Options
	names   *columnNames // nil: not read yet
	row     int          // of the last row element, from 0
	column  int          // of the last cell
	cells   []any        // of the row, from the first column of the range
	rows    []any
}

// element takes an element of the sheet.
func (r *rowReader) element(d *xml.Decoder, e xml.StartElement) error {
	switch e.Name.Local {
	case "sheetData":
		r.row = -1
	case "row":
		if err := r.finish(); err != nil {
			return err
		}
		r.row++
		if n, err := strconv.Atoi(attribute(e, "r")); err == nil {
			r.row = n - 1
		}
		if r.column = -1; r.row < 0 || r.row >= MaxRows {
			return formError("it has a row %d", r.row+1)
		}
		if r.row > r.options.Range.LastRow {
			return io.EOF
		}
	case "c":
		return r.cell(d, e)
	}
	return nil
}

func (r *rowReader) cell(d *xml.Decoder, e xml.StartElement) error {
	r.column++
	if at := attribute(e, "r"); at != "" {
		column, _, ok := parseCell(at)
		if !ok || column < 0 {
			return formError("it has a cell %.20q", at)
		}
		r.column = column
	}
	if r.column >= MaxColumns {
		return formError("it has a column %d", r.column+1)
	}
	v, err := r.value(d, attribute(e, "t"), attribute(e, "s"))
	area := r.options.Range
	if err != nil || v == nil || r.row < area.FirstRow || r.column < area.FirstColumn || r.column > area.LastColumn {
		return err
	}
	at := r.column - area.FirstColumn
	if missing := at + 1 - len(r.cells); missing > 0 {
		if err := r.book.charger.Charge(int64(missing) * budget.Cell); err != nil {
			return err
		}
		r.cells = append(r.cells, make([]any, missing)...)
	}
	r.cells[at] = v
	return nil
}

// value reads the value of a cell up to its end; nil: it is empty.
func (r *rowReader) value(d *xml.Decoder, kind, style string) (any, error) {
	var raw string
	for {
		token, err := r.book.next(d)
		if errors.Is(err, ErrForm) {
			return nil, err
		}
		if err != nil {
			return nil, formError("a cell does not end")
		}
		switch token := token.(type) {
		case xml.EndElement:
			if token.Name.Local == "c" {
				return r.typed(raw, kind, style)
			}
		case xml.StartElement:
			switch token.Name.Local {
			case "v":
				raw, err = r.book.text(d, true)
			case "is":
				raw, err = r.book.text(d, false)
			}
			if err != nil {
				return nil, err
			}
		}
	}
}

func (r *rowReader) typed(raw, kind, style string) (any, error) {
	if raw == "" {
		return nil, nil
	}
	switch kind {
	case "s":
		at, err := strconv.Atoi(raw)
		if err != nil || at < 0 || at >= len(r.book.texts) {
			return nil, formError("a cell has the text %.20q, and there are %d", raw, len(r.book.texts))
		}
		if r.book.texts[at] == "" {
			return nil, nil
		}
		return r.book.texts[at], nil
	case "b":
		return raw == "1" || raw == "true", nil
	case "str", "inlineStr":
		return unescaped(raw), nil
	case "e", "d": // an error, a date in ISO 8601
		return raw, nil
	}
	serial, err := strconv.ParseFloat(raw, 64)
	if err != nil || math.IsInf(serial, 0) || math.IsNaN(serial) {
		return nil, formError("a cell has the number %.40q", raw)
	}
	if at, _ := strconv.Atoi(style); at > 0 && at < len(r.book.kinds) && r.book.kinds[at] != plain {
		if text, ok := timeText(serial, r.book.kinds[at], r.book.epoch); ok {
			return text, nil
		}
	}
	if json.Valid([]byte(raw)) {
		return json.Number(raw), nil
	}
	return json.Number(strconv.FormatFloat(serial, 'g', -1, 64)), nil
}

// finish takes the row that has been read.
func (r *rowReader) finish() error {
	cells := r.cells
	r.cells = nil
	if len(cells) == 0 {
		return nil
	}
	charger := r.book.charger
	switch {
	case r.options.NoHeader:
		r.rows = append(r.rows, cells)
		return charger.Charge(2 * budget.Cell)
	case r.names == nil:
		r.names = &columnNames{first: r.options.Range.FirstColumn, last: map[string]int{}}
		for _, v := range cells {
			r.names.add(v)
		}
		return charger.Charge(int64(len(cells)) * (budget.Member + budget.Text))
	}
	for len(r.names.all) < len(cells) {
		r.names.add(nil)
	}
	width := len(r.names.all)
	if err := charger.Charge(budget.Object + budget.Members(width) + 2*budget.Cell); err != nil {
		return err
	}
	object := make(map[string]any, width)
	for i, name := range r.names.all {
		if object[name] = nil; i < len(cells) {
			object[name] = cells[i]
		}
	}
	r.rows = append(r.rows, object)
	return nil
}

// columnNames are the names of the columns of a range.
type columnNames struct {
	first int // column
	all   []string
	last  map[string]int // number of the last column of a name; the first has 1
}

// add names the next column: by the value in its header, else by its letters. The second column of a name has a number.
func (c *columnNames) add(v any) {
	name := ""
	switch v := v.(type) {
	case string:
		name = strings.TrimSpace(v)
	case json.Number:
		name = v.String()
	case bool:
		name = strconv.FormatBool(v)
	}
	if name == "" {
		name = ColumnName(c.first + len(c.all))
	}
	unique := name
	for n := c.last[name] + 1; c.last[unique] > 0; n++ {
		unique, c.last[name] = name+"_"+strconv.Itoa(n), n
	}
	c.last[unique] = max(c.last[unique], 1)
	c.all = append(c.all, unique)
}
