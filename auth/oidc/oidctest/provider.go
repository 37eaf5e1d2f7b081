// Package oidctest is an OpenID Connect provider for tests, as strict as RFC 6749, RFC 7636 and OpenID Connect Core want it.
package oidctest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// ClientID and Secret are those of the provider's only client.
const (
	ClientID = "penstock"
	Secret   = "the-secret-of-the-client"
)

// Provider lets in whoever is named by SignIn. Safe for concurrent use.
type Provider struct {
	URL string // the issuer

	mu     sync.Mutex // guards all below
	key    *ecdsa.PrivateKey
	kid    string
	asked  int // how often the keys were read
	person map[string]any
	info   map[string]any
	codes  map[string]url.Values
	tokens map[string]bool

	// The misbehaviour of tests. Set them before requests.
	Claims   func(claims map[string]any)   // changes the claims of an ID token
	Sign     func(claims []byte) string    // signs an ID token; nil: as it should be
	Respond  func(response url.Values)     // changes an authorization response
	Discover func(document map[string]any) // changes the discovery document
	Fail     string                        // path of an endpoint that answers 500
}

// New starts a provider, which ends with the test.
func New(t testing.TB) *Provider {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &Provider{key: key, kid: "1", codes: map[string]url.Values{}, tokens: map[string]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("GET /userinfo", p.userInfo)
	mux.HandleFunc("GET /keys", p.keys)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.Fail != "" && r.URL.Path == p.Fail {
			http.Error(w, `{"error":"server_error","id_token":"a-secret-of-the-provider"}`, http.StatusInternalServerError)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	p.URL = server.URL
	return p
}

// SignIn says who is let in next: the claims of the ID token, and those that only the UserInfo endpoint has.
func (p *Provider) SignIn(person, info map[string]any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.person, p.info = person, info
}

func (p *Provider) discovery(w http.ResponseWriter, _ *http.Request) {
	document := map[string]any{
		"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
		"userinfo_endpoint": p.URL + "/userinfo", "end_session_endpoint": p.URL + "/end", "id_token_signing_alg_values_supported": []string{"ES256"},
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"}, "authorization_response_iss_parameter_supported": true,
	}
	if p.Discover != nil {
		p.Discover(document)
	}
	answer(w, http.StatusOK, document)
}

// authorize sends the browser back at once.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	asked := r.URL.Query()
	response := url.Values{"state": {asked.Get("state")}, "iss": {p.URL}}
	if asked.Get("client_id") != ClientID || asked.Get("response_type") != "code" || !strings.Contains(" "+asked.Get("scope")+" ", " openid ") ||
		asked.Get("code_challenge_method") != "S256" || asked.Get("code_challenge") == "" || asked.Get("nonce") == "" {
		response.Set("error", "invalid_request")
	} else {
		code := rand.Text()
		p.mu.Lock()
		p.codes[code] = asked
		p.mu.Unlock()
		response.Set("code", code)
	}
	if p.Respond != nil {
		p.Respond(response)
	}
	http.Redirect(w, r, asked.Get("redirect_uri")+"?"+response.Encode(), http.StatusFound)
}

func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	asked := p.codes[r.FormValue("code")]
	delete(p.codes, r.FormValue("code"))
	person := maps.Clone(p.person)
	p.mu.Unlock()
	id, secret, _ := r.BasicAuth()
	challenge := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	if asked == nil || id != ClientID || subtle.ConstantTimeCompare([]byte(secret), []byte(Secret)) != 1 || r.FormValue("grant_type") != "authorization_code" ||
		asked.Get("redirect_uri") != r.FormValue("redirect_uri") || asked.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(challenge[:]) {
		answer(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
		return
	}
	claims := map[string]any{"iss": p.URL, "aud": ClientID, "nonce": asked.Get("nonce"), "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix()}
	maps.Copy(claims, person)
	if p.Claims != nil {
		p.Claims(claims)
	}
	text, _ := json.Marshal(claims) // of texts and numbers: cannot fail
	access := rand.Text()
	p.mu.Lock()
	p.tokens[access] = true
	p.mu.Unlock()
	sign := p.sign
	if p.Sign != nil {
		sign = p.Sign
	}
	answer(w, http.StatusOK, map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 60, "id_token": sign(text)})
}

// SignToken returns a token with these claims that the provider has signed.
func (p *Provider) SignToken(claims map[string]any) string {
	text, err := json.Marshal(claims)
	if err != nil {
		panic(err) // a mistake of the test
	}
	return p.sign(text)
}

// Public returns the key by which the provider's signatures are verified.
func (p *Provider) Public() *ecdsa.PublicKey { return &p.key.PublicKey }

// Asked returns how often the keys were read.
func (p *Provider) Asked() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

// Rotate gives the provider another key, under another name.
func (p *Provider) Rotate(t testing.TB) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.key, p.kid = key, p.kid+"+"
}

func (p *Provider) sign(claims []byte) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return signWith(p.key, p.kid, claims)
}

// SignWith returns a JWT that a key has signed, under the name of the provider's first key.
func SignWith(key *ecdsa.PrivateKey, claims []byte) string { return signWith(key, "1", claims) }

func signWith(key *ecdsa.PrivateKey, kid string, claims []byte) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: kid}}, nil)
	if err != nil {
		panic(err) // the key is of the curve
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		panic(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return text
}

func (p *Provider) userInfo(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	access, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !p.tokens[access] {
		answer(w, http.StatusUnauthorized, map[string]any{"error": "invalid_token"})
		return
	}
	claims := map[string]any{"sub": p.person["sub"]}
	maps.Copy(claims, p.info)
	answer(w, http.StatusOK, claims)
}

func (p *Provider) keys(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	p.asked++
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.key.Public(), KeyID: p.kid, Algorithm: "ES256", Use: "sig"}}}
	p.mu.Unlock()
	answer(w, http.StatusOK, set)
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client is gone
}
