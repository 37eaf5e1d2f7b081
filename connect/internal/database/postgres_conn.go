package database

import (
	"context"
	"database/sql/driver"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// postgresConnector returns connections of the type *postgresConn.
type postgresConnector struct{ driver.Connector }

// Connect implements driver.Connector.
func (c postgresConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &postgresConn{conn.(*stdlib.Conn)}, nil
}

// postgresConn is a connection on which a change of the schema fails no statement, and which executes one statement of
// a text only. Outside transactions, the driver caches statements, or their descriptions for `pooler: transaction`.
type postgresConn struct{ *stdlib.Conn }

// QueryContext implements driver.QueryerContext.
func (c *postgresConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return currentPlan(c, args, func(args []driver.NamedValue) (driver.Rows, error) {
		return c.Conn.QueryContext(ctx, query, args)
	})
}

// ExecContext implements driver.ExecerContext. The driver would execute every statement in a text without arguments
// (PostgreSQL's simple protocol).
func (c *postgresConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if len(args) > 0 {
		return currentPlan(c, args, func(args []driver.NamedValue) (driver.Result, error) {
			return c.Conn.ExecContext(ctx, query, args)
		})
	}
	if c.Conn.Conn().IsClosed() {
		return nil, driver.ErrBadConn
	}
	tag, err := c.Conn.Conn().PgConn().ExecParams(ctx, query, nil, nil, nil, nil).Close()
	if err != nil && pgconn.SafeToRetry(err) {
		err = driver.ErrBadConn
	}
	return driver.RowsAffected(tag.RowsAffected()), err
}

// currentPlan executes a statement whose cached plan or description may be older than the schema. Such a statement fails
// before it is executed, and leaves the cache: it is executed once more. In a transaction, which the failure would end,
// each statement is described again instead.
func currentPlan[T any](c *postgresConn, args []driver.NamedValue, execute func(args []driver.NamedValue) (T, error)) (T, error) {
	const idle = 'I'
	if c.Conn.Conn().PgConn().TxStatus() != idle {
		return execute(append([]driver.NamedValue{{Value: pgx.QueryExecModeDescribeExec}}, args...))
	}
	result, err := execute(args)
	if isStalePlan(err) {
		return execute(args)
	}
	return result, err
}

// isStalePlan reports whether the result of a statement has other columns than when it was prepared or described.
// The routine in the server's source tells the error apart from others of its code, in every language of messages.
func isStalePlan(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "0A000" && pg.Routine == "RevalidateCachedQuery" || pg.Code == "08P01" && pg.Routine == "PortalSetResultFormat")
}
