package testenv

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// PgBouncer starts a PgBouncer in transaction mode on a free loopback port, with two connections to a PostgreSQL server,
// and waits until it answers. It keeps no prepared statements (max_prepared_statements is 0, the default before 1.24).
// The test is skipped where the program is not installed.
func PgBouncer(t testing.TB, server *Database) *Database {
	t.Helper()
	path, err := exec.LookPath("pgbouncer")
	if err != nil {
		if path = "/usr/sbin/pgbouncer"; !isFile(path) {
			t.Skip("pgbouncer is not installed: use the package pgbouncer of your system")
		}
	}
	s := newDatabaseServer(t, "pgbouncer")
	d := *server
	d.Port = freePort(t)
	quoted := strings.ReplaceAll(server.Password, "'", "''")
	files := map[string]string{
		"users.txt": fmt.Sprintf("%q %q\n", d.User, "unused"),
		"pgbouncer.ini": fmt.Sprintf("[databases]\n%s = host=%s port=%s user=%s password='%s'\n[pgbouncer]\nlisten_addr = %s\nlisten_port = %s\n"+
			"unix_socket_dir =\nauth_type = trust\nauth_file = users.txt\npool_mode = transaction\ndefault_pool_size = 2\n",
			d.Name, server.Host, server.Port, d.User, quoted, d.Host, d.Port),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o644); err != nil {
			t.Fatalf("write %s: %v", name, err)
		}
	}
	dsn := (&url.URL{Scheme: "postgres", User: url.UserPassword(d.User, d.Password), Host: d.Address(), Path: d.Name, RawQuery: "sslmode=disable&default_query_exec_mode=exec"}).String()
	s.serve(syscall.SIGINT, func(ctx context.Context) error { return pingDatabase(ctx, "pgx", dsn) }, path, filepath.Join(s.dir, "pgbouncer.ini"))
	return &d
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
