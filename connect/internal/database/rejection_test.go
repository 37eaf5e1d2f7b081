package database

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	mssql "github.com/microsoft/go-mssqldb"
)

// The databases say in numbers of their own that a login or a database is wrong.
func TestRejections(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err   error
		login bool
		says  string
	}{
		{&pgconn.PgError{Code: "28P01"}, true, ""}, {&pgconn.PgError{Code: "28000"}, true, ""}, {&pgconn.PgError{Code: "3D000"}, false, "no database"}, {&pgconn.PgError{Code: "53300"}, false, "no connection left"},
		{&mysql.MySQLError{Number: 1045}, true, ""}, {&mysql.MySQLError{Number: 1698}, true, ""}, {&mysql.MySQLError{Number: 3118}, true, ""}, {&mysql.MySQLError{Number: 1049}, false, "no database"}, {&mysql.MySQLError{Number: 1040}, false, "no connection left"},
		{mssql.Error{Number: 18456}, true, ""}, {mssql.Error{Number: 4060}, false, "no database"}, {errors.New("other"), false, ""},
	} {
		err := fmt.Errorf("open: %w", tc.err)
		if got := isLoginRejected(err); got != tc.login {
			t.Errorf("%v: login rejected %t", tc.err, got)
		}
		if got := rejectionReason(err); tc.says == "" && got != "" || !strings.Contains(got, tc.says) {
			t.Errorf("%v: %q, want %q", tc.err, got, tc.says)
		}
	}
}
