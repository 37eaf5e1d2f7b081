package app

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"penstock/api/client"
	"penstock/flows/steps"
	"penstock/internal/testenv"
)

// running is a program in this process.
type running struct {
	url, said string
	stop      func()
}

// boot runs the program in the role of dev until the test ends or stops it.
func boot(t *testing.T, s Settings) *running {
	t.Helper()
	s.Listen, s.ReadyFile = "127.0.0.1:0", filepath.Join(t.TempDir(), "ready")
	s.Queues, s.Concurrency = queues{"default": 1}, 8
	ctx, cancel := context.WithCancel(context.Background())
	var said bytes.Buffer // read only after the ready file is there, see greeted
	greeted := &greeting{buffer: &said, done: make(chan struct{})}
	p, err := newProgram(ctx, s, role{door: true, worker: true, dev: true}, steps.Catalogue(), slog.New(slog.DiscardHandler), greeted)
	if err != nil {
		cancel()
		t.Fatalf("open: %v", err)
	}
	var ran sync.WaitGroup
	ran.Go(func() {
		if err := p.Run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	stop := sync.OnceFunc(func() {
		cancel()
		ran.Wait()
		if err := p.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	t.Cleanup(stop)
	select {
	case <-greeted.done:
	case <-time.After(patience):
		t.Fatal("dev did not say that it is ready")
	}
	return &running{url: readReady(t, s.ReadyFile), said: greeted.text(), stop: stop}
}

// greeting is done when the last line of dev's greeting was written.
type greeting struct {
	mu     sync.Mutex // guards buffer
	buffer *bytes.Buffer
	done   chan struct{}
}

func (g *greeting) Write(data []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if bytes.Contains(data, []byte("Ctrl-C")) {
		defer close(g.done)
	}
	return g.buffer.Write(data)
}

func (g *greeting) text() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.buffer.String()
}

func readReady(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(content))
}

// shown returns what the greeting shows under a name.
func shown(t *testing.T, said, name string) string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^  ` + name + ` +(\S+)`).FindStringSubmatch(said)
	if m == nil {
		t.Fatalf("the greeting shows no %s:\n%s", name, said)
	}
	return m[1]
}

func TestDev(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, shell string
		settings    func(*testing.T) Settings
	}{
		{"on the embedded store", "bash", func(t *testing.T) Settings { return Settings{Data: t.TempDir()} }},
		{"in memory", "sh", func(*testing.T) Settings { return Settings{Data: noData} }},
		{"on a real Redis", "bash", func(t *testing.T) Settings { return Settings{Data: noData, Redis: testenv.Redis(t).URL()} }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dev := boot(t, c.settings(t))
			robert(t, http.StatusOK, paste(t, c.shell, dev.said))

			key, secret := shown(t, dev.said, "API key"), shown(t, dev.said, "secret")
			door, err := client.New(client.Config{URL: dev.url, Key: key, Secret: secret})
			if err != nil {
				t.Fatal(err)
			}
			for _, event := range [][]byte{nil, []byte(`{"email":"RobertCarlosHernandez@gmail.com"}`)} { // GET, POST
				run, err := door.Execute(t.Context(), "69", event, nil)
				if err != nil {
					t.Fatal(err)
				}
				var output []map[string]any
				if err := json.Unmarshal(run.Output, &output); err != nil {
					t.Fatal(err)
				}
				robert(t, http.StatusOK, answer{Success: true, Output: output})
			}
			if page := visit(t, http.MethodGet, dev.url+"/", ""); !strings.Contains(page, "<html") {
				t.Errorf("the bare address does not lead to the console: %s", page)
			}
			if status, a := call(t, dev.url, key, "wrong", 69, ""); status != http.StatusUnauthorized || a.Error.Code != status {
				t.Errorf("with a wrong secret: %d, %+v", status, a)
			}
		})
	}
}

// paste runs the very command that dev prints, as a newcomer does.
func paste(t *testing.T, shell, said string) (a answer) {
	t.Helper()
	command := regexp.MustCompile(`(?ms)^key=.*^curl .*?$`).FindString(said)
	if command == "" {
		t.Fatalf("the greeting has no command:\n%s", said)
	}
	cmd := exec.CommandContext(t.Context(), shell)
	cmd.Stdin = strings.NewReader(command + "\n")
	printed, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", shell, err, printed)
	}
	if err := json.Unmarshal(printed, &a); err != nil {
		t.Fatalf("%s printed %s", shell, printed)
	}
	return a
}

func TestDevKeepsItsData(t *testing.T) {
	t.Parallel()
	settings := Settings{Data: t.TempDir(), Flows: "testdata/flows"}
	dev := boot(t, settings)
	secret := shown(t, dev.said, "secret")
	dev.stop()

	settings.Flows = "" // flow 71 is there from the first time
	dev = boot(t, settings)
	if again := shown(t, dev.said, "secret"); again != secret {
		t.Error("the secret changed over a restart")
	}
	if status, a := call(t, dev.url, devKey, secret, 71, "{}"); status != http.StatusOK {
		t.Errorf("a flow of the first start: %d, %+v", status, a)
	}
}

func TestDevWatchesItsFlows(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "a.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("flow: 5\nsteps: [{set: {v: 1}}]\n")
	dev := boot(t, Settings{Data: noData, Flows: dir, APIKey: "k", APISecret: "s"})
	version := func() any {
		t.Helper()
		status, a := call(t, dev.url, "k", "s", 5, "")
		if status == http.StatusUnauthorized { // the same request within a second
			return nil
		}
		if status != http.StatusOK {
			t.Fatalf("status %d, %+v", status, a)
		}
		return a.Output[0]["v"]
	}
	if v := version(); v != 1.0 {
		t.Fatalf("the first version put out %v", v)
	}
	write("flow: 5\nsteps: [{set: {v: 2}}]\n")
	limit := time.After(patience)
	for tick := time.NewTicker(50 * time.Millisecond); version() != 2.0; {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("the changed flow does not run")
		}
	}
}
