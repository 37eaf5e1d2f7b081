package steps_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/blob/blobtest"
	"github.com/penstock/penstock/internal/testenv"
)

// sqlCase is a statement, with the items or a part of the message.
type sqlCase struct{ step, event, want, message string }

func (w *world) sql(t *testing.T, connection string, cases []sqlCase) {
	t.Helper()
	for _, c := range cases {
		step := "sql:\n  connection: " + connection + "\n  " + strings.ReplaceAll(c.step, "\n", "\n  ")
		if c.event == "" {
			c.event = "null"
		}
		items, err := w.run(t.Context(), step, event(t, c.event))
		switch {
		case c.message != "" && (err == nil || !strings.Contains(err.Error(), c.message)):
			t.Errorf("%s\n%v, want %s", c.step, err, c.message)
		case c.message == "" && err != nil:
			t.Errorf("%s\n%v", c.step, err)
		case c.message == "" && string(flows.EncodeJSON(items)) != c.want:
			t.Errorf("%s\ngives %s\nwant  %s", c.step, flows.EncodeJSON(items), c.want)
		}
	}
}

func TestSQLOnPostgres(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.database("postgres", testenv.Postgres(t))
	w.sql(t, "postgres", []sqlCase{
		{step: "exec: create table people (id bigint primary key, name text not null, score numeric(30,10), tags text[], data jsonb, born date, seen timestamptz, local timestamp, photo bytea, ok bool, ratio float8, key uuid)", want: `[{"rows_affected":0}]`},
		{
			step:  "exec: insert into people values ($1, $2, $3, $4, $5, $6, $7, null, $8, $9, $10, $11)\nargs: ['${ .id }', '${ .name }', '${ .score }', '${ .tags }', '${ .data }', '${ .born }', '${ .seen }', '\\x00ff', true, 0.25, 0b9b7f0e-6b2b-4a3e-9d1a-1f2e3d4c5b6a]",
			event: `{"id": 9007199254740993, "name": "Zoë '; drop table people; --", "score": 12345678901234567890.1234567891, "tags": ["a", "b,c"], "data": {"n": 9007199254740993, "list": [1.10]}, "born": "1999-12-31", "seen": "2026-11-21T20:00:00.5+02:00"}`,
			want:  `[{"rows_affected":1}]`,
		},
		{
			step:  "query: select id, name, score, to_jsonb(tags) as tags, data, born, seen, photo, ok, ratio, key, null as nothing from people where id = $1\nargs: ['${ . }']",
			event: `9007199254740993`,
			want:  `[{"born":"1999-12-31","data":{"list":[1.10],"n":9007199254740993},"id":9007199254740993,"key":"0b9b7f0e-6b2b-4a3e-9d1a-1f2e3d4c5b6a","name":"Zoë '; drop table people; --","nothing":null,"ok":true,"photo":"AP8=","ratio":0.25,"score":12345678901234567890.1234567891,"seen":"2026-11-21T18:00:00.5Z","tags":["a","b,c"]}]`,
		},
		{step: "query: select id from people where id = any($1) and data @> $2 and name = $3 and score > $4\nargs: [[1, 9007199254740993], {n: 9007199254740993}, \"Zoë '; drop table people; --\", 1.5]", want: `[{"id":9007199254740993}]`},
		{step: "query: select 1 as a where false", want: `[]`},
		{step: "query: select n from generate_series(1, 3) n", want: `[{"n":1},{"n":2},{"n":3}]`},
		{step: "query: select n from generate_series(1, 4) n\nmax_rows: 3", message: "more than 3 rows; raise max_rows"},
		{step: "query: select 'infinity'::float8 as a, '-infinity'::float4 as b, 'NaN'::numeric as c, 'infinity'::timestamptz as d", want: `[{"a":"Infinity","b":"-Infinity","c":"NaN","d":"infinity"}]`},
		{step: "query: select '{\"a\":[1.10]}' as t, '{}' as u\njson: [t]", want: `[{"t":{"a":[1.10]},"u":"{}"}]`},
		{step: "query: select '{' as t\njson: [t]", message: `a value of the column "t" is no JSON`},
		{step: "query: select 1 as a\njson: [b]", message: `json: the rows have no column "b"`},
		{step: "exec: copy people from stdin", message: "COPY between the database and its client"},
		{step: "exec: COPY (select 1) TO STDOUT", message: "COPY between the database and its client"},
		{step: "exec: begin", message: "a transaction does not outlive its step"},
		{step: "transaction: [{exec: commit}]", message: "a transaction does not outlive its step"},
		{step: "query: select 1 as a, 2 as a", message: `two columns are named "a"`},
		{step: "query: select '[1,2' || $1 as t, 'NaN'::float8 as nan, '1 day'::interval as d\nargs: ['x']", want: `[{"d":"1 day","nan":"NaN","t":"[1,2x"}]`},
		{step: "query: select * from nobody", message: `step sql: the database says: ERROR: relation "nobody" does not exist (SQLSTATE 42P01)`},
		{step: "query: select $1::int as a", message: "the database says: "},
		{step: "exec: update people set score = $1 where id = $2\nargs: ['${ .score }', 9007199254740993]", event: `{"score": 0.1}`, want: `[{"rows_affected":1}]`},
		{step: "query: insert into people (id, name) values (2, 'Bo') returning id", want: `[{"id":2}]`},
		{
			step:  "transaction:\n  - exec: insert into people (id, name) values ($1, 'x')\n    args: ['${ .id }']\n  - query: select count(*) as n from people",
			event: `{"id": 3}`,
			want:  `[[{"rows_affected":1},[{"n":3}]]]`,
		},
		{step: "transaction:\n  - exec: insert into people (id, name) values (4, 'x')\n  - exec: insert into people (id, name) values (3, 'x')", message: "duplicate key"},
		{step: "query: select count(*) as n from people", want: `[{"n":3}]`},
	})
}

func TestSQLOnMariaDB(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.database("mysql", testenv.MariaDB(t))
	w.sql(t, "mysql", []sqlCase{
		{step: "exec: create table people (id bigint unsigned auto_increment primary key, name varchar(100) not null, score decimal(30,10), data json, born date, seen timestamp(3) null, photo blob, bits bit(10), t time, ratio double)", want: `[{"rows_affected":0}]`},
		{
			step:  "exec: insert into people values (?, ?, ?, ?, ?, ?, x'00ff', 513, '12:30:00', 0.25)\nargs: ['${ .id }', '${ .name }', '${ .score }', '${ .data }', '1999-12-31', '2026-11-21 20:00:00.5']",
			event: `{"id": 18446744073709551614, "name": "Zoë '; drop table people; --", "score": 12345678901234567890.1234567891, "data": {"n": 9007199254740993}}`,
			want:  `[{"last_insert_id":18446744073709551614,"rows_affected":1}]`,
		},
		{
			step:  "query: select id, name, score, born, seen, photo, bits, t, ratio, null as nothing from people where id = ?\nargs: ['${ . }']",
			event: `18446744073709551614`,
			want:  `[{"bits":513,"born":"1999-12-31","id":18446744073709551614,"name":"Zoë '; drop table people; --","nothing":null,"photo":"AP8=","ratio":0.25,"score":12345678901234567890.1234567891,"seen":"2026-11-21T20:00:00.5Z","t":"12:30:00"}]`,
		},
		{step: "query: select id, score from people", want: `[{"id":18446744073709551614,"score":12345678901234567890.1234567891}]`},
		{step: "exec: update people set name = name", want: `[{"rows_affected":1}]`},
		{step: "exec: delete from people", want: `[{"rows_affected":1}]`},
		{step: "exec: create table seen (at datetime(3), data json)", want: `[{"rows_affected":0}]`},
		{step: "exec: insert into seen values (?, ?)\nargs: ['2026-11-21T20:00:00.5+02:00', {n: 1.10}]", want: `[{"rows_affected":1}]`},
		{step: "transaction:\n  - exec: update seen set at = ?\n    args: ['2026-11-21T18:00:00.25Z']\n  - query: select * from seen where at = ?\n    args: ['2026-11-21T18:00:00.25Z']\n    json: [data]", want: `[[{"rows_affected":1},[{"at":"2026-11-21T18:00:00.25Z","data":{"n":1.10}}]]]`},
		{step: "exec: insert into seen values (?, null)\nargs: ['yesterday']", message: "Error 1292 (22007): Incorrect datetime value: 'yesterday'"},
		{step: "exec: create table days (d date, t datetime(3), s timestamp null)", want: `[{"rows_affected":0}]`},
		{step: "transaction:\n  - exec: set sql_mode = ''\n  - exec: insert into days values ('2026-11-00', '2026-00-00', null), ('0000-00-00', '0000-00-00', null), ('2026-02-28', '2026-02-28 10:00:00.25', '2026-02-28 10:00:00')", want: `[[{"rows_affected":0},{"rows_affected":3}]]`},
		{step: "query: select * from days where ? = 1\nargs: [1]", want: `[{"d":"2026-11-00","s":null,"t":"2026-00-00 00:00:00.000"},{"d":null,"s":null,"t":null},{"d":"2026-02-28","s":"2026-02-28T10:00:00Z","t":"2026-02-28T10:00:00.25Z"}]`},
		{step: "query: select * from days where s is not null", want: `[{"d":"2026-02-28","s":"2026-02-28T10:00:00Z","t":"2026-02-28T10:00:00.25Z"}]`},
		{step: "query: select json_value(?, '$[1]') as second\nargs: [[1, 2]]", want: `[{"second":"2"}]`},
		{step: "query: select 1 as n where 2 in (?) and 2 not in (?) and 2 not in (?)\nargs: [[1, 2], [1, 3], []]", want: `[{"n":1}]`},
		{step: "query: select 1 as n where 2 in (?)\nargs: [[]]", want: `[]`},
		{step: "exec: create table pets (id int auto_increment primary key, name text)", want: `[{"rows_affected":0}]`},
		{step: "exec: insert into pets (name) values ('Bo')", want: `[{"last_insert_id":1,"rows_affected":1}]`},
		{step: "query: select * from nobody", message: "the database says: Error 1146 (42S02): Table 'penstock.nobody' doesn't exist"},
		{step: "transaction:\n  - exec: insert into pets (name) values ('x')\n  - exec: insert into pets (id, name) values (1, 'x')", message: "Duplicate entry"},
		{step: "query: select count(*) as n from pets", want: `[{"n":1}]`},
		{step: "exec: insert into pets (name) values ('it\\'s; delete from pets')", want: `[{"last_insert_id":3,"rows_affected":1}]`},
	})
}

func TestSQLOnSQLite(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.connect("sqlite", "sqlite", map[string]string{"file": "people.db"})
	secret := filepath.Join(t.TempDir(), "other.db")
	w.sql(t, "sqlite", []sqlCase{
		{step: "exec: create table people (id integer primary key, name text, score real, data json, seen timestamp, photo blob, ok boolean)", want: `[{"rows_affected":0}]`},
		{
			step:  "exec: insert into people values (?, ?, ?, ?, ?, x'00ff', ?)\nargs: ['${ .id }', '${ .name }', 1.5, '${ .data }', '2026-11-21T20:00:00Z', true]",
			event: `{"id": 9007199254740993, "name": "Zoë '; drop table people; --", "data": {"n": 1}}`,
			want:  `[{"last_insert_id":9007199254740993,"rows_affected":1}]`,
		},
		{
			step:  "query: select id, name, score, data, seen, photo, ok from people where id = ?1 and score > ?2\nargs: ['${ . }', 1.10]",
			event: `9007199254740993`,
			want:  `[{"data":{"n":1},"id":9007199254740993,"name":"Zoë '; drop table people; --","ok":true,"photo":"AP8=","score":1.5,"seen":"2026-11-21T20:00:00Z"}]`,
		},
		{step: "exec: update people set score = 2", want: `[{"rows_affected":1}]`},
		{step: "query: select ? as a where 'b' in ( 'c' , ? /* ? */ ,?) and ? in (select value from json_each(?)) and 5 not in (?)\nargs: [1, [a, b], x, 2, [2, 3], []]", want: `[{"a":1}]`},
		{step: "query: select 1 as a where 'b' in (?, ?)\nargs: [[], b]", message: "an empty list beside other values"},
		{step: "query: select 1 as a where 'b' in (?1)\nargs: [[b]]", message: "a list is no value of ?1 in the parentheses of IN: write ? without a number, or in (select value from json_each(?1))"},
		{step: "query: select 1 as a where 'b' in (?)\nargs: ['${ [range(10001)] }']", message: "a list for IN has 10001 values, 10000 are allowed"},
		{step: "query: select value as v from json_each(?)\nargs: [[1, b]]", want: `[{"v":1},{"v":"b"}]`},
		{step: "exec: attach '" + secret + "' as other", message: "SQLite statements of a flow begin with one of SELECT"},
		{step: "exec: /* /* */ attach '" + secret + "' as other -- */ */ select 1", message: "SQLite statements of a flow begin with"},
		{step: "exec: \"-- x\\nATTACH '" + secret + "' as other\"", message: "SQLite statements of a flow begin with"},
		{step: "exec: \"select 1 /* /* */; attach '" + secret + "' as other -- */\"", message: "one statement each"},
		{step: "exec: vacuum into '" + secret + "'", message: "SQLite statements of a flow begin with"},
		{step: "query: pragma writable_schema = 1", message: "SQLite statements of a flow begin with"},
		{step: "query: explain pragma journal_mode = off", message: "SQLite statements of a flow begin with"},
		{step: "query: select load_extension('x')", message: "the database says"},
		{step: "exec: update sqlite_master set name = 'x'", message: "may not be modified"},
		{step: "exec: select \"no such column\"", message: "no such column"},
		{step: "transaction:\n  - exec: insert into people (id) values (5)\n  - exec: insert into people (id) values (5)", message: "UNIQUE constraint"},
		{step: "query: select count(*) as n from people", want: `[{"n":1}]`},
	})
	if _, err := os.Stat(secret); !os.IsNotExist(err) {
		t.Errorf("another file was made: %v", err)
	}
}

// A statement that was undone because of others is tried again by default; what is wrong for good is not. The error has
// its SQLSTATE.
func TestSQLDeadlock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.database("postgres", testenv.Postgres(t))
	w.database("mysql", testenv.MariaDB(t))
	w.must("sql: {connection: postgres, exec: create sequence tries}", nil)
	w.must("sql:\n  connection: postgres\n  exec: |\n    create function busy(free int, state text) returns int language plpgsql as $$ begin\n      if nextval('tries') < free then raise exception 'busy' using errcode = state; end if; return currval('tries'); end $$", nil)
	for _, test := range []struct{ state, retry, want string }{
		{"40P01", "retry: {attempts: 3, backoff: 1ms}", `[{"n":3}]`},
		{"40001", "retry: {attempts: 3, backoff: 1ms, on: [deadlock]}", `[{"n":3}]`},
		{"40001", "retry: {attempts: 3, backoff: 1ms, on: [network]}", `[{"error":{"code":"step_failed","message":"the database says: ERROR: busy (SQLSTATE 40001)","sqlstate":"40001","step":"sql"}}]`},
		{"23505", "retry: {attempts: 3, backoff: 1ms}", `[{"error":{"code":"step_failed","message":"the database says: ERROR: busy (SQLSTATE 23505)","sqlstate":"23505","step":"sql"}}]`},
	} {
		w.must("sql: {connection: postgres, exec: alter sequence tries restart}", nil)
		got := w.must("sql: {connection: postgres, query: 'select busy(3, $1) as n', args: ["+test.state+"]}\neffect: once\non_error: continue\n"+test.retry, nil)
		if got != test.want {
			t.Errorf("%s, %s: %s, want %s", test.state, test.retry, got, test.want)
		}
	}
	for number, want := range map[string]flows.Class{"1213": flows.ClassDeadlock, "1205": flows.ClassDeadlock, "1644": ""} {
		_, err := w.run(t.Context(), "sql: {connection: mysql, exec: \"signal sqlstate '45000' set mysql_errno = "+number+"\"}", nil)
		var failed *flows.Error
		if !errors.As(err, &failed) || failed.Class != want || failed.SQLState != "45000" {
			t.Errorf("%s: %v, class %q, want %q", number, err, failed.Class, want)
		}
	}
}

// The statement ends with the step's timeout, and its transaction is rolled back.
func TestSQLTimeout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.database("postgres", testenv.Postgres(t))
	w.must("sql: {connection: postgres, exec: create table t (n int)}", nil)
	begun := time.Now()
	_, err := w.run(t.Context(), "sql:\n  connection: postgres\n  transaction: [{exec: insert into t values (1)}, {query: select pg_sleep(30)}]\ntimeout: 200ms", nil)
	var failure *flows.Error
	if !errors.As(err, &failure) || failure.Class != flows.ClassTimeout || time.Since(begun) > 10*time.Second {
		t.Errorf("%v after %v, want the step's timeout", err, time.Since(begun))
	}
	if got := w.must("sql: {connection: postgres, query: select count(*) as n from t}", nil); got != `[{"n":0}]` {
		t.Errorf("rows of the transaction: %s", got)
	}
}

// All steps together open no more connections than the pool allows.
func TestSQLPoolIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.database("postgres", testenv.Postgres(t))
	flow, err := oneStep("sql: {connection: postgres, query: 'select count(*) as n, pg_sleep(0.02)::text as s from pg_stat_activity where application_name = $1', args: [penstock]}")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 40 {
		all.Go(func() {
			items, err := flow.Execute(context.Background(), flows.Run{ID: "r", Attempt: 1}, w.env)
			if err != nil {
				t.Error(err)
				return
			}
			if n := fmt.Sprint(items[0].(map[string]any)["n"]); n > "4" || len(n) > 1 {
				t.Errorf("%s connections, want at most 4", n)
			}
		})
	}
	all.Wait()
}

// A file of the run is stored in a column as its bytes, and becomes a file again when it is read.
func TestSQLFiles(t *testing.T) {
	t.Parallel()
	for kind, c := range map[string]struct{ blob, one string }{"sqlite": {"blob", "?1"}, "postgres": {"bytea", "$1"}, "mysql": {"longblob", "?"}} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			switch kind {
			case "sqlite":
				w.connect(kind, kind, map[string]string{"file": "files.db"})
			case "postgres":
				w.database(kind, testenv.Postgres(t))
			default:
				w.database(kind, testenv.MariaDB(t))
			}
			bytes := blobtest.Content(300_001)
			var file map[string]any
			w.env.Files, file = newFiles(t, bytes)
			w.must("sql: {connection: "+kind+", exec: 'create table docs (id int, doc "+c.blob+", note varchar(100))'}", nil)
			event := map[string]any{"doc": file, "text": map[string]any{"file": "a.txt"}}
			w.must("sql:\n  connection: "+kind+"\n  transaction: [{exec: 'insert into docs (id, doc) values (1, "+c.one+")', args: ['${ .doc }']}, {exec: insert into docs (id) values (2)}]", event)
			items, err := w.run(t.Context(), "sql: {connection: "+kind+", query: 'select id, doc from docs order by id', files: [doc]}", nil)
			if err != nil || len(items) != 2 || items[1].(map[string]any)["doc"] != nil {
				t.Fatalf("%v, %v", items, err)
			}
			stored := items[0].(map[string]any)["doc"].(map[string]any)
			if stored["sha256"] != file["sha256"] || stored["size"] != 300_001 || stored["file"] == file["file"] {
				t.Errorf("%v, want %v", stored, file)
			}
			w.sql(t, kind, []sqlCase{
				{step: "query: select id from docs\nfiles: [doc]", message: `the rows have no column "doc"`},
				{step: "query: select id, doc from docs\nfiles: [id]", message: "a column of numbers or times"},
				{step: "exec: delete from docs\nfiles: [doc]", message: "files are columns of a query"},
				{step: "transaction: [{query: select doc from docs}]\nfiles: [doc]", message: "each statement of a transaction has its own files"},
				{step: "exec: update docs set doc = " + c.one + "\nargs: [{file: 'blob:" + strings.Repeat("0", 32) + "'}]", message: "this run has no such file"},
			})
		})
	}
}
