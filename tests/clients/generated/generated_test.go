//go:build clients

// Package generated holds the server's OpenAPI documents against the linters and generators that others use, and
// calls a server with the clients that they generate.
package generated

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/penstock/penstock/internal/testenv"
)

const (
	adminUser, adminPassword = "root", "a-password-of-this-test"
	user, password           = "developer", "another-password-of-this-test"

	// answered is what every client prints.
	answered = `{"id":7,"lines":2,"missing":"no_item","names":["Ann"],"taken":409,"written":"Zoë"}`
)

// server is a running `penstock dev` with its documents in a directory, as <name>.json.
type server struct{ url, token, documents string }

// documents are the paths of the documents, by name.
var documents = map[string]string{
	"own": "/openapi.json", "all": "/openapi.json", "people": "/v1/flows/people/openapi.json", "orders": "/v1/flows/611/openapi.json", "documents": "/v1/flows/612/openapi.json",
}

func TestOpenAPI(t *testing.T) {
	s := start(t)
	t.Run("redocly", func(t *testing.T) { t.Parallel(); redocly(t, s) })
	t.Run("spectral", func(t *testing.T) { t.Parallel(); spectral(t, s) })
	t.Run("typescript", func(t *testing.T) { t.Parallel(); typescript(t, s) })
	t.Run("penstock", func(t *testing.T) { t.Parallel(); penstock(t, s) })
	t.Run("oapi-codegen", func(t *testing.T) { t.Parallel(); oapiCodegen(t, s) })
}

func redocly(t *testing.T, s *server) {
	args := []string{"lint", "--config", "redocly.yaml", "--format", "json"}
	out := run(t, ".", bin("redocly"), append(args, s.files()...)...)
	dec := json.NewDecoder(strings.NewReader(out)) // one object for each document
	for range documents {
		var found struct {
			Totals   struct{ Errors, Warnings int }
			Problems []json.RawMessage
		}
		if err := dec.Decode(&found); err != nil || found.Totals.Errors+found.Totals.Warnings > 0 {
			t.Errorf("%v: %d errors, %d warnings: %s", err, found.Totals.Errors, found.Totals.Warnings, found.Problems)
		}
	}
}

func spectral(t *testing.T, s *server) {
	run(t, ".", bin("spectral"), append([]string{"lint", "--quiet", "--ruleset", "spectral.yaml", "--fail-severity", "hint"}, s.files()...)...)
}

// typescript generates three clients, compiles them together and runs them.
func typescript(t *testing.T, s *server) {
	dir := t.TempDir()
	copyFiles(t, dir, "tsconfig.json", "call_fetch.ts", "call_hey.ts", "call_generator.ts")
	modules, err := filepath.Abs("node_modules")
	fatal(t, err)
	fatal(t, os.Symlink(modules, filepath.Join(dir, "node_modules")))
	all := filepath.Join(s.documents, "all.json")
	run(t, ".", bin("openapi-typescript"), all, "--default-non-nullable=false", "-o", filepath.Join(dir, "all.ts"))
	run(t, ".", bin("openapi-ts"), "-i", all, "-o", filepath.Join(dir, "hey"), "-c", "@hey-api/client-fetch", "--no-log-file")
	for _, flow := range []string{"people", "orders"} { // version 5 writes no TypeScript for the allOf of the server's own lists
		older := filepath.Join(dir, flow+".json")
		run(t, ".", "node", "older.mjs", filepath.Join(s.documents, flow+".json"), older)
		run(t, ".", "java", "-jar", "node_modules/@openapitools/openapi-generator-cli/bin/openapi-generator.jar",
			"generate", "-i", older, "-g", "typescript-fetch", "-o", filepath.Join(dir, "generator", flow), "--additional-properties=typescriptThreePlus=true")
	}
	run(t, dir, bin("tsc"), "-p", ".")
	for _, file := range []string{"call_fetch", "call_hey", "call_generator"} {
		s.wantAnswers(t, file, run(t, dir, "node", filepath.Join("out", file+".js")))
	}
}

// penstock generates clients with the product itself, compiles them strictly and runs one. That of flows whose texts are
// hostile is the one of the generator's own tests.
func penstock(t *testing.T, s *server) {
	dir := t.TempDir()
	copyFiles(t, dir, "tsconfig.json", "call_penstock.ts", "../../../client/generate/testdata/hostile/hostile.ts")
	modules, err := filepath.Abs("node_modules")
	fatal(t, err)
	fatal(t, os.Symlink(modules, filepath.Join(dir, "node_modules")))
	program, err := build()
	fatal(t, err)
	run(t, ".", program, "client", "generate", "--lang", "ts", "--out", filepath.Join(dir, "shop.ts")) // of PENSTOCK_URL, with PENSTOCK_TOKEN
	run(t, dir, bin("tsc"), "-p", ".", "--noUncheckedIndexedAccess", "--noImplicitOverride", "--exactOptionalPropertyTypes", "false")
	s.wantAnswers(t, "penstock", run(t, dir, "node", filepath.Join("out", "call_penstock.js")))
	run(t, dir, "node", filepath.Join("out", "hostile.js")) // its texts would end it, with status 1
}

func oapiCodegen(t *testing.T, s *server) {
	dir := t.TempDir()
	copyFiles(t, dir, "oapi/go.mod", "oapi/go.sum", "oapi/main.go")
	fatal(t, os.Mkdir(filepath.Join(dir, "api"), 0o755))
	run(t, dir, "go", "tool", "oapi-codegen", "-generate", "types,client", "-package", "api", "-o", "api/api.go", filepath.Join(s.documents, "all.json"))
	s.wantAnswers(t, "oapi-codegen", run(t, dir, "go", "run", "."))
}

func (s *server) wantAnswers(t *testing.T, client, out string) {
	t.Helper()
	var got any
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Errorf("%s printed %s", client, out)
		return
	}
	var sorted bytes.Buffer
	enc := json.NewEncoder(&sorted)
	enc.SetEscapeHTML(false)
	fatal(t, enc.Encode(got))
	if text := strings.TrimSpace(sorted.String()); text != answered {
		t.Errorf("%s printed %s, want %s", client, text, answered)
	}
}

// files are the documents.
func (s *server) files() []string {
	var all []string
	for name := range documents {
		all = append(all, filepath.Join(s.documents, name+".json"))
	}
	return all
}

// start boots the product, with a user who may call all flows, and reads its documents.
func start(t *testing.T) *server {
	t.Helper()
	s := &server{url: boot(t), documents: t.TempDir()}
	fetch(t, "POST", s.url+"/v1/users", `{"name":"`+user+`","password":"`+password+`","roles":["api_user"],"scopes":["people:read"]}`, func(r *http.Request) { r.SetBasicAuth(adminUser, adminPassword) })
	var made struct {
		Token string `json:"access_token"`
	}
	form := url.Values{"grant_type": {"password"}, "username": {user}, "password": {password}}.Encode()
	fatal(t, json.Unmarshal(fetch(t, "POST", s.url+"/token", form, func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }), &made))
	s.token = made.Token
	t.Setenv("PENSTOCK_URL", s.url)
	t.Setenv("PENSTOCK_TOKEN", s.token)
	t.Setenv("PENSTOCK_PASSWORD", password)
	asAdmin := func(r *http.Request) { r.SetBasicAuth(adminUser, adminPassword) }
	var key struct{ Key, Secret string }
	fatal(t, json.Unmarshal(fetch(t, "POST", s.url+"/v1/keys", `{"name":"shop","api_access":true,"scopes":["people:read"]}`, asAdmin), &key))
	t.Setenv("PENSTOCK_KEY", key.Key)
	t.Setenv("PENSTOCK_SECRET", key.Secret)
	var client struct{ Identifier, Secret string }
	fatal(t, json.Unmarshal(fetch(t, "POST", s.url+"/v1/clients", `{"name":"shop","scopes":["people:read","flows:run"]}`, asAdmin), &client))
	t.Setenv("PENSTOCK_CLIENT", client.Identifier)
	t.Setenv("PENSTOCK_CLIENT_SECRET", client.Secret)
	for name, path := range documents {
		text := fetch(t, "GET", s.url+path, "", func(r *http.Request) {
			if name != "own" {
				r.Header.Set("Authorization", "Bearer "+s.token)
			}
		})
		fatal(t, os.WriteFile(filepath.Join(s.documents, name+".json"), text, 0o600))
	}
	return s
}

// build makes the program once, unless the environment names one.
var build = sync.OnceValues(func() (string, error) { // never changes
	if file := os.Getenv("BINARY"); file != "" {
		return file, nil
	}
	dir, err := os.MkdirTemp("", "penstock-clients-")
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "penstock")
	return file, exec.Command("go", "build", "-o", file, "../../../cmd/penstock").Run()
})

func boot(t *testing.T) string {
	t.Helper()
	file, err := build()
	fatal(t, err)
	ready := filepath.Join(t.TempDir(), "url")
	cmd := exec.Command(file, "dev", "--listen", "127.0.0.1:0", "--data", "none", "--flows", "flows", "--ready-file", ready)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "PENSTOCK_ADMIN_USER=" + adminUser, "PENSTOCK_ADMIN_PASSWORD=" + adminPassword}
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	fatal(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the product said:\n%s", &log)
		}
	})
	var address string
	testenv.Until(t, "the product is ready", func() bool {
		content, err := os.ReadFile(ready)
		address = strings.TrimSpace(string(content))
		return err == nil
	})
	return address
}

func fetch(t *testing.T, method, address, body string, change func(*http.Request)) []byte {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	fatal(t, err)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	change(r)
	w, err := http.DefaultClient.Do(r)
	fatal(t, err)
	defer w.Body.Close()
	text, err := io.ReadAll(w.Body)
	if err != nil || w.StatusCode/100 != 2 {
		t.Fatalf("%s %s: %d %s %v", method, address, w.StatusCode, text, err)
	}
	return text
}

// bin is a program of the npm packages.
func bin(name string) string {
	path, _ := filepath.Abs(filepath.Join("node_modules", ".bin", name)) // fails without a working directory only
	return path
}

// run runs a program to its end and returns what it prints.
func run(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = dir
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s\n%s", filepath.Base(program), args, err, out, &problems)
	}
	return string(out)
}

func copyFiles(t *testing.T, dir string, files ...string) {
	t.Helper()
	for _, file := range files {
		text, err := os.ReadFile(file)
		fatal(t, err)
		fatal(t, os.WriteFile(filepath.Join(dir, filepath.Base(file)), text, 0o600))
	}
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
