package testenv

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"
)

// Postgres starts a PostgreSQL server on a free loopback port and waits until it answers. It ends with the test, and
// its files are removed.
func Postgres(t testing.TB) *Database {
	t.Helper()
	const places = "/usr/lib/postgresql/*/bin"
	initdb, postgres := findProgram(t, "initdb", "postgresql", places), findProgram(t, "postgres", "postgresql", places)
	s := newDatabaseServer(t, "postgres")
	d := &Database{Host: "127.0.0.1", Port: freePort(t), User: "penstock", Password: "s3cret/'\"%", Name: "postgres"}
	password := filepath.Join(s.dir, "password")
	if err := os.WriteFile(password, []byte(d.Password), 0o644); err != nil {
		t.Fatalf("write password: %v", err)
	}
	data := filepath.Join(s.dir, "data")
	s.prepare(initdb, "-D", data, "-U", d.User, "--pwfile", password, "-A", "scram-sha-256", "-E", "UTF8", "--no-locale", "--no-sync")
	dsn := (&url.URL{Scheme: "postgres", User: url.UserPassword(d.User, d.Password), Host: d.Address(), Path: d.Name, RawQuery: "sslmode=disable"}).String()
	s.serve(syscall.SIGINT, func(ctx context.Context) error { return pingDatabase(ctx, "pgx", dsn) },
		postgres, "-D", data, "-h", d.Host, "-p", d.Port, "-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "timezone=UTC")
	return d
}
