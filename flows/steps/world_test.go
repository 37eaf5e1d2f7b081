package steps_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/penstock/penstock/connect"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/internal/outbound"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/store"
)

// world is the environment of test steps: connections and secrets in a store of their own.
type world struct {
	t     *testing.T
	store *store.Store
	env   flows.Env
	files string // directory of SQLite files
}

func newWorld(t *testing.T) *world {
	t.Helper()
	sealer, err := store.NewSealer(store.NewMasterKey())
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	s, err := store.Open(t.Context(), store.Config{
		Redis: testenv.Redis(t).Client(), Sealer: sealer, Catalogue: steps.Catalogue(), Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	transport, err := outbound.New(outbound.Config{AllowLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, store: s, files: t.TempDir()}
	resolver, err := connect.New(connect.Config{Store: s, HTTP: transport, Log: log, SQLiteDir: w.files})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := resolver.Close(); err != nil {
			t.Errorf("close connections: %v", err)
		}
		transport.CloseIdleConnections()
	})
	w.env = flows.Env{HTTP: transport, Connections: resolver, Secrets: resolver}
	return w
}

// connect stores a connection, as an administrator does.
func (w *world) connect(name, kind string, settings map[string]string, hosts ...string) {
	w.t.Helper()
	c := store.Connection{Name: name, Type: kind, Settings: settings, Hosts: hosts}
	if err := connect.Check(nil, &c); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.store.Connections().Put(w.t.Context(), c); err != nil {
		w.t.Fatal(err)
	}
}

// database stores the connection to a test server.
func (w *world) database(kind string, d *testenv.Database) {
	w.t.Helper()
	w.connect(kind, kind, map[string]string{
		"host": d.Host, "port": d.Port, "database": d.Name, "username": d.User, "password": d.Password, "tls": "none", "max_connections": "4",
	})
}

// run executes a flow of one step, given as lines of YAML.
func (w *world) run(ctx context.Context, step string, event any) ([]any, error) {
	flow, err := oneStep(step)
	if err != nil {
		return nil, err
	}
	return flow.Execute(ctx, flows.Run{ID: "run-1", Attempt: 1, Event: event}, w.env)
}

// must executes a step that has to succeed, and returns the items as JSON.
func (w *world) must(step string, event any) string {
	w.t.Helper()
	items, err := w.run(w.t.Context(), step, event)
	if err != nil {
		w.t.Fatalf("%s\n%v", step, err)
	}
	return string(flows.EncodeJSON(items))
}

func oneStep(step string) (*flows.Flow, error) {
	source := fmt.Sprintf("flow: 1\nsteps:\n  - %s\n", strings.ReplaceAll(strings.TrimSpace(step), "\n", "\n    "))
	return flows.Parse("test.yaml", []byte(source), steps.Catalogue())
}

// event decodes JSON with its numbers exact.
func event(t *testing.T, text string) any {
	t.Helper()
	v, err := flows.DecodeJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}
