package cli

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/client"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
)

const issuesFlow = `flow: 5
slug: issues
trigger: {webhook: {verify: {scheme: github, secret: issues_secret}, headers: [x-github-event]}}
steps: [{set: {title: "${ .title }"}}]
`

// hookServer is a server with the flow issues.
type hookServer struct {
	t   *testing.T
	url string
}

func startHookServer(t *testing.T) *hookServer {
	t.Helper()
	server := startDev(t, app.Settings{Data: app.NoData, Flows: t.TempDir(), AdminUser: "ann", AdminPassword: "correct horse battery"})
	remote, err := client.New(client.Config{URL: server.url, User: "ann", Password: "correct horse battery"})
	if err == nil {
		_, err = remote.Deploy(t.Context(), "5", []byte(issuesFlow))
	}
	if err == nil {
		_, err = remote.Raw(t.Context(), http.MethodPut, "/v1/secrets/issues_secret", command.Object{"value": "the secret of GitHub"})
	}
	if err != nil {
		t.Fatal(err)
	}
	return &hookServer{t, server.url}
}

// command returns the command `hook` with arguments, which writes to out.
func (s *hookServer) command(out io.Writer, args ...string) func(context.Context) error {
	root := newRoot(command.Env{app.EnvURL: s.url, app.EnvUser: "ann", app.EnvPassword: "correct horse battery"}, steps.Catalogue())
	root.SetArgs(append([]string{"hook"}, args...))
	root.SetOut(out)
	root.SetErr(out)
	return root.ExecuteContext
}

func (s *hookServer) run(args ...string) (string, error) {
	var out bytes.Buffer
	err := s.command(&out, args...)(s.t.Context())
	return out.String(), err
}

// follow runs a command until the test has seen what it waits for. until returns the output up to the line with a text.
func (s *hookServer) follow(args ...string) (until func(text string) string, stop func()) {
	s.t.Helper()
	r, w := io.Pipe()
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan error, 1)
	go func() {
		err := s.command(w, args...)(ctx)
		_ = w.CloseWithError(io.EOF)
		done <- err
	}()
	lines := bufio.NewScanner(r)
	until = func(text string) string {
		s.t.Helper()
		var all strings.Builder
		for lines.Scan() {
			fmt.Fprintln(&all, lines.Text())
			if strings.Contains(lines.Text(), text) {
				return all.String()
			}
		}
		s.t.Fatalf("%q ended without %q:\n%s", args, text, all.String())
		return ""
	}
	return until, func() {
		s.t.Helper()
		cancel()
		go func() { _, _ = io.Copy(io.Discard, r) }()
		if err := <-done; err != nil {
			s.t.Errorf("%q: %v", args, err)
		}
	}
}

func (s *hookServer) send(path, body, secret string) {
	s.t.Helper()
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header = http.Header{"Content-Type": {"application/json"}, "X-Github-Event": {"issues"}, "X-Hub-Signature-256": {"sha256=" + hex.EncodeToString(mac.Sum(nil))}}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	_ = w.Body.Close()
}

// Deliveries are shown as they come, with why they are rejected; recorded ones become tests, and are redelivered.
func TestHookListen(t *testing.T) {
	t.Parallel()
	s := startHookServer(t)
	if out, err := s.run("record", "issues", "--requests", "3"); err != nil || !strings.Contains(out, "-") {
		t.Fatalf("recording three: %s: %v", out, err)
	}
	if out, err := s.run("record", "issues"); err != nil || !strings.Contains(out, "-") {
		t.Fatalf("record: %v %s", err, out)
	}
	s.send(s.url+"/hooks/issues", `{"title":"first","password":"planted"}`, "the secret of GitHub")
	until, stop := s.follow("listen", "issues", "--last", "1", "--bodies")
	s.send(s.url+"/hooks/issues", `{"title":"second"}`, "the secret of GitHub\n")
	out := until("lacks a line end") + until(`{"title":"second"}`)
	for _, want := range []string{"#1  POST  200 accepted", "run ", "X-Hub-Signature-256: sha256=*** (64 bytes)", `"password":"***"`, "#2  POST  401 rejected", "verify.secret (issues_secret): the stored secret"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	if strings.Contains(out, "planted") || strings.Contains(out, "the secret of") {
		t.Errorf("a secret is shown:\n%s", out)
	}
	stop()
	entry, err := s.run("show", "issues", "2", "--test")
	if want := "  - name: \"delivery 2\"\n    event: {\"title\":\"second\"}\n    headers: {\"x-github-event\":\"issues\"}\n    output: [{\"title\":\"second\"}]\n"; err != nil || entry != want {
		t.Errorf("test %s, want %s: %v", entry, want, err)
	}
	flow, err := flows.Parse("issues", []byte(issuesFlow+"tests:\n"+entry), steps.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	if results := flows.RunTests(t.Context(), flow); len(results) != 1 || results[0].Failure != "" {
		t.Errorf("%+v", results)
	}
	if out, err := s.run("redeliver", "issues", "2"); err != nil || !strings.Contains(out, `"second"`) {
		t.Errorf("redeliver: %v %s", err, out)
	}
	if out, err := s.run("show", "issues", "2", "--json"); err != nil || !strings.Contains(out, `"secret": "issues_secret"`) {
		t.Errorf("show: %v %s", err, out)
	}
	if out, err := s.run("record", "issues", "--off"); err != nil || out != "" {
		t.Errorf("record --off: %v %s", err, out)
	}
	for _, args := range [][]string{{"show", "issues", "2", "--test"}, {"redeliver", "issues", "2"}, {"show", "issues", "9"}, {"show", "nowhere", "1"}, {"listen", "nowhere"}, {"listen", "issues", "--last", "201"}, {"record", "issues", "--for", "25h"}, {"record", "issues", "--requests", "201"}} {
		if out, err := s.run(args...); err == nil {
			t.Errorf("%q: %s", args, out)
		}
	}
}

// A capture shows what comes and who may have sent it, until it is ended.
func TestHookCapture(t *testing.T) {
	t.Parallel()
	s := startHookServer(t)
	until, stop := s.follow("capture")
	url := strings.TrimSpace(until("/hooks/captures/"))
	s.send(url, `{"title":"first"}`, "x")
	out := until("GitHub (github)") + until("scheme: github")
	if !strings.Contains(out, "sha256=*** (64 bytes)") || !strings.Contains(out, `{"title":"first"}`) {
		t.Errorf("captured:\n%s", out)
	}
	stop()
	w, err := http.Post(url, "", nil) //nolint:noctx // of a test
	if err != nil {
		t.Fatal(err)
	}
	if _ = w.Body.Close(); w.StatusCode != http.StatusNotFound {
		t.Errorf("after its end: %d", w.StatusCode)
	}
}
