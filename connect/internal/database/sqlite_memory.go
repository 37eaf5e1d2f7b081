package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync"

	"modernc.org/libc"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// SQLite computes in this process, outside of Go's heap.
const (
	sqliteHeap  = 96 << 20 // bytes of all connections of the process together
	sqliteValue = 16 << 20 // bytes of one text or blob, and of one row
)

// CountSQLite makes SQLite count its memory, which hard_heap_limit requires (https://www.sqlite.org/malloc.html). It
// must run before the first connection of the process is opened, and has no effect after that.
var CountSQLite = sync.OnceFunc(func() {
	tls := libc.NewTLS()
	defer tls.Close()
	args := libc.NewVaList(int32(1))
	defer libc.Xfree(tls, args)
	sqlite3.Xsqlite3_config(tls, sqlite3.SQLITE_CONFIG_MEMSTATUS, args)
})

// setLimits sets the limits of one connection (https://www.sqlite.org/limits.html).
func setLimits(ctx context.Context, conn driver.Conn) error {
	db := sql.OpenDB(lentConn{conn})
	defer db.Close() // does not close conn
	handle, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	for limit, most := range map[int]int{
		sqlite3.SQLITE_LIMIT_LENGTH:              sqliteValue,
		sqlite3.SQLITE_LIMIT_SQL_LENGTH:          1 << 20,
		sqlite3.SQLITE_LIMIT_COLUMN:              2000,
		sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 1000,
	} {
		if _, err := sqlite.Limit(handle, limit, most); err != nil {
			return err
		}
	}
	return nil
}

// lentConn is a connector that lends one connection to database/sql, the only way to set the driver's limits, and keeps
// it open.
type lentConn struct{ conn driver.Conn }

// Connect implements driver.Connector.
func (l lentConn) Connect(context.Context) (driver.Conn, error) { return l.conn, nil }

// Driver implements driver.Connector.
func (l lentConn) Driver() driver.Driver { return lentDriver{} }

// lentDriver is a driver that opens nothing.
type lentDriver struct{}

// Open implements driver.Driver.
func (lentDriver) Open(string) (driver.Conn, error) { return nil, errors.ErrUnsupported }
