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
	"time"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/flows/steps"
)

// matchWriter calls the functions of the texts that have been written.
type matchWriter struct {
	said  bytes.Buffer
	calls map[string]func()
}

func (g *matchWriter) Write(data []byte) (int, error) {
	for text, call := range g.calls {
		if bytes.Contains(data, []byte(text)) {
			call()
		}
	}
	return g.said.Write(data)
}

// --follow shows the progress of a step with many items, which a worker tells twice a second. The called API responds
// after the run is followed, and slowly until the progress is shown.
func TestFollowShowsProgress(t *testing.T) {
	t.Parallel()
	followed, shown := make(chan struct{}), make(chan struct{})
	world := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		<-followed
		select {
		case <-shown:
		case <-time.After(200 * time.Millisecond):
		}
	}))
	defer world.Close()
	dir := t.TempDir()
	source := "flow: 5\nslug: many\nsteps:\n  - transform: range(20)\n  - name: ask\n    http: {get: '" + world.URL + "'}\n"
	if err := os.WriteFile(filepath.Join(dir, "a.yaml"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	dev := startDev(t, app.Settings{Data: app.NoData, Flows: dir})
	root := newRoot(command.Env{app.EnvURL: dev.url, app.EnvUser: greetingValue(t, dev.said, "user"), app.EnvPassword: greetingValue(t, dev.said, "password")}, steps.Catalogue())
	said := &matchWriter{calls: map[string]func(){
		"  running\n":    sync.OnceFunc(func() { close(followed) }),
		" of 20 items\n": sync.OnceFunc(func() { close(shown) }),
	}}
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
