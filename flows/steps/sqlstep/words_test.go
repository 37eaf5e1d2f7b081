package sqlstep

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
)

func TestReadSQL(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text    string
		several bool
		writes  bool
	}{
		{text: "select 1"},
		{text: "  -- a comment; delete\n/* delete /* from */ x; */ SELECT 'delete; it''s' as \"insert\", `update` ;\n -- the end"},
		{text: "with a as (select 1) table a"},
		{text: "select 1; delete from people", several: true, writes: true},
		{text: "select 1;;select 2", several: true},
		{text: "with gone as (delete from people returning id) select * from gone", writes: true},
		{text: "select * into copy from people", writes: true},
		{text: "select id from people for update", writes: true},
		{text: "select nextval('s')", writes: true},
		{text: "insert into people values (1) returning id", writes: true},
		{text: "begin", writes: true},
		{text: "select 1 /*!50000 ; delete from people */", several: true, writes: true},
		{text: `select 'it\'s; delete' , 1`, writes: true},       // refused although it only reads
		{text: `select 'C:\'; delete from people`, writes: true}, // several, unless \ escapes: the database decides
		{text: "select $body$ ; delete $other$ ; $body$, $$ ; $$, $1"},
		{text: "select data #>> '{a}', data #- '{b}'; delete from people", several: true, writes: true},
		{text: "select 1 # ; delete\n"},
		{text: "select 'open ; delete"},
		{text: "select /* open ; delete"},
	}
	for _, test := range tests {
		words, several := sqlWords(test.text)
		if several != test.several || writesSQL(words) != test.writes {
			t.Errorf("%s\nseveral %v, writes %v (%s)", test.text, several, writesSQL(words), words)
		}
	}
}

// Text that the reader takes for a string must not be a statement for SQLite, and the reader ends on every text.
func FuzzReadSQL(f *testing.F) {
	for _, seed := range []string{"select 1;", "select '''' ; x", "/* ", "$a$ ; $a$", `'\'`, "[a];b", "#\n;"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		words, _ := sqlWords(text)
		if slices.ContainsFunc(words, func(w string) bool { return w == "" || strings.ContainsAny(w, " ;'") }) {
			t.Errorf("%q: %q", text, words)
		}
		if err := checkSQLite("select 1;" + text); err == nil && hasToken(text) {
			t.Errorf("a second statement passes: %q", text)
		}
	})
}

// hasToken reports whether the text has anything but spaces, semicolons and comments, in the simplest way.
func hasToken(text string) bool {
	for text != "" {
		switch {
		case text[0] <= ' ' || text[0] == ';':
			text = text[1:]
		case strings.HasPrefix(text, "--"):
			_, text, _ = strings.Cut(text, "\n")
		case strings.HasPrefix(text, "/*"):
			_, text, _ = strings.Cut(text[2:], "*/")
		default:
			return true
		}
	}
	return false
}

func TestSQLValues(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("", 2*60*60)
	at := time.Date(2026, 11, 21, 20, 0, 0, 500_000_000, zone)
	uuid := []byte{0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}
	tests := []struct {
		dialect flows.Dialect
		column  string
		v, want any
	}{
		// These are the values of the SQL Server driver, by its documentation and code.
		{flows.SQLServer, "BIGINT", int64(math.MaxInt64), json.Number("9223372036854775807")},
		{flows.SQLServer, "DECIMAL", []byte("12345678901234567890.1000"), json.Number("12345678901234567890.1000")},
		{flows.SQLServer, "MONEY", []byte("-0.5000"), json.Number("-0.5000")},
		{flows.SQLServer, "UNIQUEIDENTIFIER", uuid, "00112233-4455-6677-8899-aabbccddeeff"},
		{flows.SQLServer, "DATETIMEOFFSET", at, "2026-11-21T20:00:00.5+02:00"},
		{flows.SQLServer, "DATETIME2", at.UTC(), "2026-11-21T18:00:00.5Z"},
		{flows.SQLServer, "DATE", at, "2026-11-21"},
		{flows.SQLServer, "TIME", at, "20:00:00.5"},
		{flows.SQLServer, "VARBINARY", []byte{0, 255}, "AP8="},
		{flows.SQLServer, "BIT", true, true},
		{flows.SQLServer, "NVARCHAR", "Zoë", "Zoë"},
		{flows.SQLServer, "REAL", float32(0.1), json.Number("0.1")},

		{flows.Postgres, "FLOAT8", math.Inf(-1), "-Infinity"},
		{flows.Postgres, "NUMERIC", "NaN", "NaN"},
		{flows.Postgres, "JSONB", []byte(`{"a":[1.10]}`), map[string]any{"a": []any{json.Number("1.10")}}},
		{flows.Postgres, "TEXT", "a\xffb", "a\uFFFDb"},
		{flows.MySQL, "DATETIME", []byte("0000-00-00 00:00:00"), nil},
		{flows.MySQL, "DATETIME", []byte("2026-00-00 00:00:00"), "2026-00-00 00:00:00"},
		{flows.MySQL, "DATETIME", []byte("2026-11-21 20:00:00.500"), "2026-11-21T20:00:00.5Z"},
		{flows.MySQL, "TIMESTAMP", []byte("2026-11-21 20:00:00"), "2026-11-21T20:00:00Z"},
		{flows.MySQL, "DATE", []byte("0000-00-00"), nil},
		{flows.MySQL, "DATE", []byte("2026-11-00"), "2026-11-00"},
		{flows.MySQL, "DATE", []byte("2026-11-21"), "2026-11-21"},
		{flows.MySQL, "BIT", []byte{2, 1}, json.Number("513")},
		{flows.MySQL, "UNSIGNED BIGINT", uint64(math.MaxUint64), json.Number("18446744073709551615")},
		{flows.SQLite, "TEXT", []byte("bytes"), "Ynl0ZXM="},
		{flows.SQLite, "", nil, nil},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, sqlValue(test.dialect, test.column, test.v)); diff != "" {
			t.Errorf("%s %s %v (-want +got)\n%s", test.dialect, test.column, test.v, diff)
		}
	}
}

func TestBindSQL(t *testing.T) {
	t.Parallel()
	list := []any{json.Number("1"), "a"}
	tests := []struct {
		v                     any
		postgres, mysql, lite any
	}{
		{nil, nil, nil, nil},
		{"1", "1", "1", "1"},
		{true, true, true, true},
		{json.Number("9007199254740993"), "9007199254740993", int64(9007199254740993), int64(9007199254740993)},
		{json.Number("18446744073709551615"), "18446744073709551615", "18446744073709551615", "18446744073709551615"},
		{json.Number("1.10"), "1.10", "1.10", 1.1},
		{0.5, "0.5", "0.5", 0.5},
		{list, list, `[1,"a"]`, `[1,"a"]`},
		{map[string]any{"a": nil}, map[string]any{"a": nil}, `{"a":null}`, `{"a":null}`},
	}
	for _, test := range tests {
		got := []any{bindSQL(flows.Postgres, test.v), bindSQL(flows.MySQL, test.v), bindSQL(flows.SQLServer, test.v), bindSQL(flows.SQLite, test.v)}
		if diff := cmp.Diff([]any{test.postgres, test.mysql, test.mysql, test.lite}, got); diff != "" {
			t.Errorf("%v (-want +got)\n%s", test.v, diff)
		}
	}
}

func TestSQLMistakes(t *testing.T) {
	t.Parallel()
	for step, want := range map[string]string{
		`query: "select ${ .id }"`:                                 "is fixed when the flow is deployed, ${ } has no meaning here",
		`exec: "delete from a where id = '${ .id }'"`:              "write a placeholder and put the value into args",
		`query: select 1, args: {a: 1}`:                            "args is a list",
		`query: select 1, args: 5`:                                 "args is a list",
		`query: select 1; select 2`:                                "one statement each: several go into transaction",
		`query: "-- nothing"`:                                      "expected a statement, found none",
		`query: select 1, exec: select 1`:                          "exclude each other",
		`max_rows: 5`:                                              "one of its fields is missing",
		`query: select 1, max_rows: 0`:                             "max_rows is from 1 to 100000",
		`transaction: [], max_rows: 5`:                             "expected at least one statement",
		`transaction: [{exec: delete from a}], args: [1]`:          "each statement of a transaction has its own args",
		`transaction: [{exec: delete from a, args: x}]`:            "args is a list",
		`transaction: [{exec: "delete from a where b = ${ .b }"}]`: "write a placeholder",
	} {
		_, err := parseSQL("sql: {connection: db, " + step + "}")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", step, err, want)
		}
	}
	if _, err := parseSQL("sql: {query: select 1}"); err == nil || !strings.Contains(err.Error(), "connection is missing") {
		t.Errorf("without a connection: %v", err)
	}
}

func TestSQLEffect(t *testing.T) {
	t.Parallel()
	for step, want := range map[string]flows.Effect{
		"query: select 1": flows.Read, "exec: select 1": flows.Once, "query: delete from a returning 1": flows.Once,
		"transaction: [{query: select 1}, {query: select 2}]":     flows.Read,
		"transaction: [{query: select 1}, {exec: delete from a}]": flows.Once,
	} {
		var got flows.Effect
		kind := Kind()
		inner := kind.New
		kind.New = func(args *flows.Args) (flows.Runner, error) {
			r, err := inner(args)
			if err == nil {
				got = r.(flows.Effecter).Effect()
			}
			return r, err
		}
		source := "flow: 1\nsteps:\n  - sql: {connection: db, " + step + "}\n"
		if _, err := flows.Parse("test.yaml", []byte(source), flows.NewCatalogue(kind)); err != nil || got != want {
			t.Errorf("%s: %d, %v, want %d", step, got, err, want)
		}
	}
}

func parseSQL(step string) (*flows.Flow, error) {
	return flows.Parse("test.yaml", []byte("flow: 1\nsteps:\n  - "+step+"\n"), flows.NewCatalogue(Kind()))
}

// These statements try to leave the tables of a SQLite file. Functions that load or read files are not in the
// library; package connect tests that.
func TestSQLiteStatementsStayInTheirTables(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"select * from pragma_user_version", "select * from PRAGMA_table_info('t')", `select * from "pragma_database_list"`,
		"select * from [pragma_journal_mode]", "select * from `Pragma_writable_schema`", "select * from 'pragma_table_list'",
		"select (select count(*) from/**/pragma_function_list)", "with a as (select * from pragma_module_list) select * from a",
		"create view v as select * from pragma_database_list", "insert into t select file from pragma_database_list",
		"pragma writable_schema = 1", "attach 'x.db' as x", "detach x", "vacuum", "vacuum into 'x.db'", "explain select 1", "begin", "savepoint a",
		"select 1; attach 'x.db' as x", "/* */ attach 'x.db' as x", "-- a\nattach 'x.db' as x", "",
	} {
		if checkSQLite(text) == nil {
			t.Errorf("%s is let through", text)
		}
	}
	for _, text := range []string{"select * from pragmas", "create table t (pragma text)", "select 'a pragma'", "with a as (select 1) select * from a"} {
		if err := checkSQLite(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// On SQL Server, whose placeholders have numbers, a list in the parentheses of IN is a mistake; elsewhere it is JSON.
func TestListsOnSQLServer(t *testing.T) {
	t.Parallel()
	list := []any{[]any{json.Number("1")}}
	for text, want := range map[string]string{
		"select 1 where a in (@p1)":                             "a list is no value of @p1 in the parentheses of IN: write in (select value from openjson(@p1))",
		"select 1 where a in (select value from openjson(@p1))": "",
		"select @p1": "",
	} {
		c := &call{text: text, db: &flows.Database{Dialect: flows.SQLServer}, args: []any{"[1]"}}
		err := c.expandLists(list)
		if got := fmt.Sprint(err); err != nil && got != want || err == nil && want != "" || c.text != text {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
