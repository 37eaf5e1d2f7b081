package cli

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

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/client"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/internal/testenv"
)

// devProcess is a program in this process.
type devProcess struct {
	url, said string        // output: when it was ready
	told      func() string // all that was said so far
	stop      func()
}

// startDev runs the program in the role dev until the test ends or stops it.
func startDev(t *testing.T, s app.Settings) *devProcess {
	t.Helper()
	s.Listen, s.ReadyFile = "127.0.0.1:0", filepath.Join(t.TempDir(), "ready")
	s.Queues, s.Concurrency = map[string]int{"default": 1}, 8
	ctx, cancel := context.WithCancel(context.Background())
	var said bytes.Buffer // read only after the ready file is there, see greeted
	greeted := &greetingWriter{buffer: &said, done: make(chan struct{})}
	p, err := app.New(ctx, s, app.Role{API: true, Worker: true, Dev: true}, steps.Catalogue(), slog.New(slog.DiscardHandler), greeted)
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
	testenv.Receive(t, greeted.done, "dev's greeting")
	return &devProcess{url: readReady(t, s.ReadyFile), said: greeted.text(), told: greeted.text, stop: stop}
}

// greetingWriter closes its channel after the last line of dev's greeting.
type greetingWriter struct {
	mu     sync.Mutex // guards buffer
	buffer *bytes.Buffer
	done   chan struct{}
}

func (g *greetingWriter) Write(data []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if bytes.Contains(data, []byte("Ctrl-C")) {
		defer close(g.done)
	}
	return g.buffer.Write(data)
}

func (g *greetingWriter) text() string {
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

// greetingValue returns the value of a name in the greeting.
func greetingValue(t *testing.T, said, name string) string {
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
		settings    func(*testing.T) app.Settings
	}{
		{"on the embedded store", "bash", func(t *testing.T) app.Settings { return app.Settings{Data: t.TempDir()} }},
		{"in memory", "sh", func(*testing.T) app.Settings { return app.Settings{Data: app.NoData} }},
		{"on a real Redis", "bash", func(t *testing.T) app.Settings { return app.Settings{Data: app.NoData, Redis: testenv.Redis(t).URL()} }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dev := startDev(t, c.settings(t))
			wantRobert(t, http.StatusOK, runPastedCommand(t, c.shell, dev.said))

			key, secret := greetingValue(t, dev.said, "API key"), greetingValue(t, dev.said, "secret")
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
				wantRobert(t, http.StatusOK, answer{Success: true, Output: output})
			}
			if page := request(t, http.MethodGet, dev.url+"/", ""); !strings.Contains(page, "<html") {
				t.Errorf("the bare address does not lead to the console: %s", page)
			}
			if status, a := call(t, dev.url, key, "wrong", 69, ""); status != http.StatusUnauthorized || a.Error.Code != status {
				t.Errorf("with a wrong secret: %d, %+v", status, a)
			}
		})
	}
}

// runPastedCommand runs the command printed by dev in a shell.
func runPastedCommand(t *testing.T, shell, said string) (a answer) {
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
	settings := app.Settings{Data: t.TempDir(), Flows: "testdata/flows"}
	dev := startDev(t, settings)
	secret := greetingValue(t, dev.said, "secret")
	dev.stop()

	settings.Flows = "" // flow 71 is there from the first time
	dev = startDev(t, settings)
	if again := greetingValue(t, dev.said, "secret"); again != secret {
		t.Error("the secret changed over a restart")
	}
	if status, a := call(t, dev.url, "dev", secret, 71, "{}"); status != http.StatusOK {
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
	dev := startDev(t, app.Settings{Data: app.NoData, Flows: dir, APIKey: "k", APISecret: "s"})
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
	testenv.Until(t, "the changed flow runs", func() bool { return version() == 2.0 })
}

// startDevWithFiles runs dev on a directory. edit writes a file and waits for a text in the output.
func startDevWithFiles(t *testing.T, files map[string]string) (edit func(name, text, want string) string, dev *devProcess, dir string) {
	t.Helper()
	dir = t.TempDir()
	write := func(name, text string) {
		t.Helper()
		var err error
		if file := filepath.Join(dir, name); text == "" {
			err = os.Remove(file)
		} else {
			err = os.WriteFile(file, []byte(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range files {
		write(name, text)
	}
	dev = startDev(t, app.Settings{Data: app.NoData, Flows: dir})
	seen := len(dev.told())
	return func(name, text, want string) string {
		t.Helper()
		write(name, text)
		testenv.Until(t, "dev says "+want, func() bool { return strings.Contains(dev.told()[seen:], want) })
		said := dev.told()[seen:]
		seen += len(said)
		return said
	}, dev, dir
}

const devFlow = "flow: 5\nslug: five\nsteps: [{set: {v: 1}}]\ntests:\n  - {name: one, event: {a: b}, output: [{v: 1}]}\n"

// dev reports all mistakes of a saved file, the results of its tests, its repair and its removal.
func TestDevSaysWhatBecameOfASavedFile(t *testing.T) {
	t.Parallel()
	edit, dev, dir := startDevWithFiles(t, map[string]string{"a.yaml": devFlow, "package.json": `{"name": "mine"}`})
	if said := dev.said; !strings.Contains(said, "a.yaml: flow 5 five is deployed, 1 test passed\n") {
		t.Errorf("at the start:\n%s", said)
	}
	if said := dev.said; strings.Count(said, filepath.Join(dir, "package.json")+" is skipped: it is no flow") != 1 {
		t.Errorf("at the start:\n%s", said)
	}
	said := edit("a.yaml", "flow: 5\nsteps:\n  - spilt: .\n  - set: {a: '${ . ', b: '${ ) }'}\n", "is not deployed")
	for _, want := range []string{filepath.Join(dir, "a.yaml") + ":3:5: ", "a.yaml:4:", "   3 |   - spilt: .", "has 3 mistakes and is not deployed; the previous version of flow 5 five stays deployed"} {
		if !strings.Contains(said, want) {
			t.Errorf("of a file with mistakes nothing says %q:\n%s", want, said)
		}
	}
	said = edit("a.yaml", strings.Replace(devFlow, "v: 1}}", "v: 2}}", 1), "failed")
	if !strings.Contains(said, "right again, flow 5 five is deployed, 1 of 1 test failed") || !strings.Contains(said, "a.yaml:5: FAIL one") {
		t.Errorf("of a test that fails:\n%s", said)
	}
	said = edit("b.yaml", "flow: 6\nsteps: [{set: {v: 1}}]\n", "flow 6")
	if !strings.Contains(said, "flow 6 is deployed, it has no tests") || strings.Contains(said, "package.json") || strings.Contains(said, "a.yaml") {
		t.Errorf("of another file:\n%s", said)
	}
	said = edit("b.yaml", "", "removed")
	if !strings.Contains(said, "b.yaml was removed. Its flow stays deployed; to delete it: penstock flow delete 6") {
		t.Errorf("of a file that is gone:\n%s", said)
	}
}

// A user's own flow keeps the URL that it contains.
func TestDevPutsItsCRMIntoExamplesOnly(t *testing.T) {
	t.Parallel()
	const crmInFiles = "http://127.0.0.1:8081" // as the examples have it
	_, dev, _ := startDevWithFiles(t, map[string]string{"a.yaml": "flow: 5\nvars: {crm: '" + crmInFiles + "'}\nsteps: [{set: {at: '${ $vars.crm }'}}]\n"})
	if _, a := call(t, dev.url, greetingValue(t, dev.said, "API key"), greetingValue(t, dev.said, "secret"), 5, ""); len(a.Output) != 1 || a.Output[0]["at"] != crmInFiles {
		t.Errorf("output %+v", a)
	}
}

// The greeting shows two ways to call the user's own flow.
func TestDevShowsHowToCallAnOwnFlow(t *testing.T) {
	t.Parallel()
	if _, empty, dir := startDevWithFiles(t, nil); !strings.Contains(empty.said, "  penstock flow init "+dir+"/greet.yaml\n") || strings.Contains(empty.said, "penstock run") {
		t.Errorf("of an empty directory the greeting shows\n%s", empty.said)
	}
	_, silent, _ := startDevWithFiles(t, map[string]string{"a.yaml": "flow: 5\nsteps: [{set: {v: 1}}]\n"})
	if a := runPastedCommand(t, "bash", silent.said); len(a.Output) != 1 || !strings.Contains(silent.said, "  penstock run 5\n") {
		t.Errorf("of a flow that takes no data: output %+v; the greeting shows\n%s", a, silent.said)
	}
	_, collecting, _ := startDevWithFiles(t, map[string]string{
		"a.yaml": "flow: 4\ntrigger: webhook\nrun: {debounce: {for: 5s}}\nsteps: [{set: {v: 1}}]\n", "b.yaml": "flow: 5\nsteps: [{set: {v: 1}}]\n",
	})
	if strings.Contains(collecting.said, "Call flow 4") || !strings.Contains(collecting.said, "penstock run 5\n") {
		t.Errorf("of a flow that collects events the greeting shows\n%s", collecting.said)
	}
	_, dev, _ := startDevWithFiles(t, map[string]string{"a.yaml": "trigger: webhook\n" + strings.Replace(devFlow, "{a: b}", `{a: "it's"}`, 1)})
	if a := runPastedCommand(t, "sh", dev.said); len(a.Output) != 1 || a.Output[0]["v"] != 1.0 {
		t.Errorf("output %+v", a)
	}
	lines := regexp.MustCompile(`(?ms)^  export PENSTOCK_URL=.*?^  penstock run .*?$`).FindString(dev.said)
	if !strings.Contains(lines, "penstock run five --event '{\"a\":\"it'\\''s\"}'") {
		t.Fatalf("the greeting shows\n%s", dev.said)
	}
	bin := t.TempDir()
	if err := os.Symlink(os.Args[0], filepath.Join(bin, "penstock")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", lines)
	cmd.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + bin}
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), `"v": 1`) {
		t.Errorf("%s: %v: %s", lines, err, out)
	}
}
