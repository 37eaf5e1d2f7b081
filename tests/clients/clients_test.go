//go:build clients

// Package clients drives callers written in other languages against a front
// door: one in memory, or the server that PENSTOCK_URL names.
package clients

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/penstock/penstock/api/apitest"
)

// languages are the callers; each speaks the same command line.
var languages = []struct {
	name    string
	command []string
	native  bool // it calls the native door too
}{
	{"bash", []string{"bash", "penstock.sh"}, false},
	{"node", []string{"node", "penstock.mjs"}, true},
	{"python", []string{"python3", "penstock.py"}, true},
}

// server is what the callers call, and how.
type server struct{ url, key, secret, echo, fails string }

// start boots a door in memory, unless the environment names a server with
// its key and two flows: one that gives its event back, one that fails with
// the message "no such person".
func start(t *testing.T) server {
	t.Helper()
	if url := os.Getenv("PENSTOCK_URL"); url != "" {
		return server{url, os.Getenv("PENSTOCK_API_KEY"), os.Getenv("PENSTOCK_API_SECRET"), os.Getenv("PENSTOCK_ECHO_FLOW"), os.Getenv("PENSTOCK_FAILING_FLOW")}
	}
	s := apitest.Start(t)
	return server{s.URL, s.Key, s.Secret, "69", "70"}
}

// call runs a caller and returns what it printed, and its exit status.
func (s server) call(t *testing.T, command []string, body string, args ...string) (out string, status int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), command[0], append(command[1:len(command):len(command)], args...)...)
	cmd.Stdin = strings.NewReader(body)
	cmd.Env = append(os.Environ(), "PENSTOCK_URL="+s.url, "PENSTOCK_API_KEY="+s.key, "PENSTOCK_API_SECRET="+s.secret)
	var problems strings.Builder
	cmd.Stderr = &problems
	text, err := cmd.Output()
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) {
		t.Fatal(err)
	}
	if problems.Len() > 0 && cmd.ProcessState.Success() {
		t.Errorf("%v said %s", command, &problems)
	}
	return string(text), cmd.ProcessState.ExitCode()
}

func TestVectors(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../auth/testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Key, Secret string
		Vectors     []struct {
			Name   string
			Params map[string]string
			Body   string
			Check  string
		}
	}
	if err := json.Unmarshal(text, &file); err != nil || len(file.Vectors) == 0 {
		t.Fatalf("%d vectors: %v", len(file.Vectors), err)
	}
	for _, language := range languages {
		t.Run(language.name, func(t *testing.T) {
			t.Parallel()
			s := server{key: file.Key, secret: file.Secret}
			for _, v := range file.Vectors {
				args := []string{"check"}
				for name, value := range v.Params {
					args = append(args, name+"="+value)
				}
				if got, status := s.call(t, language.command, v.Body, args...); strings.TrimSpace(got) != v.Check || status != 0 {
					t.Errorf("%s: %q with status %d, want %s", v.Name, got, status, v.Check)
				}
			}
		})
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	for _, language := range languages {
		t.Run(language.name, func(t *testing.T) {
			t.Parallel()
			s, me := start(t), `"`+language.name+`"` // equal requests of one second would be replays
			s.wantOutput(t, language.command, "data", "\r\n {\"n\": 12345678901234567890.10,\n \"s\":["+me+",\"Zoë ☃\\r\\n\"]}\n ",
				`[{"n": 12345678901234567890.10, "s":[`+me+`,"Zoë ☃\r\n"]}]`, "run", s.echo)
			s.wantOutput(t, language.command, "data and a parameter", `[`+me+`,{"b":"a|b"}]`,
				`[[`+me+`,{"b":"a|b"}]]`, "run", s.echo, "debug=é & +1")
			if out, status := s.call(t, language.command, "", "run", s.echo, "debug="+language.name); status != 0 || !strings.HasPrefix(out, `{"success":true,"output":[`) {
				t.Errorf("without data: %d %s", status, out)
			}
			out, status := s.call(t, language.command, me, "run", s.fails)
			if status == 0 || !strings.Contains(out, `{"success":false,"error":{"code":400,"msg":"no such person","run_id":"`) {
				t.Errorf("a flow that fails: %d %s", status, out)
			}
			s.secret = "wrong"
			if out, status := s.call(t, language.command, `{}`, "run", s.echo); status == 0 || !strings.Contains(out, `"code":401`) {
				t.Errorf("with a wrong secret: %d %s", status, out)
			}
		})
	}
}

func TestNative(t *testing.T) {
	t.Parallel()
	for _, language := range languages {
		if !language.native {
			continue
		}
		t.Run(language.name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			s.wantOutput(t, language.command, "data", `{"s":"Zoë ☃"}`, `[{"s":"Zoë ☃"}]`, "native", s.echo)
			s.secret = "wrong"
			if out, status := s.call(t, language.command, `{}`, "native", s.echo); status == 0 || !strings.Contains(out, `"status":401`) {
				t.Errorf("with a wrong secret: %d %s", status, out)
			}
		})
	}
}

// wantOutput compares the answer's output member as JSON: a server may write
// the same value with other white space.
func (s server) wantOutput(t *testing.T, command []string, name, body, want string, args ...string) {
	t.Helper()
	out, status := s.call(t, command, body, args...)
	var answer struct {
		Success bool
		Output  json.RawMessage
	}
	if err := json.Unmarshal([]byte(out), &answer); err != nil || status != 0 || !answer.Success || compact(t, answer.Output) != compact(t, json.RawMessage(want)) {
		t.Errorf("%s: status %d, %s, want output %s", name, status, out, want)
	}
}

func compact(t *testing.T, text json.RawMessage) string {
	t.Helper()
	out, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
