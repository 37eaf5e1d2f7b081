package connect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/mask"
	"github.com/penstock/penstock/internal/outbound"
	"github.com/penstock/penstock/internal/secretstore"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/store"
)

// withSecretFiles returns a process that reads secrets from files of a directory.
func (f *testFleet) withSecretFiles(dir string) *testProcess {
	t := f.t
	t.Helper()
	log := slog.New(slog.NewTextHandler(&f.logged, nil))
	stores, err := secretstore.New(secretstore.Config{Log: log, MinRefresh: time.Nanosecond, Rules: secretstore.Rules{File: &secretstore.FileRules{Directories: []string{dir}}}})
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := store.NewSealer(f.master)
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), store.Config{Redis: f.redis.Client(), Sealer: sealer, Catalogue: flows.NewCatalogue(), Log: log, SecretStores: stores, Process: store.Process{Role: "worker"}})
	if err != nil {
		t.Fatal(err)
	}
	transport, err := outbound.New(outbound.Config{AllowLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(Config{Store: s, HTTP: transport, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = r.Close()
		_ = stores.Close()
		transport.CloseIdleConnections()
	})
	return &testProcess{r, t, s, transport}
}

// keep writes the secret of a file, at once for readers.
func keep(t *testing.T, dir, name, value string) {
	t.Helper()
	next := filepath.Join(dir, "."+name)
	if err := os.WriteFile(next, []byte(value+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

// guarded is an API with one valid token.
type guarded struct {
	*httptest.Server
	mu   sync.Mutex
	good string
	seen []string // bodies of the requests that it accepted
	no   int      // requests that it refused
}

func newGuarded(t *testing.T, good string) *guarded {
	g := &guarded{good: good}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		defer g.mu.Unlock()
		var body strings.Builder
		_, _ = fmt.Fprint(&body, readAll(r))
		if r.Header.Get("Authorization") != "Bearer "+g.good {
			g.no++
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		g.seen = append(g.seen, body.String())
		fmt.Fprint(w, "you are ", r.Header.Get("Authorization"))
	}))
	t.Cleanup(g.Close)
	return g
}

func readAll(r *http.Request) string {
	var b strings.Builder
	buffer := make([]byte, 512)
	for {
		n, err := r.Body.Read(buffer)
		b.Write(buffer[:n])
		if err != nil {
			return b.String()
		}
	}
}

func (g *guarded) rotate(good string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.good = good
}

// After a rotation the first 401 makes the secret be read again, and the request is sent with the new one: one at a time and many
// at once. Neither Redis nor the log has a value.
func TestARotatedSecretIsTakenAtTheFirst401(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keep(t, dir, "crm", "first-value-of-the-token")
	f := newTestFleet(t)
	p := f.withSecretFiles(dir)
	g := newGuarded(t, "first-value-of-the-token")
	p.put(store.Connection{Name: "crm", Type: "bearer", Hosts: []string{g.URL}, From: map[string]string{"token": "file://" + dir + "/crm"}})
	call := func(body string) (int, string) {
		t.Helper()
		ctx, masked := mask.With(t.Context())
		status, said, err := p.call(ctx, "crm", http.MethodPost, g.URL+"/a", body)
		if err != nil {
			t.Error(err)
		}
		return status, masked.Text(said)
	}
	if status, said := call("one"); status != 200 || said != "you are Bearer ***" {
		t.Fatalf("%d %s", status, said)
	}
	g.rotate("second-value-of-the-token")
	keep(t, dir, "crm", "second-value-of-the-token")
	var callers sync.WaitGroup
	for range 20 {
		callers.Go(func() {
			if status, said := call("two"); status != 200 || said != "you are Bearer ***" {
				t.Errorf("after the rotation: %d %s", status, said)
			}
		})
	}
	callers.Wait()
	refused := g.no
	if status, _ := call("three"); status != 200 || g.no != refused || refused > 20 || g.seen[len(g.seen)-1] != "three" {
		t.Errorf("%d, %d refusals, last body %q", status, g.no, g.seen[len(g.seen)-1])
	}
	g.rotate("a value that the store does not have")
	if status, _ := call("four"); status != http.StatusUnauthorized {
		t.Errorf("a secret that is wrong in its store: %d", status)
	}
	for place, text := range map[string]string{"Redis": dump(t, f), "the log": f.logged.String()} {
		if strings.Contains(text, "value-of-the-token") {
			t.Errorf("%s has the secret", place)
		}
	}
}

// dump returns every key of Redis with its value.
func dump(t *testing.T, f *testFleet) string {
	t.Helper()
	var all strings.Builder
	client := f.redis.Client()
	keys, err := client.Keys(t.Context(), "*").Result()
	if err != nil || len(keys) == 0 {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	for _, key := range keys {
		var value any
		switch kind := client.Type(t.Context(), key).Val(); kind {
		case "string":
			value = client.Get(t.Context(), key).Val()
		case "hash":
			value = client.HGetAll(t.Context(), key).Val()
		case "list":
			value = client.LRange(t.Context(), key, 0, -1).Val()
		case "zset":
			value = client.ZRangeWithScores(t.Context(), key, 0, -1).Val()
		case "set":
			value = client.SMembers(t.Context(), key).Val()
		case "stream":
			value = client.XRange(t.Context(), key, "-", "+").Val()
		default:
			t.Fatalf("%s is a %s", key, kind)
		}
		fmt.Fprintln(&all, key, value)
	}
	return all.String()
}

// A client secret that was replaced is read again when the token endpoint refuses it, and the refusal is not stored.
func TestARotatedClientSecret(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keep(t, dir, "client", "first-client-secret")
	p := newTestFleet(t).withSecretFiles(dir)
	a := newTokenServer(t)
	var mu sync.Mutex
	good := "first-client-secret"
	a.answer = func(w http.ResponseWriter, r *http.Request, _ int64) bool {
		mu.Lock()
		defer mu.Unlock()
		if _, secret, _ := r.BasicAuth(); secret == good {
			return false
		}
		w.WriteHeader(http.StatusUnauthorized)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": "invalid_client"})
		return true
	}
	c := a.connection("oauth2_client")
	delete(c.Settings, "client_secret")
	c.From = map[string]string{"client_secret": "file://" + dir + "/client"}
	p.put(c)
	if status, _, err := p.call(t.Context(), c.Name, http.MethodGet, a.URL+"/api", ""); status != 200 || err != nil {
		t.Fatal(status, err)
	}
	mu.Lock()
	good = "second-client-secret"
	mu.Unlock()
	keep(t, dir, "client", "second-client-secret")
	a.revoke()
	if status, _, err := p.call(t.Context(), c.Name, http.MethodGet, a.URL+"/api", ""); status != 200 || err != nil {
		t.Error(status, err)
	}
}

// A step whose secret cannot be read fails with the reference, at its deadline while the store is away; the process tells the fleet.
func TestASecretThatCannotBeRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := newTestFleet(t)
	p := f.withSecretFiles(dir)
	for _, c := range []store.Connection{
		{Name: "crm", Type: "bearer", Hosts: []string{"crm.example.org"}, From: map[string]string{"token": "file://" + dir + "/none"}},
		{Name: "other", Type: "bearer", Hosts: []string{"crm.example.org"}, From: map[string]string{"token": "file:///etc/other"}},
	} {
		p.put(c)
		_, err := p.HTTP(t.Context(), c.Name)
		if err == nil || !strings.Contains(err.Error(), c.From["token"]+" cannot be read: ") || !strings.Contains(err.Error(), c.Name) {
			t.Errorf("%s: %v", c.Name, err)
		}
		if err := CheckAllowed(p.store.SecretStores(), &c); (err != nil) != (c.Name == "other") {
			t.Errorf("%s: %v", c.Name, err)
		}
		if _, err := p.Test(t.Context(), c.Name, "https://crm.example.org/"); err == nil || !strings.Contains(err.Error(), c.From["token"]) {
			t.Errorf("test of %s: %v", c.Name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { _ = p.store.Run(ctx) }()
	waitFor(t, f, "file://"+dir+"/none")
	keep(t, dir, "none", "here-it-is")
	if status, err := p.Test(t.Context(), "crm", "https://crm.example.org/"); err == nil || strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("when it is there: %s, %v", status, err)
	}
}

func TestCheckOfReferences(t *testing.T) {
	t.Parallel()
	hosts := []string{"crm.example.org"}
	for name, tc := range map[string]struct {
		conn store.Connection
		want string // empty: it is right
	}{
		"a secret":                 {store.Connection{Type: "basic", Hosts: hosts, Settings: map[string]string{"username": "u"}, From: map[string]string{"password": "vault://kv/crm#p"}}, ""},
		"with its user":            {store.Connection{Type: "postgres", Settings: map[string]string{"host": "h", "database": "d"}, From: map[string]string{"username": "vault://db/creds/a#username", "password": "vault://db/creds/a#password"}}, ""},
		"pairs":                    {store.Connection{Type: "api", Hosts: hosts, From: map[string]string{"headers": "file:///run/headers"}}, ""},
		"a certificate":            {store.Connection{Type: "mtls", Hosts: hosts, From: map[string]string{"certificate": "file:///run/tls.crt", "key": "file:///run/tls.key"}}, ""},
		"another mistake":          {store.Connection{Type: "oauth2_client", Hosts: hosts, Settings: map[string]string{"client_id": "c", "token_url": "ftp://x"}, From: map[string]string{"client_secret": "vault://kv/crm#p"}}, "token_url"},
		"a host":                   {store.Connection{Type: "postgres", Settings: map[string]string{"database": "d", "username": "u"}, From: map[string]string{"host": "vault://kv/crm#host"}}, "from.host"},
		"a URL":                    {store.Connection{Type: "oauth2_client", Hosts: hosts, Settings: map[string]string{"client_id": "c"}, From: map[string]string{"token_url": "vault://kv/crm#u"}}, "from.token_url"},
		"none":                     {store.Connection{Type: "bearer", Hosts: hosts, From: map[string]string{"token": "s3cr3t"}}, "from.token is no reference"},
		"both":                     {store.Connection{Type: "bearer", Hosts: hosts, Settings: map[string]string{"token": "s3cr3t"}, From: map[string]string{"token": "vault://kv/crm#t"}}, "has a value, too"},
		"no such setting":          {store.Connection{Type: "bearer", Hosts: hosts, From: map[string]string{"password": "vault://kv/crm#t"}}, "no such setting"},
		"nothing that is required": {store.Connection{Type: "bearer", Hosts: hosts}, "token is missing"},
	} {
		tc.conn.Name = "crm"
		err := Check(nil, &tc.conn)
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) || err != nil && strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}

// waitFor waits until the announcements of the fleet have a reference that cannot be read.
func waitFor(t *testing.T, f *testFleet, reference string) {
	t.Helper()
	client := f.redis.Client()
	testenv.Until(t, "the announcement of "+reference, func() bool {
		all, _ := store.Processes(t.Context(), client)
		for _, p := range all {
			for _, s := range p.Secrets {
				if s.Reference == reference && s.Until.IsZero() && !s.Since.IsZero() {
					return true
				}
			}
		}
		return false
	})
}

// A database that refuses the login after a rotation is worth another try: that has the new password. What runs keeps its
// connection.
func TestARotatedPasswordOfADatabase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := testenv.Postgres(t)
	f := newTestFleet(t)
	p, admin := f.withSecretFiles(dir), f.newProcess()
	settings := map[string]string{"host": d.Host, "port": d.Port, "database": d.Name, "tls": "none"}
	own := maps.Clone(settings)
	own["username"], own["password"] = d.User, d.Password
	admin.put(store.Connection{Name: "admin", Type: "postgres", Settings: own})
	do := func(statement string) {
		t.Helper()
		db, err := admin.SQL(t.Context(), "admin")
		if err != nil {
			t.Fatal(err)
		}
		defer db.Release()
		if _, err := db.DB.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	do(`create role rotating login password 'first-password'`)
	keep(t, dir, "credential", `{"username":"rotating","password":"first-password"}`)
	file := "file://" + dir + "/credential"
	p.put(store.Connection{Name: "db", Type: "postgres", Settings: settings, From: map[string]string{"username": file + "#username", "password": file + "#password"}})
	db, err := p.SQL(t.Context(), "db")
	if err != nil {
		t.Fatal(err)
	}
	running, err := db.DB.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	do(`alter role rotating password 'second-password'`)
	keep(t, dir, "credential", `{"username":"rotating","password":"second-password"}`)
	var failed *flows.Error
	if err := db.DB.PingContext(t.Context()); !errors.As(err, &failed) || failed.Class != flows.ClassNetwork || !strings.Contains(err.Error(), "another try has the new one") || strings.Contains(err.Error(), "second-password") {
		t.Errorf("the first login after the rotation: %v", err)
	}
	again, err := p.SQL(t.Context(), "db")
	if err != nil || again.DB.PingContext(t.Context()) != nil || again.DB == db.DB {
		t.Errorf("another try: %v", err)
	}
	if err := running.PingContext(t.Context()); err != nil {
		t.Errorf("what runs: %v", err)
	}
	_ = running.Close()
	db.Release()
	again.Release()
}
