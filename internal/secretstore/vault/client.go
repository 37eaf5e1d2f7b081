// Package vault reads secrets of HashiCorp Vault and OpenBao by their documented HTTP API
// (https://developer.hashicorp.com/vault/api-docs): key/value stores, and credentials with leases.
package vault

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/penstock/penstock/internal/certfile"
	"github.com/penstock/penstock/internal/localhost"
	"github.com/penstock/penstock/internal/secretstore"
)

const (
	// requestLimit is the maximum duration of one request.
	requestLimit = 5 * time.Second
	// maxAnswer is the maximum size of an answer in bytes.
	maxAnswer = 1 << 20
	// maxHeader is the maximum size of the header of an answer in bytes.
	maxHeader = 64 << 10
)

// Client reads secrets and keeps its token. It implements secretstore.Source and secretstore.Leaser. Safe for concurrent use.
type Client struct {
	address   *url.URL
	namespace string
	http      *http.Client
	login     login
	ctx       context.Context // ends with Close
	cancel    context.CancelFunc

	token  token
	mounts mounts
}

// New returns a client. What the rules leave out is in VAULT_ADDR, VAULT_NAMESPACE, VAULT_CACERT and VAULT_TOKEN; getenv returns
// them. It does not connect. The owner calls Close.
func New(rules secretstore.VaultRules, getenv func(string) string) (*Client, error) {
	address, err := addressOf(cmp.Or(rules.Address, getenv("VAULT_ADDR")), rules.HTTP)
	if err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	authorities, err := certfile.Pool(cmp.Or(rules.CA, getenv("VAULT_CACERT")))
	if err != nil {
		return nil, fmt.Errorf("vault: ca: %w", err)
	}
	login, err := loginOf(rules, getenv)
	if err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	transport := &http.Transport{
		DialContext:            (&net.Dialer{Timeout: requestLimit}).DialContext,
		ForceAttemptHTTP2:      true,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: authorities},
		TLSHandshakeTimeout:    requestLimit,
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConnsPerHost:    8,
		IdleConnTimeout:        time.Minute,
	}
	c := &Client{
		address: address, namespace: cmp.Or(rules.Namespace, getenv("VAULT_NAMESPACE")), login: login,
		http:  &http.Client{Transport: transport, CheckRedirect: followStandby},
		token: token{turn: make(chan struct{}, 1)},
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c, nil
}

// followStandby follows the redirect of a standby to the active server (307), once and never away from TLS.
func followStandby(next *http.Request, via []*http.Request) error {
	if len(via) > 1 || next.Response.StatusCode != http.StatusTemporaryRedirect || next.URL.Scheme != via[0].URL.Scheme {
		return http.ErrUseLastResponse
	}
	return nil
}

func addressOf(text string, plain bool) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return nil, errors.New("address is missing, and VAULT_ADDR is not set")
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("address is not the URL of a server, such as https://vault.example.org:8200")
	case u.Scheme == "http" && !plain && !localhost.Is(u.Hostname()):
		return nil, errors.New("address is http://, so that everybody on the way reads the secrets: use https://, or say http: true")
	}
	u.Path = strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), "/v1")
	return u, nil
}

// answer is the envelope of all answers.
type answer struct {
	Data          json.RawMessage `json:"data"`
	LeaseID       string          `json:"lease_id"`
	LeaseDuration int64           `json:"lease_duration"` // seconds
	Renewable     bool            `json:"renewable"`
	Auth          *authentication `json:"auth"`
	Errors        []string        `json:"errors"`
}

// call sends one request under /v1. token may be empty. Errors are *secretstore.Error without text of the server, which may repeat
// what it was sent.
func (c *Client) call(ctx context.Context, method, path, token string, body any) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("write request: %w", err)
		}
		content = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.address.JoinPath("v1", path).String(), content)
	if err != nil {
		return nil, secretstore.Failure(secretstore.Invalid, "its path cannot be requested")
	}
	req.Header.Set("X-Vault-Request", "true")
	if token != "" {
		req.Header.Set("X-Vault-Token", token)
	}
	if c.namespace != "" {
		req.Header.Set("X-Vault-Namespace", c.namespace)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, unreachable(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, unreachable(err)
	case len(text) > maxAnswer:
		return nil, secretstore.Failure(secretstore.Invalid, fmt.Sprintf("the answer of Vault is larger than %d bytes", maxAnswer))
	}
	var a answer
	unreadable := json.Unmarshal(text, &a) != nil && len(bytes.TrimSpace(text)) > 0
	if resp.StatusCode/100 != 2 {
		return nil, refused(resp, a.Errors)
	}
	if unreadable {
		return nil, secretstore.Failure(secretstore.Unavailable, "what answers at the address of Vault is not Vault")
	}
	return &a, nil
}

// unreachable describes a request without an answer, by known causes only.
func unreachable(err error) error {
	var certificate *tls.CertificateVerificationError
	var timeout net.Error
	reason := "Vault does not answer"
	switch {
	case errors.As(err, &certificate):
		reason = "the certificate of Vault is not trusted"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		reason = fmt.Sprintf("Vault has not answered within %v", requestLimit)
	}
	return secretstore.Failure(secretstore.Unavailable, reason)
}

// refused tells apart the statuses that Vault documents (https://developer.hashicorp.com/vault/api-docs#http-status-codes).
func refused(resp *http.Response, errors []string) error {
	said := fmt.Sprintf(" (%d)", resp.StatusCode)
	switch resp.StatusCode {
	case http.StatusNotFound:
		return secretstore.Failure(secretstore.Missing, "Vault has no such secret"+said)
	case http.StatusUnauthorized, http.StatusForbidden:
		return secretstore.Failure(secretstore.Denied, "Vault denies access"+said)
	case http.StatusTooManyRequests:
		failure := secretstore.Failure(secretstore.Limited, "Vault refuses so many requests"+said)
		if seconds, err := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 16); err == nil {
			failure.RetryAfter = time.Duration(seconds) * time.Second
		}
		return failure
	case http.StatusServiceUnavailable:
		if strings.Contains(strings.ToLower(strings.Join(errors, " ")), "sealed") {
			return secretstore.Failure(secretstore.Sealed, "Vault is sealed"+said)
		}
		return secretstore.Failure(secretstore.Unavailable, "Vault is not ready"+said)
	case http.StatusNotImplemented:
		return secretstore.Failure(secretstore.Sealed, "Vault is not initialized"+said)
	}
	if resp.StatusCode/100 == 4 && resp.StatusCode != http.StatusRequestTimeout && resp.StatusCode != http.StatusPreconditionFailed {
		return secretstore.Failure(secretstore.Invalid, "Vault does not understand the request"+said)
	}
	return secretstore.Failure(secretstore.Unavailable, "Vault cannot answer"+said)
}

// Close stops renewing the token. A token that the client got by a login is revoked.
func (c *Client) Close() error {
	c.cancel()
	c.token.mu.Lock()
	if c.token.closed {
		c.token.mu.Unlock()
		return nil
	}
	c.token.closed = true
	text := c.token.text
	if c.token.renewal != nil {
		c.token.renewal.Stop()
	}
	c.token.mu.Unlock()
	defer c.http.CloseIdleConnections()
	if text == "" || !c.login.repeats() {
		return nil
	}
	if _, err := c.call(context.Background(), http.MethodPost, "auth/token/revoke-self", text, nil); err != nil {
		return fmt.Errorf("revoke token of Vault: %w", err)
	}
	return nil
}

// mounts are the mount points that the client has seen.
type mounts struct {
	mu    sync.Mutex // guards the fields below
	known map[string]mount
}

// mount is one mount point.
type mount struct {
	path   string // with a slash at its end
	kv     int    // version of a key/value store; 0: another engine
	readAt time.Time
}
