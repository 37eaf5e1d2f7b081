package database

import (
	"errors"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	mssql "github.com/microsoft/go-mssqldb"
)

// isLoginRejected reports whether a server rejects user and password.
func isLoginRejected(err error) bool {
	var pg *pgconn.PgError
	var my *mysql.MySQLError
	var ms mssql.Error
	switch {
	case errors.As(err, &pg):
		return strings.HasPrefix(pg.Code, "28") // invalid authorization
	case errors.As(err, &my):
		return slices.Contains([]uint16{1044, 1045, 1698, 3118}, my.Number)
	case errors.As(err, &ms):
		return ms.Number == 18456
	}
	return false
}

// rejectionReason describes other rejections of a connection by a server; empty when unknown.
func rejectionReason(err error) string {
	var pg *pgconn.PgError
	var my *mysql.MySQLError
	var ms mssql.Error
	unknown, full := false, false
	switch {
	case errors.As(err, &pg):
		unknown, full = pg.Code == "3D000", pg.Code == "53300"
	case errors.As(err, &my):
		unknown, full = my.Number == 1049, my.Number == 1040 || my.Number == 1203
	case errors.As(err, &ms):
		unknown = ms.Number == 4060
	}
	switch {
	case unknown:
		return "server has no database of that name"
	case full:
		return "server has no connection left"
	}
	return ""
}
