//go:build clients

package connect

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"maps"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/penstock/penstock/store"
)

// oidc is a published OAuth server, with an API that accepts its tokens.
type oidc struct {
	Issuer       string `json:"issuer"`
	RefreshToken string `json:"refresh_token"`
	key          string // PEM, of assertions
}

func newOIDC(t *testing.T) *oidc {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cmd := exec.Command("node", "server.mjs")
	cmd.Dir = filepath.Join("..", "tests", "clients", "oidc")
	cmd.Env = append(cmd.Environ(), "PUBLIC_KEY="+string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})))
	cmd.Stderr = &log
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start node: %v", err)
	}
	t.Cleanup(func() { _ = in.Close(); _, _ = io.Copy(io.Discard, out); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadBytes('\n')
	server := &oidc{key: string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))}
	if err != nil || json.Unmarshal(line, server) != nil {
		t.Fatalf("the OAuth server is not ready; run npm ci in tests/clients/oidc, as ./test does: %v\n%s", err, log.String())
	}
	return server
}

// tokenRequests returns the requests at the token endpoint, by grant and outcome.
func (o *oidc) tokenRequests(t *testing.T) map[string]int {
	t.Helper()
	resp, err := http.Get(o.Issuer + "/asked")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	asked := map[string]int{}
	if err := json.NewDecoder(resp.Body).Decode(&asked); err != nil {
		t.Fatal(err)
	}
	return asked
}

func TestOAuthServer(t *testing.T) {
	t.Parallel()
	server := newOIDC(t)
	f := newTestFleet(t)
	processes := []*testProcess{f.newProcess(), f.newProcess()}
	connections := map[string]store.Connection{}
	for name, more := range map[string][]string{
		"client":  {"oauth2_client", "client_id", "machine:1", "client_secret", "s3cret/+ %", "scope", "read write"},
		"body":    {"oauth2_client", "client_id", "poster", "client_secret", "s3cret&=", "client_auth", "body", "scope", "read"},
		"refresh": {"oauth2_refresh", "client_id", "refresher", "client_secret", "s3cret", "refresh_token", server.RefreshToken},
		"person":  {"oauth2_password", "client_id", "password", "client_secret", "s3cret", "username", "zoë", "password", "pass&word"},
		"jwt":     {"jwt_assertion", "client_id", "asserter", "client_secret", "s3cret", "key", server.key, "issuer", "penstock-test", "subject", "zoë"},
	} {
		settings := map[string]string{"token_url": server.Issuer + "/token"}
		for i := 1; i < len(more); i += 2 {
			settings[more[i]] = more[i+1]
		}
		connections[name] = store.Connection{Name: name, Type: more[0], Hosts: []string{server.Issuer}, Settings: settings}
		processes[0].put(connections[name])
	}
	for name, c := range connections {
		t.Run(name, func(t *testing.T) {
			var calls sync.WaitGroup
			for i := range 20 {
				calls.Go(func() {
					status, body, err := processes[i%2].call(t.Context(), name, "POST", server.Issuer+"/api", "content")
					if err != nil || status != http.StatusOK || !strings.Contains(body, `"client":"`+c.Settings["client_id"]+`"`) || !strings.Contains(body, `"body":"content"`) {
						t.Errorf("%d %s, %v", status, body, err)
					}
				})
			}
			calls.Wait()
		})
	}
	want := map[string]int{"client_credentials ok": 2, "refresh_token ok": 1, "password ok": 1, jwtBearer + " ok": 1}
	if got := server.tokenRequests(t); !maps.Equal(got, want) {
		t.Errorf("asked for tokens: %v, want %v", got, want)
	}

	// A token that the server no longer accepts is replaced; the next refresh uses the refresh token that the server
	// sent last.
	for range 2 {
		for name := range connections {
			server.expire(t, processes[0], name)
			for _, p := range processes {
				if status, body, err := p.call(t.Context(), name, "GET", server.Issuer+"/api", ""); err != nil || status != http.StatusOK {
					t.Errorf("%s after its end: %d %s, %v", name, status, body, err)
				}
			}
		}
	}
	for grant, n := range want {
		want[grant] = 3 * n
	}
	if got := server.tokenRequests(t); !maps.Equal(got, want) {
		t.Errorf("asked for tokens: %v, want %v", got, want)
	}

	// The server's response to a wrong password is not in the error.
	wrong := connections["person"]
	wrong.Settings = maps.Clone(wrong.Settings)
	wrong.Settings["password"] = "hunter2"
	processes[0].put(wrong)
	_, _, err := processes[0].call(t.Context(), "person", "GET", server.Issuer+"/api", "")
	if err == nil || err.Error() != `connection "person": its token endpoint answered 400 invalid_grant` {
		t.Errorf("a wrong password: %v", err)
	}
	if text := f.logged.String(); strings.Contains(text, "hunter2") || strings.Contains(text, "s3cret") {
		t.Errorf("logged: %s", text)
	}
}

// expire ends the token in use before its time.
func (o *oidc) expire(t *testing.T, p *testProcess, name string) {
	t.Helper()
	_, body, err := p.call(t.Context(), name, "GET", o.Issuer+"/api", "")
	var seen struct{ Token string }
	if err != nil || json.Unmarshal([]byte(body), &seen) != nil {
		t.Fatalf("%s: %s, %v", name, body, err)
	}
	resp, err := http.Post(o.Issuer+"/expire", "text/plain", strings.NewReader(seen.Token))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("expire: %d", resp.StatusCode)
	}
}
