package flows

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"
)

// rehearsedDatabase returns a database that records statements and has no rows. It needs no network.
func rehearsedDatabase(r *rehearsal, connection string) *sql.DB {
	return sql.OpenDB(sqlConnector{r, connection})
}

// sqlConnector implements driver.Connector, driver.Driver, and the interfaces of one connection and of its transactions.
type sqlConnector struct {
	r    *rehearsal
	name string // of the connection
}

// Connect implements driver.Connector.
func (c sqlConnector) Connect(context.Context) (driver.Conn, error) { return c, nil }

// Driver implements driver.Connector.
func (c sqlConnector) Driver() driver.Driver { return c }

// Open implements driver.Driver.
func (c sqlConnector) Open(string) (driver.Conn, error) { return c, nil }

// Close implements driver.Conn.
func (sqlConnector) Close() error { return nil }

// Begin implements driver.Conn.
func (c sqlConnector) Begin() (driver.Tx, error) { return c, nil }

// Commit implements driver.Tx.
func (sqlConnector) Commit() error { return nil }

// Rollback implements driver.Tx.
func (sqlConnector) Rollback() error { return nil }

// CheckNamedValue implements driver.NamedValueChecker: every argument is taken as it is.
func (sqlConnector) CheckNamedValue(*driver.NamedValue) error { return nil }

// Prepare implements driver.Conn.
func (c sqlConnector) Prepare(query string) (driver.Stmt, error) { return sqlStatement{c, query}, nil }

// ExecContext implements driver.ExecerContext.
func (c sqlConnector) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.note(ctx, query, args)
	return driver.RowsAffected(0), nil
}

// QueryContext implements driver.QueryerContext.
func (c sqlConnector) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.note(ctx, query, args)
	return noRows{}, nil
}

func (c sqlConnector) note(ctx context.Context, query string, args []driver.NamedValue) {
	request := map[string]any{"connection": c.name, "statement": query}
	if len(args) > 0 {
		list := make([]any, len(args))
		for i, a := range args {
			if list[i] = a.Value; !isJSON(a.Value) {
				list[i] = fmt.Sprint(a.Value)
			}
		}
		request["args"] = list
	}
	c.r.note(ctx, request)
}

// isJSON reports whether a bound value is one that EncodeJSON knows.
func isJSON(v any) bool {
	switch v.(type) {
	case nil, bool, string, int64, float64, []any, map[string]any:
		return true
	}
	return false
}

// sqlStatement is a prepared statement. It implements driver.Stmt and driver.StmtExecContext.
type sqlStatement struct {
	sqlConnector
	query string
}

// NumInput implements driver.Stmt: the number of arguments is not checked.
func (sqlStatement) NumInput() int { return -1 }

// Exec implements driver.Stmt.
func (sqlStatement) Exec([]driver.Value) (driver.Result, error) { return nil, errNotSent }

// Query implements driver.Stmt.
func (sqlStatement) Query([]driver.Value) (driver.Rows, error) { return nil, errNotSent }

// ExecContext implements driver.StmtExecContext.
func (s sqlStatement) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.sqlConnector.ExecContext(ctx, s.query, args)
}

// noRows implements driver.Rows.
type noRows struct{}

// Columns implements driver.Rows.
func (noRows) Columns() []string { return nil }

// Close implements driver.Rows.
func (noRows) Close() error { return nil }

// Next implements driver.Rows.
func (noRows) Next([]driver.Value) error { return io.EOF }
