package sqlstep

import (
	"context"
	"database/sql"
	"encoding/json"
	"strconv"

	"github.com/penstock/penstock/flows"
)

// call is a statement with bound arguments.
type call struct {
	statement *statement
	text      string // of the statement, with lists expanded
	dialect   flows.Dialect
	args      []any
}

// run executes the statement and returns its rows, or one object with the number of affected rows.
func (c *call) run(ctx context.Context, db runner, rows *rowReader) ([]any, error) {
	if !c.statement.query {
		return c.exec(ctx, db)
	}
	found, err := db.QueryContext(ctx, c.text, c.args...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	return rows.read(ctx, found, c.statement.files)
}

func (c *call) exec(ctx context.Context, db runner) ([]any, error) {
	result, err := c.result(ctx, db)
	if err != nil {
		return nil, err
	}
	object := map[string]any{}
	if n, err := result.RowsAffected(); err == nil {
		object["rows_affected"] = int(n)
	}
	// SQLite returns the last id of the connection, whichever statement created it.
	words, _ := sqlWords(c.text)
	if inserts := words[0] == "insert" || words[0] == "replace"; inserts && (c.dialect == flows.MySQL || c.dialect == flows.SQLite) {
		if id, err := result.LastInsertId(); err == nil && id != 0 {
			object["last_insert_id"] = json.Number(strconv.FormatInt(id, 10))
			if c.dialect == flows.MySQL { // may be unsigned
				object["last_insert_id"] = json.Number(strconv.FormatUint(uint64(id), 10))
			}
		}
	}
	return []any{object}, nil
}

// result executes the statement. On PostgreSQL it prepares a statement without arguments, because the driver would
// otherwise execute every statement in the text.
func (c *call) result(ctx context.Context, db runner) (sql.Result, error) {
	if c.dialect != flows.Postgres || len(c.args) > 0 {
		return db.ExecContext(ctx, c.text, c.args...)
	}
	prepared, err := db.PrepareContext(ctx, c.text)
	if err != nil {
		return nil, err
	}
	defer prepared.Close()
	return prepared.ExecContext(ctx)
}

// bindSQL converts a value to an argument. Numbers stay exact: one without an exact type in the driver is sent as
// text, which the database converts.
func bindSQL(dialect flows.Dialect, v any) any {
	switch v := v.(type) {
	case nil, bool, string:
		return v
	case []any, map[string]any:
		if dialect == flows.Postgres {
			return v // an array or JSON, by the parameter's type
		}
		return string(flows.EncodeJSON(v))
	}
	number := string(flows.EncodeJSON(v))
	if dialect == flows.Postgres {
		return number
	}
	if n, err := strconv.ParseInt(number, 10, 64); err == nil {
		return n
	}
	// SQLite compares text and numbers by type: it needs a float.
	const exactDigits = 15
	if f, err := strconv.ParseFloat(number, 64); err == nil && dialect == flows.SQLite && len(number) <= exactDigits {
		return f
	}
	return number
}
