package vault

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/penstock/penstock/internal/secretstore"
)

const (
	// kubernetesToken is where Kubernetes mounts the token of the service account.
	kubernetesToken = "/var/run/secrets/kubernetes.io/serviceaccount/token"
	// maxCredential is the maximum size of a token in a file, in bytes.
	maxCredential = 64 << 10
	// minLogin is the minimum time between two logins after a refusal.
	minLogin = 5 * time.Second
	// renewAgain is the time after which a renewal that failed is tried again.
	renewAgain = 10 * time.Second
)

// login obtains tokens.
type login struct {
	path  string                               // of the login under /v1; empty: the token is given
	body  func() (map[string]string, error)    // of the login
	given func() (token string, failure error) // without a path
}

// repeats reports whether another login gives another token.
func (l login) repeats() bool { return l.path != "" }

func loginOf(rules secretstore.VaultRules, getenv func(string) string) (login, error) {
	switch {
	case rules.AppRole != nil:
		role := *rules.AppRole
		return login{path: "auth/" + mountOr(role.Mount, "approle") + "/login", body: func() (map[string]string, error) {
			body := map[string]string{"role_id": role.RoleID}
			if role.SecretIDFile == "" {
				return body, nil
			}
			secret, err := credentialIn(role.SecretIDFile)
			body["secret_id"] = secret
			return body, err
		}}, nil
	case rules.Kubernetes != nil:
		role := *rules.Kubernetes
		if role.TokenFile == "" {
			role.TokenFile = kubernetesToken
		}
		return login{path: "auth/" + mountOr(role.Mount, "kubernetes") + "/login", body: func() (map[string]string, error) {
			jwt, err := credentialIn(role.TokenFile)
			return map[string]string{"role": role.Role, "jwt": jwt}, err
		}}, nil
	case rules.TokenFile != "":
		return login{given: func() (string, error) { return credentialIn(rules.TokenFile) }}, nil
	}
	token := getenv("VAULT_TOKEN")
	if token == "" {
		return login{}, errors.New("no login: name token_file, approle or kubernetes, or set VAULT_TOKEN")
	}
	return login{given: func() (string, error) { return token, nil }}, nil
}

func mountOr(mount, otherwise string) string {
	if mount = strings.Trim(mount, "/"); mount != "" {
		return mount
	}
	return otherwise
}

// credentialIn reads a file at each login: Kubernetes and Vault's agent replace them.
func credentialIn(file string) (string, error) {
	text, err := os.ReadFile(file)
	credential := strings.TrimSpace(string(text))
	if err != nil || credential == "" || len(credential) > maxCredential {
		return "", secretstore.Failure(secretstore.Unavailable, "the file with the credential for Vault cannot be read")
	}
	return credential, nil
}

// authentication is the answer to a login or a renewal.
type authentication struct {
	Token     string `json:"client_token"`
	Duration  int64  `json:"lease_duration"` // seconds; 0: it does not end
	Renewable bool   `json:"renewable"`
}

// token is the token of the client.
type token struct {
	turn chan struct{} // held by who logs in

	mu      sync.Mutex // guards the fields below
	text    string     // empty: none
	until   time.Time  // when another one is obtained; zero: never
	ends    time.Time  // zero: never
	refused time.Time  // when a token that was new was last refused
	renewal *time.Timer
	closed  bool
}

// usable returns the token unless it is rejected, or has ended.
func (t *token) usable(rejected string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.text == rejected || !t.until.IsZero() && time.Until(t.until) <= 0 {
		return ""
	}
	return t.text
}

// within returns the part of a duration that ends with the token: with a token, Vault revokes the leases that it was used for
// (https://developer.hashicorp.com/vault/docs/concepts/lease).
func (t *token) within(d time.Duration) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ends.IsZero() {
		return d
	}
	return min(d, max(0, time.Until(t.ends)))
}

// get returns a token other than rejected. Of concurrent callers one logs in; the others wait for it until ctx ends.
func (c *Client) get(ctx context.Context, rejected string) (string, error) {
	if text := c.token.usable(rejected); text != "" {
		return text, nil
	}
	select {
	case c.token.turn <- struct{}{}:
		defer func() { <-c.token.turn }()
	case <-ctx.Done():
		return "", secretstore.Failure(secretstore.Unavailable, "the login to Vault has not ended in time")
	}
	if text := c.token.usable(rejected); text != "" {
		return text, nil
	}
	if rejected != "" && !c.mayLoginAgain() {
		return "", secretstore.Failure(secretstore.Denied, "Vault denies access (403)")
	}
	a, err := c.authenticate(ctx)
	if err != nil {
		return "", err
	}
	if a.Token == rejected { // a given one
		return "", secretstore.Failure(secretstore.Denied, "Vault denies access (403)")
	}
	c.keepToken(a)
	return a.Token, nil
}

// mayLoginAgain reports whether a login after a refusal is not one of too many: a policy that denies a path is no reason to log in
// for each reading of it.
func (c *Client) mayLoginAgain() bool {
	c.token.mu.Lock()
	defer c.token.mu.Unlock()
	if time.Since(c.token.refused) < minLogin {
		return false
	}
	c.token.refused = time.Now()
	return true
}

func (c *Client) authenticate(ctx context.Context) (*authentication, error) {
	if !c.login.repeats() {
		return c.lookUp(ctx)
	}
	body, err := c.login.body()
	if err != nil {
		return nil, err
	}
	a, err := c.call(ctx, http.MethodPost, c.login.path, "", body)
	var failure *secretstore.Error
	switch {
	case errors.As(err, &failure) && !failure.Temporary():
		return nil, secretstore.Failure(secretstore.Denied, "the login to Vault fails: "+failure.Reason)
	case err != nil:
		return nil, err
	case a.Auth == nil || a.Auth.Token == "":
		return nil, secretstore.Failure(secretstore.Denied, "the login to Vault gives no token")
	}
	return a.Auth, nil
}

// lookUp asks how long the given token lives.
func (c *Client) lookUp(ctx context.Context) (*authentication, error) {
	text, err := c.login.given()
	if err != nil {
		return nil, err
	}
	a, err := c.call(ctx, http.MethodGet, "auth/token/lookup-self", text, nil)
	var failure *secretstore.Error
	if errors.As(err, &failure) && failure.Kind == secretstore.Denied {
		return nil, secretstore.Failure(secretstore.Denied, "Vault does not accept the token (403)")
	}
	if err != nil {
		return nil, err
	}
	var data struct {
		TTL       int64 `json:"ttl"`
		Renewable bool  `json:"renewable"`
	}
	if !read(a.Data, &data) {
		return nil, secretstore.Failure(secretstore.Unavailable, "Vault does not describe the token")
	}
	return &authentication{text, data.TTL, data.Renewable}, nil
}

// keepToken uses a token from now on, and renews it before it ends.
func (c *Client) keepToken(a *authentication) {
	t := &c.token
	t.mu.Lock()
	defer t.mu.Unlock()
	life := time.Duration(a.Duration) * time.Second
	if t.renewal != nil {
		t.renewal.Stop()
	}
	t.text, t.until, t.ends, t.renewal = a.Token, time.Time{}, time.Time{}, nil
	if life == 0 || t.closed {
		return
	}
	t.ends = time.Now().Add(life)
	t.until = t.ends
	if c.login.repeats() { // what is read from then on has leases of another token
		t.until = t.ends.Add(-life / 10)
	}
	if a.Renewable {
		t.renewal = time.AfterFunc(life*2/3, func() { c.renewToken(a.Token, life) })
	}
}

// renewToken prolongs the token. One that cannot be prolonged, or by less than half of its time, is left to end: the next reading
// logs in again, or reads the file with the token again.
func (c *Client) renewToken(text string, life time.Duration) {
	a, err := c.call(c.ctx, http.MethodPost, "auth/token/renew-self", text, map[string]string{})
	t := &c.token
	t.mu.Lock()
	current := t.text == text && !t.closed
	t.mu.Unlock()
	switch {
	case !current:
	case err == nil && a.Auth != nil && time.Duration(a.Auth.Duration)*time.Second >= life/2:
		a.Auth.Token, a.Auth.Renewable = text, true
		c.keepToken(a.Auth)
	case secretstore.Temporary(err):
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.text == text && time.Now().Add(renewAgain).Before(t.ends) {
			t.renewal = time.AfterFunc(renewAgain, func() { c.renewToken(text, life) })
		}
	}
}
