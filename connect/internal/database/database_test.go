package database

import (
	"cmp"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/testenv"
)

// openPool returns the pool of a connection with these settings and defaults for others.
func openPool(t *testing.T, kind flows.ConnectionType, settings map[string]string) *Pool {
	t.Helper()
	s := flows.ConnectionSettings{Connection: "db", Text: map[string]string{}}
	for _, f := range kind.Fields {
		s.Text[f.Name] = cmp.Or(settings[f.Name], f.Default)
	}
	as, err := kind.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	p := as.(*Pool)
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// settingsOf returns those of a connection with the database of a test, without TLS.
func settingsOf(d *testenv.Database) map[string]string {
	return map[string]string{"host": d.Host, "port": d.Port, "database": d.Name, "username": d.User, "password": d.Password, "tls": "none"}
}
