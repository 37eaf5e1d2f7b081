package sqlstep

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/penstock/penstock/flows"
)

// call is a statement with bound arguments.
type call struct {
	statement *statement
	text      string // of the statement, with lists expanded
	db        *flows.Database
	args      []any
}

// run executes the statement with on, and returns its rows, or one object with the number of affected rows. A statement
// in which MySQL refuses a time, and which changed nothing therefore, is executed once more with times as MySQL writes
// them.
func (c *call) run(ctx context.Context, on runner, rows *rowReader) ([]any, error) {
	items, err := c.execute(ctx, on, rows)
	if describe(c.db, err).RefusedTime && c.convertTimes() {
		return c.execute(ctx, on, rows)
	}
	return items, err
}

func (c *call) execute(ctx context.Context, on runner, rows *rowReader) ([]any, error) {
	if !c.statement.query {
		return c.exec(ctx, on)
	}
	found, err := on.QueryContext(ctx, c.text, c.args...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	return rows.read(ctx, found, c.statement)
}

// convertTimes replaces the arguments that are times of RFC 3339 by what MySQL takes as a date and time, in UTC; false:
// there are none.
func (c *call) convertTimes() (converted bool) {
	for i, arg := range c.args {
		text, _ := arg.(string)
		if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
			c.args[i], converted = t.UTC().Format("2006-01-02 15:04:05.999999"), true
		}
	}
	return converted
}

func (c *call) exec(ctx context.Context, on runner) ([]any, error) {
	result, err := on.ExecContext(ctx, c.text, c.args...)
	if err != nil {
		return nil, err
	}
	object := map[string]any{}
	if n, err := result.RowsAffected(); err == nil {
		object["rows_affected"] = int(n)
	}
	// SQLite returns the last id of the connection, whichever statement created it.
	dialect := c.db.Dialect
	words, _ := sqlWords(c.text)
	if inserts := words[0] == "insert" || words[0] == "replace"; inserts && (dialect == flows.MySQL || dialect == flows.SQLite) {
		if id, err := result.LastInsertId(); err == nil && id != 0 {
			object["last_insert_id"] = json.Number(strconv.FormatInt(id, 10))
			if dialect == flows.MySQL { // may be unsigned
				object["last_insert_id"] = json.Number(strconv.FormatUint(uint64(id), 10))
			}
		}
	}
	return []any{object}, nil
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
