package steps_test

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/penstock/penstock/flows"
)

// silent returns the address of a server that accepts connections and sends nothing.
func silent(t *testing.T) (host, port string) {
	t.Helper()
	server, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	go func() {
		for {
			conn, err := server.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = conn.Close() })
		}
	}()
	host, port, _ = net.SplitHostPort(server.Addr().String())
	return host, port
}

// The step's own timeout applies, also while it connects: the limits of connecting and logging in are longer.
func TestTheTimeoutOfAStepRulesWhileItConnects(t *testing.T) {
	t.Parallel()
	host, port := silent(t)
	for name, step := range map[string]string{
		"http":      "http: {get: 'http://" + net.JoinHostPort(host, port) + "/'}",
		"postgres":  "sql: {connection: postgres, query: select 1}",
		"mysql":     "sql: {connection: mysql, query: select 1}",
		"sqlserver": "sql: {connection: sqlserver, query: select 1}",
		"email":     "email: {connection: mail, to: b@example.org, subject: s, text: t}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			switch name {
			case "http":
			case "email":
				w.connect("mail", "smtp", map[string]string{"host": host, "port": port, "tls": "none", "trusted_network": "127.0.0.0/8", "from": "a@example.org"})
			default:
				w.connect(name, name, map[string]string{
					"host": host, "port": port, "database": "d", "username": "u", "password": "p", "tls": "none",
				})
			}
			begun := time.Now()
			_, err := w.run(t.Context(), step+"\ntimeout: 300ms", nil)
			const connecting = 10 * time.Second // of connections, which must not end the step
			var failure *flows.Error
			if !errors.As(err, &failure) || failure.Class != flows.ClassTimeout || time.Since(begun) > connecting*9/10 {
				t.Errorf("%v after %v, want the step's timeout of 300ms", err, time.Since(begun))
			}
		})
	}
}
