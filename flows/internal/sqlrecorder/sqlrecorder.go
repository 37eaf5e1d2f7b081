// Package sqlrecorder is a database that records the statements sent to it, and executes none.
package sqlrecorder

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"
)

// Note receives a statement with its arguments. Those that have no form in JSON are texts.
type Note func(ctx context.Context, statement string, args []any)

// Open returns a database without rows, which needs no network. Queries of prepared statements fail with refused: their
// driver interface has no context to note them by.
func Open(note Note, refused error) *sql.DB { return sql.OpenDB(connector{note, refused}) }

// connector implements driver.Connector, driver.Driver, and the interfaces of one connection and of its transactions.
type connector struct {
	note    Note
	refused error
}

// Connect implements driver.Connector.
func (c connector) Connect(context.Context) (driver.Conn, error) { return c, nil }

// Driver implements driver.Connector.
func (c connector) Driver() driver.Driver { return c }

// Open implements driver.Driver.
func (c connector) Open(string) (driver.Conn, error) { return c, nil }

// Close implements driver.Conn.
func (connector) Close() error { return nil }

// Begin implements driver.Conn.
func (c connector) Begin() (driver.Tx, error) { return c, nil }

// Commit implements driver.Tx.
func (connector) Commit() error { return nil }

// Rollback implements driver.Tx.
func (connector) Rollback() error { return nil }

// CheckNamedValue implements driver.NamedValueChecker: every argument is taken as it is.
func (connector) CheckNamedValue(*driver.NamedValue) error { return nil }

// Prepare implements driver.Conn.
func (c connector) Prepare(query string) (driver.Stmt, error) { return statement{c, query}, nil }

// ExecContext implements driver.ExecerContext.
func (c connector) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.record(ctx, query, args)
	return driver.RowsAffected(0), nil
}

// QueryContext implements driver.QueryerContext.
func (c connector) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.record(ctx, query, args)
	return noRows{}, nil
}

func (c connector) record(ctx context.Context, query string, args []driver.NamedValue) {
	values := make([]any, len(args))
	for i, a := range args {
		if values[i] = a.Value; !isJSON(a.Value) {
			values[i] = fmt.Sprint(a.Value)
		}
	}
	c.note(ctx, query, values)
}

// isJSON reports whether a bound value has a form in JSON.
func isJSON(v any) bool {
	switch v.(type) {
	case nil, bool, string, int64, float64, []any, map[string]any:
		return true
	}
	return false
}

// statement is a prepared statement. It implements driver.Stmt and driver.StmtExecContext.
type statement struct {
	connector
	query string
}

// NumInput implements driver.Stmt: the number of arguments is not checked.
func (statement) NumInput() int { return -1 }

// Exec implements driver.Stmt.
func (s statement) Exec([]driver.Value) (driver.Result, error) { return nil, s.refused }

// Query implements driver.Stmt.
func (s statement) Query([]driver.Value) (driver.Rows, error) { return nil, s.refused }

// ExecContext implements driver.StmtExecContext.
func (s statement) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.connector.ExecContext(ctx, s.query, args)
}

// noRows implements driver.Rows.
type noRows struct{}

// Columns implements driver.Rows.
func (noRows) Columns() []string { return nil }

// Close implements driver.Rows.
func (noRows) Close() error { return nil }

// Next implements driver.Rows.
func (noRows) Next([]driver.Value) error { return io.EOF }
