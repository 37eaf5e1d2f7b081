package sqlstep

import "github.com/penstock/penstock/flows"

func params() []flows.Param {
	own := []flows.Param{{Name: "connection", Type: flows.TypeString, Names: flows.ResourceConnection, Required: true, Summary: "Name of the database's connection."}}
	own = append(own, statementParams()...)
	return append(own,
		flows.Param{Name: "transaction", Type: flows.TypeList, OneOf: "statement", Fields: append(statementParams(), flows.Param{
			Name: "each", Type: flows.TypeExpr, Summary: "Executes the statement once for each result of a program, which is the item for its args; at most 10,000 times.",
		}), Summary: "Statements that are committed together or not at all."},
		flows.Param{Name: "max_rows", Type: flows.TypeInt, Default: "1000", Summary: "Most rows of a query; more are a failure. At most 100,000."},
	)
}

func statementParams() []flows.Param {
	const instead = "a value never becomes a part of a statement: write a placeholder and put the value into args"
	return []flows.Param{
		{Name: "query", Type: flows.TypeString, OneOf: "statement", Hint: instead, Summary: "Statement that returns rows."},
		{Name: "exec", Type: flows.TypeString, OneOf: "statement", Hint: instead, Summary: "Statement that changes something."},
		{Name: "args", Type: flows.TypeTemplate, Summary: "List of the values for the placeholders, in their order. A file of the run is its bytes, 50 MB at most together."},
		{Name: "files", Type: flows.TypeStrings, Summary: "Columns of the query whose values become files of the run."},
		{Name: "json", Type: flows.TypeStrings, Summary: "Columns of the query whose texts are JSON and become the values they stand for."},
	}
}

const example = `name: donor
sql:
  connection: donors
  query: select id, name, total from donors where email = $1 and total > $2
  args: ["${ .email }", 100]
timeout: 5s`

const doc = `**Output.** ` + "`query`" + ` returns one item for each row, ` + "`{column: value}`" + `, and none without rows. ` + "`exec`" + ` returns
` + "`{rows_affected, last_insert_id}`" + `, the latter after an INSERT into MySQL, MariaDB or SQLite. ` + "`transaction`" + ` returns one
item, the list of its statements' results: the rows of a query as a list, that object for an exec; with ` + "`each`" + ` a list of these.

**Placeholders** are those of the database:

| database | placeholders | lists and objects among the values |
|---|---|---|
| PostgreSQL | ` + "`$1`, `$2`" + ` | an array or JSON, as the parameter is: ` + "`where id = any($1)`" + ` |
| MySQL, MariaDB | ` + "`?`" + ` | JSON text; ` + "`where id in (?)`" + ` |
| SQL Server | ` + "`@p1`, `@p2`" + ` | JSON text, for ` + "`openjson(@p1)`" + ` |
| SQLite | ` + "`?`, `?1`" + ` | JSON text, for ` + "`json_each(?)`" + `; ` + "`where id in (?)`" + ` |

In the parentheses of ` + "`in (?)`" + ` a list stands for its elements, at most 10,000; of an empty list ` + "`in`" + ` is false and ` + "`not in`" + ` true.

**Values.** Integers, NUMERIC and DECIMAL stay exact, and ` + "`Infinity`, `-Infinity` and `NaN`" + ` are texts. JSON columns become values; those of MariaDB, which are
texts to its clients, and other columns with JSON in them do when ` + "`json`" + ` names them: ` + "`json: [data]`" + `. Times are RFC 3339 in UTC, a column without a
time zone is taken as UTC; dates are ` + "`2026-11-21`" + `. MySQL's ` + "`0000-00-00`" + ` is null, and a date with a zero month or day stays as MySQL writes it. A time that was
read can be written back: where MySQL refuses ` + "`2026-11-21T18:00:00.5Z`" + ` as a DATETIME, the statement is executed with all such args as ` + "`2026-11-21 18:00:00.5`" + `, in UTC. PostgreSQL drops the offset of a text for a column without a time
zone: convert it with ` + "`to_zone(\"UTC\")`" + `, or use TIMESTAMPTZ. Binary columns are base64; those
of ` + "`files`" + ` become files of the run, null stays null, and a file among the args is stored as its bytes. Types that JSON does not have are text as the
database writes them, a PostgreSQL array for instance; ` + "`to_jsonb(tags)`" + ` makes a list of it.

**Effect.** A query whose text only reads may run again when a run resumes; all other statements happen once. A
SELECT that calls a function which writes needs ` + "`effect: once`" + `. When a worker dies in such a statement, the run is ` + "`uncertain`" + `. A statement that may run twice says
` + "`effect: idempotent`" + `, such as an INSERT with ON CONFLICT DO NOTHING. The second time it may have no rows, so what follows must not depend on them: ` + "`as`" + ` keeps the item, see
the recipe [payment-receipt](cookbook.md).

**Errors.** ` + "`sqlstate`" + ` of an error (` + "`on_error: continue`" + `, and the run's) is the SQLSTATE of PostgreSQL, MySQL and MariaDB: ` + "`23505`" + ` or ` + "`23000`" + ` for a key that exists.
A deadlock, a serialization failure and a lock that was not free in time undo the statement or the whole transaction; ` + "`retry: 3`" + `
tries again (` + "`on: [deadlock]`" + `: after nothing else).

**One statement each.** Several in one text are refused, and so are BEGIN, COMMIT and the like, and COPY from and to the client. SQLite statements work on tables: ATTACH, PRAGMA and VACUUM are refused.

` + "```yaml" + `
sql:
  connection: donors
  transaction:
    - exec: insert into gifts (donor, amount) values ($1, $2)
      args: ["${ .donor }", "${ .amount }"]
    - exec: insert into lines (sku, quantity) values ($1, $2)
      each: .lines[]
      args: ["${ .sku }", "${ .quantity }"]
    - query: update donors set total = total + $2 where id = $1 returning total
      args: ["${ .donor }", "${ .amount }"]
` + "```" + `

` + "```yaml" + `
sql:
  connection: donors
  query: select name, photo from donors where id = $1
  args: ["${ .id }"]
  files: [photo]
` + "```" + `
`
