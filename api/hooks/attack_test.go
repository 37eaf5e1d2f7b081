package hooks_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/penstock/penstock/api"
	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/internal/limits"
	"github.com/penstock/penstock/internal/testenv"
)

// guardedProduct returns a Product with a brute-force guard that trusts the test as a proxy, so that the test
// chooses the caller's address.
func guardedProduct(t *testing.T) *apitest.Product {
	t.Helper()
	attempts, err := limits.NewAttempts(limits.AttemptsConfig{Redis: testenv.Redis(t).Client(), Key: []byte("a test's")})
	apitest.Fatal(t, err)
	return apitest.NewProduct(t, func(c *api.Config) {
		c.Guard, c.TrustedProxies = auth.NewBruteForceGuard(attempts), []string{"127.0.0.1"}
	})
}

// These schemes send the secret itself, so it is guarded like a password: during a wait a right and a wrong one get
// the same response.
func TestAttackGuessingTheSecretsOfWebhooks(t *testing.T) {
	t.Parallel()
	p := guardedProduct(t)
	p.Secret("hook", "a-token-of-some-length")
	p.Secret("meta", "verify-me")
	p.Deploy(7, strings.Replace(apitest.HookFlow("scheme: token", ""), "hooked", "token", 1))
	p.Deploy(8, strings.Replace(apitest.HookFlow("scheme: basic, user: shop", ""), "hooked", "basic", 1))
	p.Deploy(9, strings.Replace(apitest.HookFlow("scheme: github, verify_token: meta", ""), "hooked", "meta", 1))
	for i, scheme := range []struct {
		name string
		send func(secret, ip string) apitest.Reply
	}{
		{"token", func(secret, ip string) apitest.Reply {
			return p.Do("POST", "/hooks/7", "", `{}`, "Authorization", "Bearer "+secret, "X-Forwarded-For", ip)
		}},
		{"basic", func(secret, ip string) apitest.Reply {
			return p.Do("POST", "/hooks/8", "", `{}`, "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("shop:"+secret)), "X-Forwarded-For", ip)
		}},
		{"handshake", func(secret, ip string) apitest.Reply {
			if secret == "a-token-of-some-length" {
				secret = "verify-me"
			}
			return p.Do("GET", "/hooks/9?hub.mode=subscribe&hub.challenge=1&hub.verify_token="+secret, "", "", "X-Forwarded-For", ip)
		}},
		{"no such webhook", func(secret, ip string) apitest.Reply {
			return p.Do("POST", "/hooks/99", "", `{}`, "Authorization", "Bearer "+secret, "X-Forwarded-For", ip)
		}},
	} {
		guesser, home := fmt.Sprintf("203.0.113.%d", i), fmt.Sprintf("192.0.2.%d", i)
		real := scheme.name != "no such webhook"
		if r := scheme.send("a-token-of-some-length", home); real && r.StatusCode != http.StatusOK {
			t.Fatalf("%s: the owner: %d %s", scheme.name, r.StatusCode, r.Text)
		}
		evaluated := 0
		for n := range 40 {
			if scheme.send(fmt.Sprint("guess", n), guesser).StatusCode == http.StatusUnauthorized {
				evaluated++
			}
		}
		if evaluated < 6 || evaluated > 12 { // the first waits are of seconds
			t.Errorf("%s: %d of 40 guesses were evaluated", scheme.name, evaluated)
		}
		right, wrong := scheme.send("a-token-of-some-length", guesser), scheme.send("guess", guesser)
		if right.StatusCode != http.StatusTooManyRequests || right.StatusCode != wrong.StatusCode || right.Header.Get("Retry-After") == "" {
			t.Errorf("%s: in a wait the right one gets %d, a wrong one %d", scheme.name, right.StatusCode, wrong.StatusCode)
		}
		if r := scheme.send("a-token-of-some-length", home); real && r.StatusCode != http.StatusOK {
			t.Errorf("%s: the owner, meanwhile: %d %s", scheme.name, r.StatusCode, r.Text)
		}
	}
}

// A valid signature with a strong secret is never rejected because of the failures of others.
func TestAttackASignatureThatFitsIsNotRefused(t *testing.T) {
	t.Parallel()
	p := guardedProduct(t)
	p.Secret("hook", "0123456789abcdef")
	p.Secret("weak", "s3")
	p.Deploy(7, apitest.HookFlow("scheme: github", ""))
	p.Deploy(8, strings.NewReplacer("hooked", "weak", "secret: hook", "secret: weak").Replace(apitest.HookFlow("scheme: github", "")))
	send := func(flow int, secret, id string) apitest.Reply {
		return p.Do("POST", fmt.Sprint("/hooks/", flow), "", `{}`, "X-Hub-Signature-256", "sha256="+apitest.HexMAC(secret, `{}`), "X-GitHub-Delivery", id, "X-Forwarded-For", "192.0.2.1")
	}
	for i := range 60 {
		send(7, fmt.Sprint("guess", i), "d")
		send(8, fmt.Sprint("guess", i), "d")
		send(100+i, "guess", "d")
	}
	send(8, "guess", "d")             // on a slow machine the wait is over: this begins another one
	p.Want(send(8, "s3", "d-2"), 429) // two characters can be guessed: it waits like a password
	send(7, "guess", "d")
	p.Want(send(7, "guess", "d"), 429)
	p.Want(send(7, "0123456789abcdef", "d-1"), 200)
}
