package cli

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/client"
)

const sqliteFlow = `flow: 601
slug: notes
trigger: webhook
steps:
  - name: make
    sql: {connection: notes, exec: create table if not exists notes (text text)}
  - sql: {connection: notes, exec: insert into notes values (?), args: ["${ $event.text }"]}
  - sql: {connection: notes, query: select text from notes}
`

// Flows can use a file below --sqlite as a database.
func TestSQLiteConnection(t *testing.T) {
	t.Parallel()
	settings := app.Settings{Data: app.NoData, Flows: t.TempDir(), SQLite: t.TempDir(), AdminUser: "ann", AdminPassword: "correct horse battery staple"}
	if err := os.WriteFile(filepath.Join(settings.Flows, "notes.yaml"), []byte(sqliteFlow), 0o600); err != nil {
		t.Fatal(err)
	}
	dev := startDev(t, settings)
	admin, err := client.New(client.Config{URL: dev.url, User: settings.AdminUser, Password: settings.AdminPassword})
	if err != nil {
		t.Fatal(err)
	}
	connection := map[string]any{"type": "sqlite", "settings": map[string]string{"file": "notes.db"}}
	if err := admin.Call(t.Context(), http.MethodPut, "/v1/connections/notes", connection, nil); err != nil {
		t.Fatal(err)
	}
	run, err := admin.Start(t.Context(), client.Request{Flow: "notes", Event: []byte(`{"text": "kept"}`)})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(run.Output); got != `[{"text":"kept"}]` {
		t.Error(got)
	}
	if _, err := os.Stat(filepath.Join(settings.SQLite, "notes.db")); err != nil {
		t.Error(err)
	}
}
