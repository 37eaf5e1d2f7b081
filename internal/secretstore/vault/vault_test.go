package vault

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/secretstore"
	"github.com/penstock/penstock/internal/testenv"
)

func client(t *testing.T, s *standIn, rules secretstore.VaultRules, env map[string]string) *Client {
	t.Helper()
	if rules.Address == "" {
		rules.Address = s.URL
	}
	rules.Paths = []string{"kv/"}
	c, err := New(rules, func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func asRoot(t *testing.T, s *standIn) *Client {
	return client(t, s, secretstore.VaultRules{}, map[string]string{"VAULT_TOKEN": "root"})
}

func inFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "credential")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func kindOf(err error) secretstore.Kind {
	var e *secretstore.Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return ""
}

func TestRead(t *testing.T) {
	t.Parallel()
	s := newStandIn(t)
	c := client(t, s, secretstore.VaultRules{}, map[string]string{"VAULT_TOKEN": "root", "VAULT_NAMESPACE": "teams/crm"})
	d, err := c.Read(t.Context(), "kv/team/crm")
	if err != nil || d.Lease != nil || len(d.Members) != 3 || d.Members["token"] != "of-version-2" || d.Members["port"] != "5432" || d.Members["deep"] != `{"a":[1]}` {
		t.Errorf("version 2: %+v, %v", d, err)
	}
	if d, err = c.Read(t.Context(), "old/crm"); err != nil || d.Lease != nil || d.Members["token"] != "of-version-1" {
		t.Errorf("version 1: %+v, %v", d, err)
	}
	if d, err = c.Read(t.Context(), "database/static-creds/app"); err != nil || d.Lease != nil || d.Changes != 42*time.Second {
		t.Errorf("a static role: %+v, %v", d, err)
	}
	d, err = c.Read(t.Context(), "database/creds/app")
	if err != nil || d.Lease == nil || *d.Lease != (secretstore.Lease{ID: "database/creds/app/1", Duration: time.Minute, Renewable: true}) || d.Members["username"] != "v-app-1" || d.Members["password"] != "pw-1" {
		t.Fatalf("a lease: %+v, %v", d, err)
	}
	if l, err := c.Renew(t.Context(), *d.Lease); err != nil || l.Duration != 45*time.Second {
		t.Errorf("a renewal: %+v, %v", l, err)
	}
	if err := c.Revoke(t.Context(), *d.Lease); err != nil || len(s.revoked) != 1 || s.revoked[0] != d.Lease.ID {
		t.Errorf("a revocation: %v, %v", s.revoked, err)
	}
	for range 5 {
		_, _ = c.Read(t.Context(), "kv/team/crm")
	}
	if n := s.count("GET /v1/sys/internal/ui/mounts/kv/team/crm"); n != 1 {
		t.Errorf("the mount point was asked for %d times", n)
	}
	if len(s.spaces) == 0 || s.spaces[0] != "teams/crm" {
		t.Errorf("namespaces %q", s.spaces)
	}
}

// What Vault answers is told apart, and its texts, which may repeat what was sent, are in no error.
func TestAnswersAreToldApart(t *testing.T) {
	t.Parallel()
	s := newStandIn(t)
	c := asRoot(t, s)
	for path, want := range map[string]secretstore.Kind{"kv/none": secretstore.Missing, "kv/team/deleted": secretstore.Missing, "kv/team/secret": secretstore.Denied, "elsewhere/crm": secretstore.Denied} {
		if _, err := c.Read(t.Context(), path); kindOf(err) != want {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
	for _, tc := range []struct {
		status int
		errors string
		want   secretstore.Kind
		says   string
	}{
		{429, "rate limit", secretstore.Limited, "so many requests (429)"}, {503, "Vault is sealed", secretstore.Sealed, "sealed (503)"}, {503, "no active node", secretstore.Unavailable, "not ready (503)"},
		{501, "", secretstore.Sealed, "not initialized"}, {500, "hunter2", secretstore.Unavailable, "(500)"}, {502, "", secretstore.Unavailable, "(502)"}, {412, "", secretstore.Unavailable, "(412)"}, {400, "hunter2", secretstore.Invalid, "(400)"}, {302, "", secretstore.Unavailable, "(302)"},
	} {
		s.set(func() { s.status, s.errors, s.header = tc.status, tc.errors, http.Header{"Retry-After": {"7"}} })
		_, err := c.Read(t.Context(), "kv/team/crm")
		if kindOf(err) != tc.want || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%d %s: %v", tc.status, tc.errors, err)
		}
		var e *secretstore.Error
		if errors.As(err, &e) && e.Kind == secretstore.Limited && e.RetryAfter != 7*time.Second {
			t.Errorf("Retry-After: %v", e.RetryAfter)
		}
	}
	s.Close()
	if _, err := c.Read(t.Context(), "kv/team/crm"); kindOf(err) != secretstore.Unavailable {
		t.Errorf("without a server: %v", err)
	}
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>hunter2")) }))
	defer page.Close()
	other := client(t, s, secretstore.VaultRules{Address: page.URL}, map[string]string{"VAULT_TOKEN": "root"})
	if _, err := other.Read(t.Context(), "kv/a"); kindOf(err) != secretstore.Unavailable || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a server that is not Vault: %v", err)
	}
}

func TestLogins(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		rules func(t *testing.T) secretstore.VaultRules
		env   map[string]string
		fails bool
	}{
		"approle": {rules: func(t *testing.T) secretstore.VaultRules {
			return secretstore.VaultRules{AppRole: &secretstore.VaultAppRole{RoleID: "role", SecretIDFile: inFile(t, "s3cr3t\n")}}
		}},
		"approle with another secret": {fails: true, rules: func(t *testing.T) secretstore.VaultRules {
			return secretstore.VaultRules{AppRole: &secretstore.VaultAppRole{RoleID: "role", SecretIDFile: inFile(t, "other")}}
		}},
		"approle without its file": {fails: true, rules: func(*testing.T) secretstore.VaultRules {
			return secretstore.VaultRules{AppRole: &secretstore.VaultAppRole{RoleID: "role", SecretIDFile: "/nowhere"}}
		}},
		"kubernetes": {rules: func(t *testing.T) secretstore.VaultRules {
			return secretstore.VaultRules{Kubernetes: &secretstore.VaultKubernetes{Mount: "/k8s/", Role: "penstock", TokenFile: inFile(t, "jwt-of-the-account")}}
		}},
		"kubernetes as another": {fails: true, rules: func(t *testing.T) secretstore.VaultRules {
			return secretstore.VaultRules{Kubernetes: &secretstore.VaultKubernetes{Mount: "k8s", Role: "admin", TokenFile: inFile(t, "jwt-of-the-account")}}
		}},
		"file": {rules: func(t *testing.T) secretstore.VaultRules {
			return secretstore.VaultRules{TokenFile: inFile(t, "root\n")}
		}},
		"another token": {fails: true, env: map[string]string{"VAULT_TOKEN": "other"}, rules: func(*testing.T) secretstore.VaultRules { return secretstore.VaultRules{} }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := client(t, newStandIn(t), tc.rules(t), tc.env)
			_, err := c.Read(t.Context(), "kv/team/crm")
			if (err != nil) != tc.fails || err != nil && (strings.Contains(err.Error(), "s3cr3t") || !strings.Contains(err.Error(), "ault")) {
				t.Error(err)
			}
		})
	}
}

// Many readings share one login. A token that Vault has forgotten is replaced once; a path that a policy denies causes no login for
// each of its readings.
func TestOneLogin(t *testing.T) {
	t.Parallel()
	s := newStandIn(t)
	c := client(t, s, secretstore.VaultRules{AppRole: &secretstore.VaultAppRole{RoleID: "role", SecretIDFile: inFile(t, "s3cr3t")}}, nil)
	read := func(path string) {
		var readers sync.WaitGroup
		for range 30 {
			readers.Go(func() {
				if _, err := c.Read(t.Context(), path); (err != nil) != (path != "kv/team/crm") {
					t.Errorf("%s: %v", path, err)
				}
			})
		}
		readers.Wait()
	}
	read("kv/team/crm")
	if n := s.count("POST /v1/auth/approle/login"); n != 1 {
		t.Errorf("%d logins for 30 readings", n)
	}
	s.set(func() { clear(s.tokens) })
	read("kv/team/crm")
	if n := s.count("POST /v1/auth/approle/login"); n != 2 {
		t.Errorf("%d logins after the token has ended, want 2", n)
	}
	for range 10 {
		read("kv/team/secret")
	}
	if n := s.count("POST /v1/auth/approle/login"); n > 3 {
		t.Errorf("%d logins for a path that is denied", n)
	}
	if err := c.Close(); err != nil || len(s.revoked) != 1 {
		t.Errorf("at the end %q are revoked, %v", s.revoked, err)
	}
}

// A token is renewed before it ends, and a lease is not believed to outlive it.
func TestTokensAreRenewed(t *testing.T) {
	t.Parallel()
	s := newStandIn(t)
	s.ttl = 2
	c := client(t, s, secretstore.VaultRules{AppRole: &secretstore.VaultAppRole{RoleID: "role", SecretIDFile: inFile(t, "s3cr3t")}}, nil)
	d, err := c.Read(t.Context(), "database/creds/app")
	if err != nil || d.Lease.Duration > 2*time.Second {
		t.Fatalf("%+v, %v", d, err)
	}
	testenv.Until(t, "two renewals", func() bool { return s.count("POST /v1/auth/token/renew-self") >= 2 })
	if n, logins := s.count("POST /v1/auth/token/renew-self"), s.count("POST /v1/auth/approle/login"); n < 2 || logins != 1 {
		t.Errorf("%d renewals, %d logins", n, logins)
	}
}

// A standby leads to the active server; nothing leads away from TLS, or further.
func TestRedirects(t *testing.T) {
	t.Parallel()
	s := newStandIn(t)
	standby := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, s.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}))
	defer standby.Close()
	c := client(t, s, secretstore.VaultRules{Address: standby.URL}, map[string]string{"VAULT_TOKEN": "root"})
	if _, err := c.Read(t.Context(), "kv/team/crm"); err != nil {
		t.Error(err)
	}
	far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, standby.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}))
	defer far.Close()
	c = client(t, s, secretstore.VaultRules{Address: far.URL}, map[string]string{"VAULT_TOKEN": "root"})
	if _, err := c.Read(t.Context(), "kv/team/crm"); err == nil {
		t.Error("two redirects are followed")
	}
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, s.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}))
	defer secure.Close()
	c = client(t, s, secretstore.VaultRules{Address: secure.URL}, map[string]string{"VAULT_TOKEN": "root"})
	if _, err := c.Read(t.Context(), "kv/team/crm"); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate that is not trusted: %v", err)
	}
	c.http.Transport = secure.Client().Transport
	if _, err := c.Read(t.Context(), "kv/team/crm"); err == nil {
		t.Error("a redirect to http:// is followed")
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"": "VAULT_ADDR", "http://vault.example.org:8200": "http://", "vault:8200": "not the URL", "https://u:p@vault": "not the URL", "https://vault?x": "not the URL", "ftp://vault": "not the URL",
	} {
		if _, err := New(secretstore.VaultRules{Address: address, TokenFile: "/t"}, func(string) string { return "" }); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", address, err)
		}
	}
	none := func(string) string { return "" }
	if _, err := New(secretstore.VaultRules{Address: "http://vault:8200", HTTP: true, TokenFile: "/t"}, none); err != nil {
		t.Errorf("http: true: %v", err)
	}
	if _, err := New(secretstore.VaultRules{Address: "https://vault:8200"}, none); err == nil || !strings.Contains(err.Error(), "VAULT_TOKEN") {
		t.Errorf("without a login: %v", err)
	}
	if _, err := New(secretstore.VaultRules{Address: "https://vault:8200", CA: "/nowhere", TokenFile: "/t"}, none); err == nil || !strings.Contains(err.Error(), "ca") {
		t.Errorf("without its authorities: %v", err)
	}
}
