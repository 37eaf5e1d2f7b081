package testenv_test

import (
	"database/sql"
	"net"
	"net/url"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/penstock/penstock/internal/testenv"
)

func TestDatabasesAnswer(t *testing.T) {
	t.Parallel()
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		d := testenv.Postgres(t)
		check(t, "pgx", (&url.URL{Scheme: "postgres", User: url.UserPassword(d.User, d.Password), Host: d.Address(), Path: d.Name, RawQuery: "sslmode=disable"}).String())
	})
	t.Run("mariadb", func(t *testing.T) {
		t.Parallel()
		d := testenv.MariaDB(t)
		config := mysql.NewConfig()
		config.User, config.Passwd, config.Net, config.Addr, config.DBName = d.User, d.Password, "tcp", net.JoinHostPort(d.Host, d.Port), d.Name
		check(t, "mysql", config.FormatDSN())
	})
}

func check(t *testing.T, driver, dsn string) {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var got int
	if err := db.QueryRowContext(t.Context(), "select 1+1").Scan(&got); err != nil || got != 2 {
		t.Errorf("1+1 = %d, %v", got, err)
	}
}
