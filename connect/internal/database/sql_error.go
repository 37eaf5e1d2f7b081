package database

import (
	"errors"
	"slices"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	mssql "github.com/microsoft/go-mssqldb"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/penstock/penstock/flows"
)

// describeSQLError implements flows.Database.Describe.
func describeSQLError(err error) (d flows.SQLError) {
	var pg *pgconn.PgError
	var my *mysql.MySQLError
	var ms mssql.Error
	var lite *sqlite.Error
	switch {
	case errors.As(err, &pg):
		d.State = pg.Code
		d.Deadlock = pg.Code == "40P01" || pg.Code == "40001" // deadlock, serialization failure
		if pg.Code == "42P05" || pg.Code == "26000" {         // a prepared statement exists already, or does not exist
			d.Hint = "a pooler that assigns a server to each transaction needs `pooler: transaction` in the connection"
		}
	case errors.As(err, &my):
		if my.SQLState != [5]byte{} {
			d.State = string(my.SQLState[:])
		}
		d.Deadlock = my.Number == 1213 || my.Number == 1205              // deadlock, lock wait timeout
		d.RefusedTime = slices.Contains([]uint16{1292, 1525}, my.Number) // a value is not correct as a date and time
	case errors.As(err, &ms):
		d.Deadlock = ms.Number == 1205 || ms.Number == 3960 // deadlock, update conflict of snapshots
	case errors.As(err, &lite):
		d.Deadlock = lite.Code()&primaryCode == sqlite3.SQLITE_BUSY
	}
	return d
}
