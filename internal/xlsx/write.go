package xlsx

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/penstock/penstock/internal/budget"
)

// Sheet is a sheet to write.
type Sheet struct {
	Name string
	Rows [][]any // nil, bool, json.Number or string
}

// Styles of cells, by their places in the part styles.xml.
const (
	styleDate     = 1
	styleDateTime = 2
)

// The parts that do not depend on the sheets.
const (
	packageRels = xml.Header + `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">` +
		`<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>`
	stylesPart = xml.Header + `<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">` +
		`<numFmts count="2"><numFmt numFmtId="164" formatCode="yyyy\-mm\-dd"/><numFmt numFmtId="165" formatCode="yyyy\-mm\-dd\ hh:mm:ss"/></numFmts>` +
		`<fonts count="1"><font><sz val="11"/><name val="Calibri"/></font></fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>` +
		`<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>` +
		`<cellXfs count="3"><xf xfId="0"/><xf numFmtId="164" xfId="0" applyNumberFormat="1"/><xf numFmtId="165" xfId="0" applyNumberFormat="1"/></cellXfs></styleSheet>`
	contentType = `application/vnd.openxmlformats-officedocument.spreadsheetml.`
)

// ContentType is the media type of a spreadsheet.
const ContentType = contentType + "sheet"

// Write returns a spreadsheet. Texts are texts, never formulas; those that are a date or a time, 2026-11-21 or 2026-11-21T10:00:00, are
// dates. Numbers of more than 15 digits, which Excel would round, are texts.
func Write(charger *budget.Charger, sheets []Sheet) ([]byte, error) {
	if err := checkNames(sheets); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	types, book, rels := strings.Builder{}, strings.Builder{}, strings.Builder{}
	for i, s := range sheets {
		fmt.Fprintf(&types, `<Override PartName="/xl/worksheets/sheet%d.xml" ContentType="%sworksheet+xml"/>`, i+1, contentType)
		fmt.Fprintf(&book, `<sheet name="%s" sheetId="%d" r:id="rId%d"/>`, escaped(s.Name), i+1, i+1)
		fmt.Fprintf(&rels, `<Relationship Id="rId%d" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet%d.xml"/>`, i+1, i+1)
	}
	fmt.Fprintf(&rels, `<Relationship Id="rId%d" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/>`, len(sheets)+1)
	for _, part := range [][2]string{
		{"[Content_Types].xml", xml.Header + `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
			`<Override PartName="/xl/workbook.xml" ContentType="` + contentType + `sheet.main+xml"/><Override PartName="/xl/styles.xml" ContentType="` + contentType + `styles+xml"/>` + types.String() + `</Types>`},
		{"_rels/.rels", packageRels},
		{"xl/workbook.xml", xml.Header + `<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>` + book.String() + `</sheets></workbook>`},
		{"xl/_rels/workbook.xml.rels", xml.Header + `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">` + rels.String() + `</Relationships>`},
		{"xl/styles.xml", stylesPart},
	} {
		if err := add(archive, part[0], func(w io.Writer) error {
			_, err := io.WriteString(w, part[1])
			return err
		}); err != nil {
			return nil, err
		}
	}
	charged := 0
	for i, s := range sheets {
		err := add(archive, fmt.Sprintf("xl/worksheets/sheet%d.xml", i+1), func(w io.Writer) error {
			return s.write(w, func() error {
				n := out.Len() - charged
				charged += n
				return charger.Charge(2 * int64(n)) // the buffer grows by a half at least
			})
		})
		if err != nil {
			return nil, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// add writes a part. Its time is fixed, so that equal sheets have equal bytes.
func add(archive *zip.Writer, name string, write func(io.Writer) error) error {
	w, err := archive.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		return err
	}
	return write(w)
}

func checkNames(sheets []Sheet) error {
	seen := map[string]bool{}
	for _, s := range sheets {
		switch n := utf8.RuneCountInString(s.Name); {
		case n == 0 || n > maxSheet || strings.ContainsAny(s.Name, `[]:*?/\`) || strings.HasPrefix(s.Name, "'") || strings.HasSuffix(s.Name, "'"):
			return fmt.Errorf(`%.40q cannot be the name of a sheet: it has 1 to %d characters, without []:*?/\`, s.Name, maxSheet)
		case seen[strings.ToLower(s.Name)]:
			return fmt.Errorf("two sheets have the name %q", s.Name)
		}
		seen[strings.ToLower(s.Name)] = true
	}
	if len(sheets) == 0 {
		return fmt.Errorf("a spreadsheet has at least one sheet")
	}
	return nil
}

func escaped(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // writing into memory cannot fail
	return b.String()
}

// write writes the part of the sheet. charge is called before each row.
func (s *Sheet) write(w io.Writer, charge func() error) error {
	if len(s.Rows) > MaxRows {
		return fmt.Errorf("the sheet %q has %d rows, %d are allowed", s.Name, len(s.Rows), MaxRows)
	}
	if _, err := io.WriteString(w, xml.Header+`<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>`); err != nil {
		return err
	}
	var row bytes.Buffer
	for i, cells := range s.Rows {
		if err := charge(); err != nil {
			return err
		}
		if len(cells) > MaxColumns {
			return fmt.Errorf("the sheet %q has %d columns, %d are allowed", s.Name, len(cells), MaxColumns)
		}
		row.Reset()
		fmt.Fprintf(&row, `<row r="%d">`, i+1)
		for j, v := range cells {
			if err := writeCell(&row, ColumnName(j)+strconv.Itoa(i+1), v); err != nil {
				return fmt.Errorf("cell %s%d of the sheet %q: %w", ColumnName(j), i+1, s.Name, err)
			}
		}
		row.WriteString("</row>")
		if _, err := w.Write(row.Bytes()); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, `</sheetData></worksheet>`)
	return err
}

const maxDigits = 15 // of a number in Excel

func writeCell(b *bytes.Buffer, at string, v any) error {
	switch v := v.(type) {
	case nil:
		return nil
	case bool:
		n := 0
		if v {
			n = 1
		}
		fmt.Fprintf(b, `<c r="%s" t="b"><v>%d</v></c>`, at, n)
		return nil
	case json.Number:
		if digits(v.String()) <= maxDigits {
			fmt.Fprintf(b, `<c r="%s"><v>%s</v></c>`, at, v)
			return nil
		}
		return writeText(b, at, v.String())
	case string:
		if serial, style := serialOf(v); style > 0 {
			fmt.Fprintf(b, `<c r="%s" s="%d"><v>%s</v></c>`, at, style, strconv.FormatFloat(serial, 'f', -1, 64))
			return nil
		}
		return writeText(b, at, v)
	}
	return fmt.Errorf("%T cannot be in a cell", v)
}

func writeText(b *bytes.Buffer, at, text string) error {
	if utf8.RuneCountInString(text) > maxText {
		return fmt.Errorf("the text has more than %d characters", maxText)
	}
	fmt.Fprintf(b, `<c r="%s" t="inlineStr"><is><t xml:space="preserve">`, at)
	_ = xml.EscapeText(b, []byte(inCell(text))) // writing into memory cannot fail
	b.WriteString("</t></is></c>")
	return nil
}

// digits counts the digits of a number between its first and its last one that is not 0.
func digits(number string) int {
	mantissa, _, _ := strings.Cut(strings.ToLower(number), "e")
	return len(strings.Trim(strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, mantissa), "0"))
}

// serialOf returns the serial number of a text that is a date or time, and its style; style 0: it is none, or before 1900-03-01, where Excel
// counts a day that there was not.
func serialOf(text string) (serial float64, style int) {
	form := dateForm
	if style = styleDate; len(text) == len(timeForm) {
		form, style = timeForm, styleDateTime
	}
	if len(text) != len(form) {
		return 0, 0
	}
	at, err := time.Parse(form, text)
	if err != nil || at.Year() < 1900 || at.Year() == 1900 && at.Month() < time.March {
		return 0, 0
	}
	elapsed := at.Unix() - epoch1900.Unix()
	return float64(elapsed) / 86400, style
}
