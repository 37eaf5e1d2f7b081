package xlsx

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// build returns an archive of parts, which are complete but for the header of XML.
func build(t testing.TB, parts map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, text := range parts {
		f, err := w.Create(name)
		if err == nil {
			_, err = f.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// sample is a workbook as Excel writes them, with a sheet of these rows.
func sample(rows, properties string) map[string]string {
	return map[string]string{
		"_rels/.rels":     `<Relationships><Relationship Id="rId1" Type="http://x/relationships/officeDocument" Target="/xl/workbook.xml"/></Relationships>`,
		"xl/workbook.xml": `<workbook xmlns:r="r"><workbookPr ` + properties + `/><sheets><sheet name="First" sheetId="4" r:id="rId7"/><sheet name="2" sheetId="5" r:id="rId8"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels": `<Relationships><Relationship Id="rId7" Type="http://x/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId8" Type="http://x/worksheet" Target="worksheets/b.xml"/>` +
			`<Relationship Id="rId1" Type="http://x/relationships/sharedStrings" Target="sharedStrings.xml"/><Relationship Id="rId2" Type="http://x/relationships/styles" Target="/xl/styles.xml"/></Relationships>`,
		"xl/sharedStrings.xml":     `<sst><si><t>Name</t></si><si><r><t xml:space="preserve">Ann </t></r><r><rPr><b/></rPr><t>Lee</t></r><rPh><t>アン</t></rPh></si><si><t></t></si></sst>`,
		"xl/styles.xml":            `<styleSheet><numFmts><numFmt numFmtId="164" formatCode="[$-409]d\ mmm&quot; year &quot;yyyy"/><numFmt numFmtId="165" formatCode="0.00 &quot;days&quot;"/><numFmt numFmtId="166" formatCode="[h]:mm"/></numFmts><cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="22"/><xf numFmtId="164"/><xf numFmtId="165"/><xf numFmtId="166"/></cellXfs></styleSheet>`,
		"xl/worksheets/sheet1.xml": `<worksheet><sheetData>` + rows + `</sheetData><mergeCells/></worksheet>`,
		"xl/worksheets/b.xml":      `<worksheet><sheetData><row><c t="inlineStr"><is><t>only</t></is></c></row></sheetData></worksheet>`,
	}
}

const sampleRows = `<row r="2"><c r="B2" t="s"><v>0</v></c><c r="C2" t="inlineStr"><is><t>When</t></is></c><c r="E2" t="str"><f>A1</f><v>Name</v></c></row>` +
	`<row r="3" spans="2:6"><c r="B3" t="s"><v>1</v></c><c r="C3" s="1"><v>46347</v></c><c r="D3" t="b"><v>1</v></c><c r="E3" s="4"><v>10.50</v></c></row>` +
	`<row r="4"><c r="B4" s="3"/><c r="C4" t="s"><v>2</v></c></row>` +
	`<row r="6"><c r="C6" s="2"><f>NOW()</f><v>46347.4166666667</v></c><c r="E6" t="e"><v>#N/A</v></c><c r="F6"><v>1E-3</v></c></row>`

func read(t *testing.T, parts map[string]string, area string, o Options) (string, error) {
	t.Helper()
	var err error
	if o.Range, err = ParseRange(area); err != nil {
		t.Fatal(err)
	}
	rows, err := Read(nil, build(t, parts), o)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(rows)
	return string(text), err
}

func TestRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		area string
		o    Options
		want string
	}{
		{"B2", Options{}, `[{"D":true,"Name":"Ann Lee","Name_2":10.50,"When":"2026-11-21"},{"D":null,"F":1E-3,"Name":null,"Name_2":"#N/A","When":"2026-11-21T10:00:00"}]`},
		{"B:C", Options{Sheet: "First"}, `[{"Name":"Ann Lee","When":"2026-11-21"},{"Name":null,"When":"2026-11-21T10:00:00"}]`},
		{"B3:C4", Options{NoHeader: true, Sheet: "1"}, `[["Ann Lee","2026-11-21"]]`},
		{"E", Options{NoHeader: true}, `[["Name"],[10.50],["#N/A",1E-3]]`},
		{"", Options{NoHeader: true, Sheet: "2"}, `[["only"]]`},
		{"A100", Options{}, `[]`},
	} {
		got, err := read(t, sample(sampleRows, ""), c.area, c.o)
		if err != nil || got != c.want {
			t.Errorf("%s %v: %s, %v\nwant %s", c.area, c.o.Sheet, got, err, c.want)
		}
	}
}

// Dates are read by the format of the cell, in both date systems.
func TestDates(t *testing.T) {
	t.Parallel()
	for properties, want := range map[string]string{
		"":             `[["1900-01-01","1900-02-28","1900-03-01T12:00:00","26:30:00",5],["1900-03-01T00:00:00.500",-1]]`,
		`date1904="1"`: `[["1904-01-02","1904-02-29","1904-03-02T12:00:00","26:30:00",5],["1904-03-02T00:00:00.500",-1]]`,
	} {
		got, err := read(t, sample(`<row><c s="1"><v>1</v></c><c s="3"><v>59</v></c><c s="2"><v>61.5</v></c><c s="5"><v>1.1041666666666667</v></c><c s="4"><v>5</v></c></row>`+
			`<row><c s="1"><v>61.0000057870370</v></c><c s="1"><v>-1</v></c></row>`, properties), "", Options{NoHeader: true})
		if err != nil || got != want {
			t.Errorf("%s: %s, %v\nwant %s", properties, got, err, want)
		}
	}
}

func TestFormats(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]numberKind{
		"General": plain, "Standard": plain, "0.00": plain, `0" days"`: plain, `#,##0\ "h"`: plain, "[Red]0.0": plain, "0%": plain, "@": plain, `"unclosed`: plain,
		"dd/mm/yyyy": date, "mmm": date, "yyyy": date, `[$-F800]dddd\,\ mmmm\ dd`: date, "d.m.yy;@": date,
		"yyyy-mm-dd hh:mm": dateTime, "m/d/yy h:mm AM/PM": dateTime, "hh:mm": clock, "mm:ss.0": clock, "[h]:mm": clock, "[mm]": clock,
	} {
		if got := kindOfFormat(code); got != want {
			t.Errorf("%s: %d, want %d", code, got, want)
		}
	}
}

// What is no spreadsheet, or one of an attacker, is refused with a reason and without much memory.
func TestReadRefuses(t *testing.T) {
	t.Parallel()
	without := func(part string) map[string]string {
		parts := sample(sampleRows, "")
		delete(parts, part)
		return parts
	}
	with := func(part, text string) map[string]string {
		parts := sample(sampleRows, "")
		parts[part] = text
		return parts
	}
	for name, c := range map[string]struct {
		parts map[string]string
		sheet string
		want  string
	}{
		"empty":            {nil, "", "is missing"},
		"no workbook":      {without("xl/workbook.xml"), "", `the part "xl/workbook.xml" is missing`},
		"no sheet":         {without("xl/worksheets/sheet1.xml"), "", "is missing"},
		"unknown sheet":    {sample("", ""), "Third", `it has no sheet "Third", but 2 others`},
		"no such text":     {sample(`<row><c t="s"><v>9</v></c></row>`, ""), "", "a cell has the text"},
		"negative text":    {sample(`<row><c t="s"><v>-1</v></c></row>`, ""), "", "a cell has the text"},
		"no number":        {sample(`<row><c><v>Infinity</v></c></row>`, ""), "", "a cell has the number"},
		"row":              {sample(`<row r="99999999"><c><v>1</v></c></row>`, ""), "", "it has a row"},
		"column":           {sample(`<row><c r="ZZZ1"><v>1</v></c></row>`, ""), "", "it has a cell"},
		"cut off":          {sample(`<row><c><v>1`, ""), "", `an end of "sheetData" is not where it belongs`},
		"rows cut off":     {with("xl/worksheets/sheet1.xml", `<worksheet><sheetData><row><c><v>1</v></c></row><row>`), "", "is cut off"},
		"no end":           {with("xl/worksheets/sheet1.xml", `<worksheet><sheetData>`), "", "is cut off"},
		"an empty part":    {with("xl/worksheets/sheet1.xml", ``), "", "is empty"},
		"a page":           {with("xl/worksheets/sheet1.xml", `<html><body/></html>`), "", "is no worksheet"},
		"another end":      {with("xl/worksheets/sheet1.xml", `<worksheet><sheetData></worksheet>`), "", "is not where it belongs"},
		"deep":             {with("xl/worksheets/sheet1.xml", `<worksheet>`+strings.Repeat("<a>", 100)), "", "nested more than"},
		"relations cut":    {with("xl/_rels/workbook.xml.rels", `<Relationships><Relationship Id="rId7" Type="http://x/worksheet" Target="worksheets/sheet1.xml"/>`), "", "is cut off"},
		"texts cut off":    {with("xl/sharedStrings.xml", `<sst><si><t>Name</t></si>`), "", "is cut off"},
		"a text of 5 MB":   {sample(`<row><c t="str"><v>`+strings.Repeat("x", 5<<20)+`</v></c></row>`, ""), "", "larger than"},
		"a name of 5 MB":   {sample(`<row><`+strings.Repeat("x", 5<<20)+`/></row>`, ""), "", "larger than"},
		"an entity":        {sample(`<row><c t="str"><v>&boom;</v></c></row>`, ""), "", ""},
		"row of 2^31 rows": {sample(`<row r="2147483649"><c><v>1</v></c></row>`, ""), "", "it has a row"},
	} {
		var err error
		if c.parts == nil {
			_, err = Read(nil, []byte("PK"), Options{})
			c.want = ""
		} else {
			_, err = read(t, c.parts, "", Options{Sheet: c.sheet})
		}
		if !errors.Is(err, ErrForm) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// Columns of one name get other ones, in little time.
func TestColumnNames(t *testing.T) {
	t.Parallel()
	c := columnNames{first: 1, last: map[string]int{}}
	for _, v := range []any{"a", "a", "a_2", " a ", nil, "", json.Number("7"), true, "F"} {
		c.add(v)
	}
	if got, want := strings.Join(c.all, " "), "a a_2 a_2_2 a_3 F G 7 true F_2"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	many := columnNames{last: map[string]int{}}
	for range MaxColumns {
		many.add("a")
	}
	if got := many.all[MaxColumns-1]; got != fmt.Sprintf("a_%d", MaxColumns) {
		t.Errorf("the last one is %s", got)
	}
}

func TestRanges(t *testing.T) {
	t.Parallel()
	all := Range{LastColumn: MaxColumns - 1, LastRow: MaxRows - 1}
	for text, want := range map[string]Range{
		"": all, "A1": all, "B3": {1, 2, MaxColumns - 1, MaxRows - 1}, "b3:aa20": {1, 2, 26, 19}, "A:F": {0, 0, 5, MaxRows - 1}, "3:20": {0, 2, MaxColumns - 1, 19}, "A3:F": {0, 2, 5, MaxRows - 1},
	} {
		if got, err := ParseRange(text); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{":", "F:A", "A20:A3", "A0x", "ABCD1", "A1:", "A-1", "A1:B2:C3", "XFE1", "A9999999"} {
		if got, err := ParseRange(text); err == nil {
			t.Errorf("%s is taken for %v", text, got)
		}
	}
}

// What is written is read as it was.
func TestWrite(t *testing.T) {
	t.Parallel()
	rows := [][]any{
		{"id", "name", "paid", "on", "at", "note"},
		{json.Number("1"), "Ann <Lee> & \"co\"", true, "2026-11-21", "2026-11-21T10:00:01", "=1+1"},
		{json.Number("12345678901234567890"), " zwei\nZeilen ", nil, "1899-12-31", "2026-11-21T10:00:00Z", ""},
		{json.Number("-0.25"), "007", false, "2026-02-30", nil, "a\r\n_x0041_\x01 _x005F_ _x"},
	}
	content, err := Write(nil, []Sheet{{"Gifts & more", rows}, {"Empty", nil}})
	if err != nil {
		t.Fatal(err)
	}
	all, _ := ParseRange("")
	got, err := Read(nil, content, Options{Sheet: "Gifts & more", Range: all, NoHeader: true})
	if err != nil {
		t.Fatal(err)
	}
	want := []any{rows[0], rows[1], []any{"12345678901234567890", rows[2][1], nil, "1899-12-31", "2026-11-21T10:00:00Z"}, rows[3]}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	again, err := Write(nil, []Sheet{{"Gifts & more", rows}, {"Empty", nil}})
	if err != nil || !bytes.Equal(content, again) {
		t.Errorf("equal sheets have other bytes, %v", err)
	}
	for name, sheets := range map[string][]Sheet{
		"none": nil, "name": {{"a/b", nil}}, "long": {{strings.Repeat("x", 32), nil}}, "twice": {{"a", nil}, {"A", nil}}, "empty": {{"", nil}},
		"text": {{"a", [][]any{{strings.Repeat("x", maxText+1)}}}}, "columns": {{"a", [][]any{make([]any, MaxColumns+1)}}}, "value": {{"a", [][]any{{1i}}}},
	} {
		if _, err := Write(nil, sheets); err == nil {
			t.Errorf("%s is written", name)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(build(f, sample(sampleRows, "")))
	f.Fuzz(func(t *testing.T, content []byte) {
		all, _ := ParseRange("")
		if rows, err := Read(nil, content, Options{Range: all}); err == nil {
			if _, err := json.Marshal(rows); err != nil {
				t.Error(err)
			}
		}
	})
}
