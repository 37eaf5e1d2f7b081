package connect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/store"
)

// tokenServer is a token endpoint with an API. Its tokens are numbers, and only the last one is valid.
type tokenServer struct {
	*httptest.Server
	asked   atomic.Int64 // requests for a token
	refused atomic.Int64 // responses 401 of the API

	answer func(w http.ResponseWriter, r *http.Request, n int64) bool // nil or false: a token
	gate   chan struct{}                                              // if set, the token is sent when it is closed

	mu   sync.Mutex
	good string
}

func newTokenServer(t *testing.T) *tokenServer {
	t.Helper()
	a := &tokenServer{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", a.token)
	mux.HandleFunc("/api", a.api)
	a.Server = httptest.NewServer(mux)
	t.Cleanup(a.Close)
	return a
}

func (a *tokenServer) token(w http.ResponseWriter, r *http.Request) {
	n := a.asked.Add(1)
	if a.gate != nil {
		<-a.gate
	}
	if a.answer != nil && a.answer(w, r, n) {
		return
	}
	token := fmt.Sprintf("t0ken-%d", n)
	a.mu.Lock()
	a.good = token
	a.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": token, "token_type": "bearer", "expires_in": 600, "refresh_token": fmt.Sprintf("refresh-%d", n)})
}

func (a *tokenServer) api(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	good := "Bearer "+a.good == r.Header.Get("Authorization")
	a.mu.Unlock()
	if !good {
		a.refused.Add(1)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	echoCredentials(w, r)
}

// revoke invalidates the last token.
func (a *tokenServer) revoke() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.good = "none"
}

func (a *tokenServer) connection(kind string, more ...string) store.Connection {
	settings := map[string]string{"token_url": a.URL + "/token", "client_id": "c", "client_secret": "s3cret"}
	for i := 0; i < len(more); i += 2 {
		settings[more[i]] = more[i+1]
	}
	return store.Connection{Name: "api", Type: kind, Hosts: []string{a.URL}, Settings: settings}
}

// Runs wait for an unavailable store, and a received token is stored, once.
func TestATokenWaitsForTheStore(t *testing.T) {
	t.Parallel()
	a, f := newTokenServer(t), newTestFleet(t)
	f.proxy = testenv.NewProxy(t, f.redis.Addr)
	p := f.newProcess()
	p.put(a.connection("oauth2_client"))
	if _, err := p.HTTP(t.Context(), "api"); err != nil { // this process has it in memory from now on
		t.Fatal(err)
	}
	f.proxy.Refuse(true)
	f.proxy.Cut()
	answered := make(chan error, 1)
	go func() {
		status, body, err := p.call(t.Context(), "api", "GET", a.URL+"/api", "")
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("%d %s", status, body)
		}
		answered <- err
	}()
	testenv.Until(t, "the log says that the token cannot be shared", func() bool {
		if len(answered) > 0 {
			t.Fatalf("answered without a store: %v", <-answered)
		}
		return strings.Contains(f.logged.String(), "a token cannot be shared")
	})
	f.proxy.LoseAnswer("multi") // to the transaction that stores the token
	f.proxy.Refuse(false)
	if err := <-answered; err != nil {
		t.Error(err)
	}
	if n := a.asked.Load(); n != 1 || f.proxy.Lost() != 1 {
		t.Errorf("asked %d times for a token, %d replies were lost", n, f.proxy.Lost())
	}
}

// Many runs in several processes share one token, requested once.
func TestTokenIsSharedByTheFleet(t *testing.T) {
	t.Parallel()
	a := newTokenServer(t)
	a.gate = make(chan struct{})
	f := newTestFleet(t)
	processes := []*testProcess{f.newProcess(), f.newProcess(), f.newProcess()}
	processes[0].put(a.connection("oauth2_client"))
	all := func() {
		t.Helper()
		var calls sync.WaitGroup
		for i := range 60 {
			p := processes[i%len(processes)]
			calls.Go(func() {
				if status, body, err := p.call(t.Context(), "api", "GET", a.URL+"/api", ""); err != nil || status != http.StatusOK {
					t.Errorf("%d %s, %v", status, body, err)
				}
			})
		}
		calls.Wait()
	}
	go func() { // all wait for the first response
		for a.asked.Load() == 0 {
			select {
			case <-t.Context().Done():
				return
			default:
			}
		}
		close(a.gate)
	}()
	all()
	if n := a.asked.Load(); n != 1 || a.refused.Load() != 0 {
		t.Errorf("%d requests for a token, want 1; %d refused", n, a.refused.Load())
	}
	a.revoke()
	all()
	if n := a.asked.Load(); n != 2 {
		t.Errorf("%d requests for a token after it was revoked, want 2", n)
	}
	stored := f.redis.Client().Keys(t.Context(), "*grant*").Val()
	for _, key := range stored {
		if text := f.redis.Client().Get(t.Context(), key).Val(); strings.Contains(text, "t0ken") {
			t.Errorf("%s holds the token", key)
		}
	}
	if len(stored) != 1 {
		t.Errorf("keys %v, want the token and no lock", stored)
	}
}

// After a 401 the request is repeated once, with its body, and no more than once.
func TestUnauthorizedIsAskedAgainOnce(t *testing.T) {
	t.Parallel()
	a := newTokenServer(t)
	p := newTestFleet(t).newProcess()
	p.put(a.connection("oauth2_client"))
	ctx := t.Context()
	for range 2 {
		a.revoke()
		status, body, err := p.call(ctx, "api", "POST", a.URL+"/api", "content")
		if err != nil || status != http.StatusOK || !strings.Contains(body, `"body":"content"`) {
			t.Errorf("%d %s, %v", status, body, err)
		}
	}
	if n := a.asked.Load(); n != 2 {
		t.Errorf("%d requests for a token, want 2", n)
	}
	a.answer = func(w http.ResponseWriter, _ *http.Request, _ int64) bool { // tokens that the API refuses
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "useless"})
		return true
	}
	a.revoke()
	before := a.refused.Load()
	if status, _, err := p.call(ctx, "api", "GET", a.URL+"/api", ""); status != http.StatusUnauthorized || err != nil {
		t.Errorf("with useless tokens: %d, %v", status, err)
	}
	if n := a.refused.Load() - before; n != 2 {
		t.Errorf("%d requests to the API, want 2", n)
	}
}

func TestRefreshTokenIsReplaced(t *testing.T) {
	t.Parallel()
	a := newTokenServer(t)
	var seen []string
	a.answer = func(_ http.ResponseWriter, r *http.Request, _ int64) bool {
		seen = append(seen, r.PostFormValue("grant_type")+" "+r.PostFormValue("refresh_token"))
		return false
	}
	f := newTestFleet(t)
	first := f.newProcess()
	first.put(a.connection("oauth2_refresh", "refresh_token", "given"))
	for _, p := range []*testProcess{first, f.newProcess(), first} {
		a.revoke()
		if status, _, err := p.call(t.Context(), "api", "GET", a.URL+"/api", ""); status != http.StatusOK || err != nil {
			t.Fatalf("%d, %v", status, err)
		}
	}
	want := "refresh_token given, refresh_token refresh-1, refresh_token refresh-2"
	if got := strings.Join(seen, ", "); got != want {
		t.Errorf("asked with %s, want %s", got, want)
	}
	first.put(a.connection("oauth2_refresh", "refresh_token", "given anew"))
	if status, _, err := first.call(t.Context(), "api", "GET", a.URL+"/api", ""); status != http.StatusOK || err != nil || seen[3] != "refresh_token given anew" {
		t.Errorf("after a change: %d, %v, asked with %s", status, err, seen[3])
	}
}

func TestTokenEndpointTrouble(t *testing.T) {
	t.Parallel()
	write := func(status int, body string) func(http.ResponseWriter, *http.Request, int64) bool {
		return func(w http.ResponseWriter, _ *http.Request, _ int64) bool {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
			return true
		}
	}
	const prefix = `connection "api": its token endpoint `
	for _, test := range []struct {
		name   string
		answer func(http.ResponseWriter, *http.Request, int64) bool
		want   string
		asked  int64 // limiter two calls: a refusal is cached for a while
	}{
		{"refused", write(400, `{"error":"invalid_client","error_description":"the secret s3cret is wrong"}`), prefix + "answered 400 invalid_client", 1},
		{"an error that is none", write(401, `{"error":"the secret s3cret is wrong"}`), prefix + "answered 401", 1},
		{"busy", write(503, `s3cret`), prefix + "answered 503", 2},
		{"too many", write(429, ``), prefix + "answered 429", 2},
		{"redirect", write(302, ``), prefix + "answered 302", 2},
		{"no token", write(200, `{"s3cret":1}`), prefix + "answered without a token", 2},
		{"no JSON", write(200, `s3cret`), prefix + "answered without a token", 2},
		{"another kind", write(200, `{"access_token":"s3cret","token_type":"mac"}`), prefix + "answered with a token that is not a bearer token", 2},
		{"a second header", write(200, `{"access_token":"s3cret\r\nX: y"}`), prefix + "answered with a token that cannot be sent", 2},
		{"hangs up", func(http.ResponseWriter, *http.Request, int64) bool { panic(http.ErrAbortHandler) }, prefix + "closed the connection", 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			a := newTokenServer(t)
			a.answer = test.answer
			f := newTestFleet(t)
			p := f.newProcess()
			p.put(a.connection("oauth2_client"))
			for range 2 {
				_, _, err := p.call(t.Context(), "api", "GET", a.URL+"/api", "")
				told, ok := err.(*flows.Error)
				if !ok || told.Message != test.want {
					t.Fatalf("%v, want %s", err, test.want)
				}
			}
			if n := a.asked.Load(); n != test.asked {
				t.Errorf("%d requests, want %d", n, test.asked)
			}
			if strings.Contains(f.logged.String(), "s3cret") {
				t.Errorf("logged: %s", f.logged.String())
			}
		})
	}
}

func TestTokenRequest(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		kind string
		more []string
		want string // user and password, then the form
	}{
		{"oauth2_client", []string{"client_id", "a:b c", "client_secret", "d/e"}, "a%3Ab+c:d%2Fe grant_type=client_credentials"},
		{"oauth2_client", []string{"client_auth", "body", "scope", "a b", "audience", "x", "resource", "y"}, ": audience=x&client_id=c&client_secret=s3cret&grant_type=client_credentials&resource=y&scope=a+b"},
		{"oauth2_client", []string{"client_secret", ""}, ": client_id=c&grant_type=client_credentials"},
		{"oauth2_client", []string{"grant_type", "account_credentials", "token_params", "account_id: acc: 1\nx: y"}, "c:s3cret account_id=acc%3A+1&grant_type=account_credentials&x=y"},
		{"oauth2_password", []string{"client_id", "", "username", "u", "password", "p"}, ": grant_type=password&password=p&username=u"},
		{"jwt_assertion", []string{"assertion", "a.b.c", "scope", "x"}, "c:s3cret assertion=a.b.c&grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&scope=x"},
	} {
		a := newTokenServer(t)
		var got string
		a.answer = func(_ http.ResponseWriter, r *http.Request, _ int64) bool {
			user, password, _ := r.BasicAuth()
			_ = r.ParseForm()
			got = user + ":" + password + " " + r.PostForm.Encode()
			return false
		}
		p := newTestFleet(t).newProcess()
		p.put(a.connection(test.kind, test.more...))
		if _, _, err := p.call(t.Context(), "api", "GET", a.URL+"/api", ""); err != nil || got != test.want {
			t.Errorf("%s: %v\ngot  %s\nwant %s", test.kind, err, got, test.want)
		}
	}
}

// A process that dies while it requests a token delays the others no longer than its lock lasts.
func TestLockOfADeadProcess(t *testing.T) {
	t.Parallel()
	a := newTokenServer(t)
	f := newTestFleet(t)
	p := f.newProcess()
	p.put(a.connection("oauth2_client"))
	c, err := p.connections.Connection(t.Context(), "api")
	if err != nil {
		t.Fatal(err)
	}
	if lock, err := p.grants.Lock(t.Context(), c, 300*time.Millisecond); lock == "" || err != nil {
		t.Fatalf("lock %q, %v", lock, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := p.call(ctx, "api", "GET", a.URL+"/api", ""); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a caller with no time: %v", err)
	}
	if status, _, err := p.call(t.Context(), "api", "GET", a.URL+"/api", ""); status != http.StatusOK || err != nil {
		t.Errorf("a caller with time: %d, %v", status, err)
	}
}
