package vault

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// standIn answers as Vault's documentation says
// (https://developer.hashicorp.com/vault/api-docs): a key/value engine of each version, credentials with leases, logins and tokens.
type standIn struct {
	*httptest.Server
	t *testing.T

	mu      sync.Mutex // guards the fields below
	tokens  map[string]int64
	calls   map[string]int
	status  int    // of all answers under the engines; 0: as they are
	errors  string // of them
	header  http.Header
	creds   int
	revoked []string
	ttl     int64 // of tokens of logins, seconds
	spaces  []string
}

func newStandIn(t *testing.T) *standIn {
	s := &standIn{t: t, tokens: map[string]int64{"root": 0}, calls: map[string]int{}, ttl: 3600}
	mux := http.NewServeMux()
	login := func(wrong func(in map[string]string) bool) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			var in map[string]string
			if json.NewDecoder(r.Body).Decode(&in) != nil || wrong(in) {
				fail(w, http.StatusBadRequest, "invalid role or secret ID")
				return
			}
			token := fmt.Sprintf("token-%d", s.calls["login"])
			s.calls["login"]++
			s.tokens[token] = s.ttl
			fmt.Fprintf(w, `{"auth":{"client_token":%q,"lease_duration":%d,"renewable":true}}`, token, s.ttl)
		}
	}
	mux.HandleFunc("POST /v1/auth/approle/login", login(func(in map[string]string) bool { return in["role_id"] != "role" || in["secret_id"] != "s3cr3t" }))
	mux.HandleFunc("POST /v1/auth/k8s/login", login(func(in map[string]string) bool { return in["role"] != "penstock" || in["jwt"] != "jwt-of-the-account" }))
	mux.HandleFunc("GET /v1/auth/token/lookup-self", s.known(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"data":{"ttl":%d,"renewable":true}}`, s.tokens[r.Header.Get("X-Vault-Token")])
	}))
	mux.HandleFunc("POST /v1/auth/token/renew-self", s.known(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"auth":{"client_token":"x","lease_duration":%d,"renewable":true}}`, s.ttl)
	}))
	mux.HandleFunc("POST /v1/auth/token/revoke-self", s.known(func(w http.ResponseWriter, r *http.Request) {
		s.revoked = append(s.revoked, r.Header.Get("X-Vault-Token"))
		w.WriteHeader(http.StatusNoContent)
	}))
	mux.HandleFunc("GET /v1/sys/internal/ui/mounts/{path...}", s.known(func(w http.ResponseWriter, r *http.Request) {
		mount, _, _ := strings.Cut(r.PathValue("path"), "/")
		described := map[string]string{
			"kv": `{"path":"kv/","type":"kv","options":{"version":"2"}}`, "old": `{"path":"old/","type":"kv","options":{"version":"1"}}`,
			"database": `{"path":"database/","type":"database","options":null}`,
		}[mount]
		if described == "" {
			fail(w, http.StatusForbidden, "preflight capability check returned 403, please ensure client's policies grant access to path")
			return
		}
		fmt.Fprintf(w, `{"data":%s}`, described)
	}))
	engine := func(path, answer string) {
		mux.HandleFunc("GET /v1/"+path, s.known(func(w http.ResponseWriter, r *http.Request) {
			s.spaces = append(s.spaces, r.Header.Get("X-Vault-Namespace"))
			for name, values := range s.header {
				w.Header()[name] = values
			}
			switch {
			case s.status != 0:
				fail(w, s.status, s.errors)
			case strings.Contains(answer, "%d"):
				s.creds++
				fmt.Fprintf(w, answer, s.creds, s.creds, s.creds)
			default:
				fmt.Fprint(w, answer)
			}
		}))
	}
	engine("kv/data/team/crm", `{"data":{"data":{"token":"of-version-2","port":5432,"deep":{"a":[1]},"none":null},"metadata":{"version":3}},"lease_id":"","lease_duration":0}`)
	engine("old/crm", `{"data":{"token":"of-version-1"},"lease_id":"","lease_duration":2764800,"renewable":false}`)
	engine("database/creds/app", `{"lease_id":"database/creds/app/%d","lease_duration":60,"renewable":true,"data":{"username":"v-app-%d","password":"pw-%d"}}`)
	engine("database/static-creds/app", `{"lease_id":"","lease_duration":0,"data":{"username":"app","password":"static","ttl":42}}`)
	mux.HandleFunc("GET /v1/kv/data/team/deleted", s.known(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"data":{"data":null,"metadata":{"deletion_time":"2026-11-30T10:00:00Z"}}}`)
	}))
	mux.HandleFunc("GET /v1/kv/data/team/secret", s.known(func(w http.ResponseWriter, _ *http.Request) { fail(w, http.StatusForbidden, "permission denied") }))
	mux.HandleFunc("PUT /v1/sys/leases/{act}", s.known(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			ID string `json:"lease_id"`
		}
		if json.NewDecoder(r.Body).Decode(&in) != nil || in.ID == "" {
			fail(w, http.StatusBadRequest, "lease not found")
			return
		}
		if r.PathValue("act") == "revoke" {
			s.revoked = append(s.revoked, in.ID)
			w.WriteHeader(http.StatusNoContent)
			return
		}
		fmt.Fprintf(w, `{"lease_id":%q,"lease_duration":45,"renewable":true}`, in.ID)
	}))
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.calls[r.Method+" "+r.URL.Path]++
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func fail(w http.ResponseWriter, status int, text string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"errors":[%q]}`, text)
}

// known lets requests with a token in.
func (s *standIn) known(handle http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if _, ok := s.tokens[r.Header.Get("X-Vault-Token")]; !ok {
			fail(w, http.StatusForbidden, "permission denied")
			return
		}
		handle(w, r)
	}
}

func (s *standIn) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *standIn) count(call string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[call]
}
