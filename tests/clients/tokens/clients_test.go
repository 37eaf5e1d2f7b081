//go:build clients

package tokens

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
	"golang.org/x/oauth2/jwt"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if file, err := build(); err == nil && file != os.Getenv("BINARY") {
		_ = os.RemoveAll(strings.TrimSuffix(file, "/penstock"))
	}
	os.Exit(code)
}

// node runs one case of tokens.mjs and returns what the client saw.
func (p *product) node(name string, expiresIn int) map[string]any {
	p.t.Helper()
	settings := map[string]any{
		"url": p.URL, "key": apiKey, "keySecret": apiSecret, "user": apiUser, "password": apiPassword,
		"client": p.client, "clientSecret": p.clientSecret, "assertion": p.assertion, "scope": "flows:run",
	}
	if expiresIn > 0 {
		settings["expiresIn"] = expiresIn
	}
	input, err := json.Marshal(settings)
	if err != nil {
		p.t.Fatal(err)
	}
	cmd := exec.CommandContext(p.t.Context(), "node", "--no-deprecation", "tokens.mjs", name)
	cmd.Stdin = strings.NewReader(string(input))
	out, err := cmd.Output()
	var exited *exec.ExitError
	if errors.As(err, &exited) {
		p.t.Fatalf("%s: %s", name, exited.Stderr)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	var seen map[string]any
	decode(p.t, out, &seen)
	return seen
}

func TestNodeClients(t *testing.T) {
	t.Parallel()
	p := start(t)
	for _, tc := range []struct {
		name      string
		expiresIn int // of the JWT, in seconds
		want      map[string]any
	}{
		{"integrify", 0, map[string]any{"token_type": "Bearer", "expires_in": 3600.0, "scope": "flows:run runs:read"}},
		{"integrify", 60, map[string]any{"token_type": "Bearer", "expires_in": 3600.0, "scope": "flows:run runs:read"}},
		{"openid-client", 0, map[string]any{"token_type": "bearer", "expires_in": 300.0, "scope": "flows:run", "live": true, "dead": false}},
		{"openid-client-assertion", 0, map[string]any{"token_type": "bearer", "expires_in": 300.0, "scope": "flows:run"}},
		{"oauth4webapi", 0, map[string]any{"token_type": "bearer", "expires_in": 300.0, "scope": "flows:run", "active": true, "client_id": p.client}},
		{"simple-oauth2", 0, map[string]any{"token_type": "Bearer", "expires_in": 300.0, "scope": "flows:run"}},
		{"simple-oauth2-password", 0, map[string]any{"token_type": "bearer", "expires_in": 1799.0, "username": apiUser}},
	} {
		seen := p.node(tc.name, tc.expiresIn)
		for member, want := range tc.want {
			if seen[member] != want {
				t.Errorf("%s: %s is %v, want %v", tc.name, member, seen[member], want)
			}
		}
		token, _ := seen["access_token"].(string)
		p.wantRun("Bearer " + token)
	}
	if seen := p.node("openid-client-refused", 0); seen["scheme"] != "basic" || seen["status"] != 401.0 {
		t.Errorf("openid-client understood %v", seen)
	}
}

func TestGoClients(t *testing.T) {
	t.Parallel()
	p := start(t)
	ctx := context.Background()

	password := oauth2.Config{Endpoint: oauth2.Endpoint{TokenURL: p.URL + "/token"}} // sends an empty Basic pair along
	token, err := password.PasswordCredentialsToken(ctx, apiUser, apiPassword)
	p.wantToken("x/oauth2 password", token, err, 30*time.Minute)

	for _, style := range []oauth2.AuthStyle{oauth2.AuthStyleAutoDetect, oauth2.AuthStyleInHeader, oauth2.AuthStyleInParams} {
		plain := clientcredentials.Config{ClientID: p.client, ClientSecret: p.clientSecret, TokenURL: p.URL + "/oauth2/token", Scopes: []string{"flows:run", "runs:read"}, AuthStyle: style}
		token, err = plain.Token(ctx)
		p.wantToken("x/oauth2 clientcredentials", token, err, 5*time.Minute)
	}

	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	input, err := json.Marshal(map[string]any{"key": "go-key", "public_key": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})), "impersonate": []string{apiUser}})
	if err != nil {
		t.Fatal(err)
	}
	p.admin("POST", "/v1/keys", string(input))
	private := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	for _, subject := range []string{"", apiUser} {
		signed := jwt.Config{Email: "go-key", PrivateKey: private, Subject: subject, TokenURL: p.URL + "/oauth2/token"}
		token, err = signed.TokenSource(ctx).Token()
		p.wantToken("x/oauth2 jwt", token, err, time.Hour)
	}

	_, err = password.PasswordCredentialsToken(ctx, apiUser, "wrong")
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) || refused.ErrorCode != "invalid_grant" {
		t.Errorf("x/oauth2 with a wrong password: %v", err)
	}
}

func (p *product) wantToken(what string, token *oauth2.Token, err error, life time.Duration) {
	p.t.Helper()
	if err != nil {
		p.t.Errorf("%s: %v", what, err)
		return
	}
	if left := time.Until(token.Expiry); left > life || left < life-time.Minute {
		p.t.Errorf("%s: it lives for %v, want %v", what, left, life)
	}
	p.wantRun(token.Type() + " " + token.AccessToken)
}

// The examples of the documents, with curl.
func TestCurl(t *testing.T) {
	t.Parallel()
	p := start(t)
	curl := func(args ...string) []byte {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), "curl", append([]string{"-sS"}, args...)...).Output()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	var got struct {
		Token   string `json:"access_token"`
		Type    string `json:"token_type"`
		Expires int    `json:"expires_in"`
		User    string `json:"username"`
	}
	decode(t, curl("-X", "POST", "--header", "Accept: application/json", "--header", "Content-Type: application/x-www-form-urlencoded",
		"-d", "grant_type=password&username=apiuser1&password=mypass1", p.URL+"/appservices/token"), &got)
	if got.Type != "bearer" || got.Expires != 1799 || got.User != apiUser {
		t.Errorf("syncAccess: %+v", got)
	}
	run := p.URL + "/v1/flows/69/runs"
	for _, args := range [][]string{
		{"--header", "Authorization: bearer " + got.Token},
		{"--header", "Authorization: BEARER " + got.Token},
		{"-u", apiUser + ":" + apiPassword},
	} {
		if out := curl(append(args, "-X", "POST", "--header", "Accept: application/json", run)...); !strings.Contains(string(out), `"success":true`) {
			t.Errorf("a run with %s: %s", args[0], out)
		}
	}
	decode(t, curl("-u", p.client+":"+p.clientSecret, "-H", "Cache-Control: no-cache", "-d", "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer",
		"-d", "scope=flows:run,runs:read", "--data-urlencode", "assertion="+p.assertion, p.URL+"/oauth/v2/oauth-token"), &got)
	p.wantRun("Bearer " + got.Token)
}
