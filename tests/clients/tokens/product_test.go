//go:build clients

// Package tokens lets published OAuth clients, unchanged, get access tokens
// from the product, and uses what they got.
package tokens

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/testenv"
)

const (
	adminUser, adminPassword = "root", "a-password-of-this-test"
	apiKey, apiSecret        = "integrify", "short-secret"
	apiUser, apiPassword     = "apiuser1", "mypass1"

	patience = 30 * time.Second
)

// product is a running `penstock dev` with one key, one user and one client.
type product struct {
	t   *testing.T
	URL string

	client, clientSecret, assertion string
}

// start boots the product and makes its credentials over its own API.
func start(t *testing.T) *product {
	t.Helper()
	p := &product{t: t, URL: boot(t)}
	p.admin("POST", "/v1/users", `{"name":"`+apiUser+`","password":"`+apiPassword+`","roles":["api_user"]}`)
	p.admin("PATCH", "/v1/keys/"+apiKey, `{"impersonate":["`+apiUser+`"]}`)
	var made struct{ Identifier, Secret string }
	decode(t, p.admin("POST", "/v1/clients", `{"name":"CRM","scopes":["flows:run","runs:read"],"time_zone":"America/Denver","assertion_expires_on":"2099-12-31","secret":"with+special%41chars/&= x"}`), &made)
	p.client, p.clientSecret = made.Identifier, made.Secret
	p.assertion = string(p.admin("POST", "/v1/clients/"+p.client+"/assertion", ""))
	return p
}

// build makes the program once for all tests, unless the environment names one.
var build = sync.OnceValues(func() (string, error) { // never changes
	if file := os.Getenv("BINARY"); file != "" {
		return file, nil
	}
	dir, err := os.MkdirTemp("", "penstock-clients-")
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "penstock")
	out, err := exec.Command("go", "build", "-o", file, "../../../cmd/penstock").CombinedOutput()
	if err != nil {
		return "", &buildError{string(out)}
	}
	return file, nil
})

type buildError struct{ out string }

func (e *buildError) Error() string { return "build penstock: " + e.out }

func boot(t *testing.T) string {
	t.Helper()
	file, err := build()
	if err != nil {
		t.Fatal(err)
	}
	ready := filepath.Join(t.TempDir(), "url")
	cmd := exec.Command(file, "dev", "--listen", "127.0.0.1:0", "--data", "none", "--flows", "../flows", "--ready-file", ready)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "PENSTOCK_ADMIN_USER=" + adminUser, "PENSTOCK_ADMIN_PASSWORD=" + adminPassword,
		"PENSTOCK_API_KEY=" + apiKey, "PENSTOCK_API_SECRET=" + apiSecret, "PENSTOCK_RATE_IP=token=off",
	}
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the product said:\n%s", &log)
		}
		for _, secret := range []string{adminPassword, apiSecret, apiPassword} {
			if out, _, _ := strings.Cut(log.String(), "Penstock is ready"); strings.Contains(out, secret) {
				t.Errorf("its log holds a secret")
			}
		}
	})
	return await(t, ready)
}

// await returns the address in the ready file once the product has written it.
func await(t *testing.T, file string) (url string) {
	t.Helper()
	testenv.Until(t, "the product is ready", func() bool {
		content, err := os.ReadFile(file)
		url = strings.TrimSpace(string(content))
		return err == nil
	})
	return url
}

// admin calls the API as the administrator.
func (p *product) admin(method, path, body string) []byte {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.URL+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.SetBasicAuth(adminUser, adminPassword)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	status, text := send(p.t, req)
	if status/100 != 2 {
		p.t.Fatalf("%s %s: %d %s", method, path, status, text)
	}
	return text
}

// wantRun runs the echo flow with an Authorization header.
func (p *product) wantRun(authorization string) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.URL+"/v1/flows/69/runs", strings.NewReader(`{"a":1}`))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", authorization)
	req.Header.Set("Content-Type", "application/json")
	if status, text := send(p.t, req); status != http.StatusOK || !strings.Contains(string(text), `"output":[{"a":1}]`) {
		p.t.Errorf("a run with the token: %d %s", status, text)
	}
}

func send(t *testing.T, req *http.Request) (int, []byte) {
	t.Helper()
	client := http.Client{Timeout: patience}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, text
}

func decode(t *testing.T, text []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
}
