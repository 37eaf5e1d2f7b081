package runtime

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// authorize adds credentials to one attempt. token is the token of an API client that was used; empty for other
// credentials.
func (c *Client) authorize(ctx context.Context, method, target string, header http.Header, body *content) (token string, err error) {
	switch {
	case c.config.Token != "":
		header.Set("Authorization", "Bearer "+c.config.Token)
	case c.config.Key != "":
		header.Set("Penstock-Key", c.config.Key)
		digest, err := body.digest()
		if err != nil {
			return "", err
		}
		header.Set("Penstock-Signature", c.signature(method, target, digest))
	case c.config.ClientID != "":
		if token, err = c.clientToken(ctx); err != nil {
			return "", err
		}
		header.Set("Authorization", "Bearer "+token)
	case c.config.User != "":
		header.Set("Authorization", basic(c.config.User, c.config.Password))
	}
	return token, nil
}

// signature is an HMAC-SHA256 over the signature base of RFC 9421, with a new nonce for each attempt.
func (c *Client) signature(method, target string, digest [sha256.Size]byte) string {
	ts, nonce := strconv.FormatInt(time.Now().Unix(), 10), rand.Text()
	h := hmac.New(sha256.New, []byte(c.config.Secret))
	fmt.Fprintf(h, "\"@method\": %s\n\"@request-target\": %s\n\"content-digest\": sha-256=:%s:\n", method, target, base64.StdEncoding.EncodeToString(digest[:]))
	fmt.Fprintf(h, `"@signature-params": ("@method" "@request-target" "content-digest");created=%s;nonce="%s";keyid="%s"`, ts, nonce, c.config.Key)
	return "t=" + ts + ",n=" + nonce + ",v2=" + hex.EncodeToString(h.Sum(nil))
}

// target is what a request asks for: the path of the base URL, and the operation's with its query.
func (c *Client) target(path string) string {
	base, _ := url.Parse(c.base) // New has parsed it
	return strings.TrimRight(base.EscapedPath(), "/") + path
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// tokenCache keeps the token of an API client.
type tokenCache struct {
	turn chan struct{} // holds one value while a token is fetched

	mu    sync.Mutex // guards the fields below
	token string
	until time.Time // when a new one is fetched
}

func (t *tokenCache) get() (string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.token, t.token != "" && time.Now().Before(t.until)
}

// put keeps a token for most of its life, which is counted from before it was asked for.
func (t *tokenCache) put(token string, from time.Time, life time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.token, t.until = token, from.Add(life-min(10*time.Second, life/10))
}

// drop forgets a token that the server did not accept, unless it was replaced already.
func (t *tokenCache) drop(token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token == token {
		t.token = ""
	}
}

// clientToken returns a token for the client credentials (RFC 6749, section 4.4). Concurrent calls share one request.
func (c *Client) clientToken(ctx context.Context) (string, error) {
	if token, ok := c.token.get(); ok {
		return token, nil
	}
	select {
	case c.token.turn <- struct{}{}:
		defer func() { <-c.token.turn }()
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	if token, ok := c.token.get(); ok {
		return token, nil
	}
	return c.fetchToken(ctx)
}

func (c *Client) fetchToken(ctx context.Context) (string, error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	if c.config.Scopes != nil {
		form.Set("scope", strings.Join(c.config.Scopes, " "))
	}
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}}
	header.Set("Authorization", basic(url.QueryEscape(c.config.ClientID), url.QueryEscape(c.config.ClientSecret)))
	from := time.Now()
	answer, err := c.exchange(ctx, http.MethodPost, "/oauth2/token", header, textOf([]byte(form.Encode())), false)
	if err != nil {
		return "", fmt.Errorf("fetch token: %w", err)
	}
	var made struct {
		Token string `json:"access_token"`
		Life  int64  `json:"expires_in"` // seconds
	}
	if json.Unmarshal(answer.Body, &made) != nil || made.Token == "" { // its error may hold a part of the token
		return "", errors.New("fetch token: the answer has no access_token")
	}
	c.token.put(made.Token, from, time.Duration(made.Life)*time.Second)
	return made.Token, nil
}
