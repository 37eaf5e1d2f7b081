package connect

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/store"
)

// The error of an unusable database contains no value of the connection.
func TestDatabaseTrouble(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	p := f.newProcess()
	for kind, d := range map[string]*testenv.Database{"postgres": testenv.Postgres(t), "mysql": testenv.MariaDB(t)} {
		good := map[string]string{"host": d.Host, "port": d.Port, "database": d.Name, "username": d.User, "password": d.Password, "tls": "none"}
		for _, test := range []struct {
			name, value, want string
			class             flows.Class
		}{
			{"database", d.Name, "", ""},
			{"password", "wr0ng-s3cret", "the database refuses the login", ""},
			{"username", "n0body", "the database refuses the login", ""},
			{"database", "n0where", "the database ", ""},
			{"port", "1", "the database does not accept connections", flows.ClassNetwork},
			{"host", "n0where.invalid", "the database ", flows.ClassNetwork},
			{"tls", "verify", "the database does not offer TLS", ""},
		} {
			settings := maps.Clone(good)
			settings[test.name] = test.value
			p.put(store.Connection{Name: "db", Type: kind, Settings: settings})
			db, err := p.SQL(t.Context(), "db")
			if err != nil {
				t.Fatal(err)
			}
			err = db.DB.PingContext(t.Context())
			var told *flows.Error
			switch {
			case test.want == "" && err != nil:
				t.Errorf("%s: %v", kind, err)
			case test.want != "" && (!errors.As(err, &told) || !strings.HasPrefix(told.Message, `connection "db": `+test.want) || told.Class != test.class):
				t.Errorf("%s with another %s: %v, want %s", kind, test.name, err, test.want)
			}
			for _, hidden := range []string{"s3cret", "n0body", "n0where", d.User, d.Host, d.Port} {
				if err != nil && strings.Contains(err.Error(), hidden) {
					t.Errorf("%s with another %s: the error shows %q: %v", kind, test.name, hidden, err)
				}
			}
		}
	}
}

func TestSQLiteStaysInItsDirectory(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	p := f.newProcess()
	outside := t.TempDir()
	for name, target := range map[string]string{"dir": outside, "file.db": filepath.Join(outside, "other.db"), "loop.db": "loop.db", "new.db": filepath.Join(outside, "new.db")} {
		if err := os.Symlink(target, filepath.Join(p.config.SQLiteDir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(outside, "other.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const away = `connection "db": its file is not inside the directory of sqlite files`
	for file, want := range map[string]string{
		"good %?#.db": "", "dir/a.db": away, "file.db": away, "loop.db": away, "none/a.db": away, "new.db": away,
	} {
		p.put(store.Connection{Name: "db", Type: "sqlite", Settings: map[string]string{"file": file}})
		db, err := p.SQL(t.Context(), "db")
		if err != nil {
			t.Fatal(err)
		}
		_, err = db.DB.ExecContext(t.Context(), "create table t (n int)")
		if want == "" && err != nil || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("%s: %v, want %s", file, err, want)
		}
	}
	if made, err := os.Stat(filepath.Join(p.config.SQLiteDir, "good %?#.db")); err != nil || made.Mode().Perm() != 0o600 {
		t.Errorf("the file has another name or mode: %v, %v", made, err)
	}
	if made, err := os.ReadDir(outside); err != nil || len(made) != 1 {
		t.Errorf("outside there are %v, %v", made, err)
	}
}
