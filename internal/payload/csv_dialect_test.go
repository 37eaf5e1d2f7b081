package payload_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/penstock/penstock/internal/payload"
)

func TestCSVDialects(t *testing.T) {
	t.Parallel()
	type dialect = payload.CSVDialect
	for _, c := range []struct {
		dialect    dialect
		text, want string
	}{
		{dialect{Delimiter: ';', Quote: '\''}, "a;b\n'1;''2';\"3,4\n", `[{"a":"1;'2","b":"\"3,4"}]`},
		{dialect{Delimiter: '\t', NoQuote: true}, "a\tb\n\"1\t2\"\n", `[{"a":"\"1","b":"2\""}]`},
		{dialect{NoHeader: true}, "1,2\n3\n", `[["1","2"],["3"]]`},
		{dialect{NoHeader: true, Columns: []string{"x", "y"}}, "1,2\n", `[{"x":"1","y":"2"}]`},
		{dialect{NoHeader: true, Columns: []string{"x", "y"}}, "1\n", "the row that begins on line 1 has 1 cells, the first row has 2"},
		{dialect{}, "a,a\n1,2\n", `the CSV has two columns named "a"`},
		{dialect{Number: true}, "a,a_2,a,a,\n1,2,3,4,5\n", `[{"":"5","a":"1","a_2":"2","a_3":"3","a_4":"4"}]`},
		{dialect{Number: true}, ",,\n1,2,3\n", `[{"":"1","_2":"2","_3":"3"}]`},
		{dialect{Fill: true}, "a,b\n1\n1,2,3,4\n", `[{"a":"1","b":null},{"3":"3","4":"4","a":"1","b":"2"}]`},
		{dialect{Fill: true}, "a,3\n1,2,3\n", `[{"3":"2","a":"1"}]`}, // the column of that name stays
		{dialect{}, "a\n\"b\"c\n", "line 2 has text after a cell in quotes"},
		{dialect{Lenient: true}, "a,b\n\"b\"c, \"d,e\"\n", `[{"a":"bc","b":"d,e"}]`},
		{dialect{Lenient: true}, "a,b\n5\",\"6\n\"\"\"\"\"\"7,8\n", `[{"a":"5\"","b":"\"6"},{"a":"\"\"7","b":"8"}]`},
		{dialect{Lenient: true}, "a,b\n\"5,6\n7,8\"\"\n", `[{"a":"\"5","b":"6"},{"a":"7","b":"8\"\""}]`},
		{dialect{}, "a\n\"b\n", "the quote on line 2 is not closed"},
	} {
		got, err := c.dialect.Parse(nil, []byte(c.text))
		text, _ := json.Marshal(got)
		if err != nil {
			text = []byte(err.Error())
		}
		if string(text) != c.want && (err == nil || !strings.Contains(string(text), c.want)) {
			t.Errorf("%+v %q\n is %s\nwant %s", c.dialect, c.text, text, c.want)
		}
	}
	for _, c := range []struct {
		dialect dialect
		row     []string
		want    string
	}{
		{dialect{Delimiter: ';', Quote: '\''}, []string{"a;b", "c,d", "it's"}, "'a;b';c,d;'it''s'\r\n"},
		{dialect{Delimiter: '\t', NoQuote: true}, []string{`"a"`, " b", ""}, "\"a\"\t b\t\r\n"},
		{dialect{NoQuote: true}, []string{"a,b"}, "needs quotes"},
		{dialect{NoQuote: true}, []string{""}, "needs quotes"},
	} {
		var b bytes.Buffer
		if err := c.dialect.WriteRow(&b, c.row); b.String() != c.want && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v %q is %q, %v, want %q", c.dialect, c.row, b.String(), err, c.want)
		}
	}
}
