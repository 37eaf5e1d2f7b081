package testenv

import (
	"context"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// MariaDB starts a MariaDB server on a free loopback port and waits until it answers. It ends with the test, and its
// files are removed.
func MariaDB(t testing.TB) *Database {
	t.Helper()
	install := findProgram(t, "mariadb-install-db", "mariadb-server", "/usr/bin", "/usr/local/bin")
	server := findProgram(t, "mariadbd", "mariadb-server", "/usr/sbin", "/usr/local/sbin", "/usr/libexec")
	s := newDatabaseServer(t, "mariadb")
	d := &Database{Host: "127.0.0.1", Port: freePort(t), User: "penstock", Password: "s3cret/'\"%", Name: "penstock"}
	data, socket := filepath.Join(s.dir, "data"), filepath.Join(s.dir, "socket")
	s.prepare(install, "--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db")

	root := mysql.NewConfig()
	root.User, root.Net, root.Addr, root.Logger = "root", "unix", socket, &mysql.NopLogger{}
	setUp := []string{
		"CREATE DATABASE IF NOT EXISTS " + d.Name + " CHARACTER SET utf8mb4",
		`CREATE USER IF NOT EXISTS '` + d.User + `'@'%' IDENTIFIED BY 's3cret/\'"%'`,
		"GRANT ALL ON " + d.Name + ".* TO '" + d.User + "'@'%'",
	}
	s.serve(syscall.SIGTERM, func(ctx context.Context) error { return pingDatabase(ctx, "mysql", root.FormatDSN(), setUp...) },
		server, "--no-defaults", "--datadir="+data, "--socket="+socket, "--port="+d.Port, "--bind-address="+d.Host,
		"--pid-file="+filepath.Join(s.dir, "pid"), "--skip-name-resolve", "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=16M",
		"--max-allowed-packet=256M")
	return d
}
