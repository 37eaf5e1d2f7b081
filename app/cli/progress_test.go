package cli

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"testing"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/flows/steps"
)

// matchWriter calls open when text has been written.
type matchWriter struct {
	said bytes.Buffer
	text string
	open func()
}

func (g *matchWriter) Write(data []byte) (int, error) {
	if bytes.Contains(data, []byte(g.text)) {
		g.open()
	}
	return g.said.Write(data)
}

// --follow shows the progress of a step with many items. The called API responds after the run is followed.
func TestFollowShowsProgress(t *testing.T) {
	t.Parallel()
	followed := make(chan struct{})
	world := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-followed }))
	defer world.Close()
	dir := t.TempDir()
	source := "flow: 5\nslug: many\nsteps:\n  - transform: range(20)\n  - name: ask\n    http: {get: '" + world.URL + "'}\n"
	if err := os.WriteFile(filepath.Join(dir, "a.yaml"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	dev := startDev(t, app.Settings{Data: app.NoData, Flows: dir})
	root := newRoot(env{app.EnvURL: dev.url, app.EnvUser: greetingValue(t, dev.said, "user"), app.EnvPassword: greetingValue(t, dev.said, "password")}, steps.Catalogue())
	said := &matchWriter{text: "  running\n", open: sync.OnceFunc(func() { close(followed) })}
	root.SetArgs([]string{"run", "many", "--follow"})
	root.SetOut(new(bytes.Buffer))
	root.SetErr(said)
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatalf("%v; dev said\n%s", err, dev.said)
	}
	if !regexp.MustCompile(`(?m)^  ask: [1-9]\d? of 20 items$`).Match(said.said.Bytes()) {
		t.Errorf("said\n%s", said.said.String())
	}
}
