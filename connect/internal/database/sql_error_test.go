package database

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	mssql "github.com/microsoft/go-mssqldb"

	"github.com/penstock/penstock/flows"
)

// A deadlock of each database is recognized, also in a wrapped error, because a retry helps; nothing else is taken for one.
func TestDescribeSQLError(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err  error
		want flows.SQLError
	}{
		{&pgconn.PgError{Code: "40P01"}, flows.SQLError{State: "40P01", Deadlock: true}},
		{&pgconn.PgError{Code: "40001"}, flows.SQLError{State: "40001", Deadlock: true}},
		{&pgconn.PgError{Code: "23505"}, flows.SQLError{State: "23505"}},
		{&mysql.MySQLError{Number: 1213, SQLState: [5]byte([]byte("40001"))}, flows.SQLError{State: "40001", Deadlock: true}},
		{&mysql.MySQLError{Number: 1205}, flows.SQLError{Deadlock: true}},
		{&mysql.MySQLError{Number: 1292}, flows.SQLError{RefusedTime: true}},
		{&mysql.MySQLError{Number: 1062, SQLState: [5]byte([]byte("23000"))}, flows.SQLError{State: "23000"}},
		{mssql.Error{Number: 1205}, flows.SQLError{Deadlock: true}},
		{mssql.Error{Number: 3960}, flows.SQLError{Deadlock: true}},
		{mssql.Error{Number: 2627}, flows.SQLError{}},
		{errors.New("40P01 deadlock"), flows.SQLError{}},
	} {
		for _, err := range []error{tc.err, fmt.Errorf("exec: %w", tc.err)} {
			if got := describeSQLError(err); got != tc.want {
				t.Errorf("%v: %+v, want %+v", err, got, tc.want)
			}
		}
	}
	for _, code := range []string{"42P05", "26000"} {
		if got := describeSQLError(&pgconn.PgError{Code: code}); !strings.Contains(got.Hint, "pooler: transaction") || got.Deadlock {
			t.Errorf("%s: %+v", code, got)
		}
	}
}
