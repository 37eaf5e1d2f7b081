package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/client"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
)

// asProgram makes the test binary the program itself.
const asProgram = "OWN_KIND_IS_THE_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func program(ctx context.Context, t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	return cmd
}

// Cases of a kind need no program: a flow of one step, and its tests.
func TestPostcode(t *testing.T) {
	t.Parallel()
	kinds := steps.Catalogue().With(postcode())
	flow, err := flows.Parse("test.yaml", []byte(`flow: 1
steps: [{postcode: "${ .zip }", into: code}]
tests:
  - {name: tidied, event: {zip: " ec1v9lb ", n: 1}, output: [{zip: " ec1v9lb ", n: 1, code: EC1V 9LB}]}
  - {name: none, event: {zip: "ec1v9 lb"}, error: "this is no postcode: ec1v9 lb"}
  - {name: a program that fails, event: 7, error: expected an object}
`), kinds)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range flows.RunTests(t.Context(), flow) {
		if r.Failure != "" {
			t.Errorf("%s: %s", r.Name, r.Failure)
		}
	}
	if _, err := flows.Parse("test.yaml", []byte("flow: 1\nsteps: [{postcode: a, into: ''}]\n"), kinds); err == nil || !strings.Contains(err.Error(), "test.yaml:2:29: into: the field needs a name") {
		t.Errorf("%v", err)
	}
}

// The command line knows the kinds: it validates, tests and documents them.
func TestTheCommandLineKnowsThem(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"2 tests passed":                       {"flow", "test", "enrol.yaml"},
		"Writes a British postcode":            {"flow", "docs", "postcode"},
		`"$ref": "#/$defs/kind-queue_message"`: {"flow", "schema"},
		`"postcode":"W1A 1AA"`:                 {"flow", "run", "enrol.yaml", "--event", `{"zip":"w1a 1aa"}`, "--json", "--var", "bus=" + bus(t, nil)},
	} {
		out, err := program(t.Context(), t, args...).CombinedOutput()
		if err != nil || !strings.Contains(strings.ReplaceAll(string(out), `": "`, `":"`), strings.ReplaceAll(want, `": "`, `":"`)) {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
}

// bus is a message bus that keeps what it gets.
func bus(t *testing.T, got chan<- string) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if got != nil {
			got <- r.URL.Path + " " + r.Header.Get("Idempotency-Key") + " " + string(body)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// The server runs them: all of the product, in one process.
func TestTheServerRunsThem(t *testing.T) {
	t.Parallel()
	got := make(chan string, 1)
	dir := t.TempDir()
	source, err := os.ReadFile("enrol.yaml")
	if err != nil {
		t.Fatal(err)
	}
	source = bytes.ReplaceAll(source, []byte("https://bus.example.org"), []byte(bus(t, got)))
	if err := os.WriteFile(filepath.Join(dir, "enrol.yaml"), source, 0o600); err != nil {
		t.Fatal(err)
	}
	server, err := client.New(client.Config{URL: start(t, dir), Key: "own-key", Secret: "own-secret"})
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		RunID  string           `json:"run_id"`
		Output []map[string]any `json:"output"`
	}
	event := json.RawMessage(`{"name":"Ann","zip":"sw1a 1aa"}`)
	if err := server.Call(t.Context(), http.MethodPost, "/v1/flows/enrol/runs", event, &answer); err != nil {
		t.Fatal(err)
	}
	if len(answer.Output) != 1 || answer.Output[0]["postcode"] != "SW1A 1AA" {
		t.Errorf("answer %+v", answer)
	}
	want := "/enrolments " + answer.RunID + `.queue_message.0 {"name":"Ann","postcode":"SW1A 1AA","zip":"sw1a 1aa"}`
	if said := <-got; said != want {
		t.Errorf("the bus was told %s, want %s", said, want)
	}
}

// start runs `own-kind dev` on a free port until the test ends.
func start(t *testing.T, dir string) string {
	t.Helper()
	ready := filepath.Join(t.TempDir(), "ready")
	ctx, stop := context.WithCancel(context.Background())
	cmd := program(ctx, t, "dev", "--listen", "127.0.0.1:0", "--data", "none", "--flows", dir, "--ready-file", ready)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	cmd.Env = append(cmd.Env, "PENSTOCK_API_KEY=own-key", "PENSTOCK_API_SECRET=own-secret")
	said := &output{ready: make(chan struct{})} // read when the program has ended
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it was interrupted
		close(ended)
	}()
	t.Cleanup(func() {
		stop()
		<-ended
		if t.Failed() {
			t.Log(said.text.String())
		}
	})
	select {
	case <-said.ready:
	case <-ended:
		t.Fatal("the program did not get ready")
	}
	url, err := os.ReadFile(ready)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(url))
}

// output is what a program writes. It closes ready at the last line of the greeting.
type output struct {
	text    bytes.Buffer
	ready   chan struct{}
	greeted sync.Once
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.text.Write(p)
	if bytes.Contains(o.text.Bytes(), []byte("Ctrl-C")) {
		o.greeted.Do(func() { close(o.ready) })
	}
	return n, err
}
