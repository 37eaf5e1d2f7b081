package vault

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/internal/secretstore"
)

// mountTTL is how long it is believed what is mounted where.
const mountTTL = 10 * time.Minute

// Read implements secretstore.Source. The path is that of `vault kv get` and `vault read`: without the data/ of version 2 of the
// key/value engine.
func (c *Client) Read(ctx context.Context, path string) (*secretstore.Document, error) {
	m, err := c.mountOf(ctx, path)
	if err != nil {
		return nil, err
	}
	if m.kv == 2 {
		path = m.path + "data/" + strings.TrimPrefix(path, m.path)
	}
	a, err := c.authorized(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	data := a.Data
	if m.kv == 2 {
		var versioned struct {
			Data json.RawMessage `json:"data"`
		}
		if !read(data, &versioned) {
			return nil, unreadable()
		}
		data = versioned.Data
	}
	var members map[string]json.RawMessage
	if !read(data, &members) || members == nil {
		return nil, secretstore.Failure(secretstore.Missing, "Vault has no content of that secret")
	}
	d := &secretstore.Document{Members: secretstore.Members(members)}
	switch {
	case m.kv > 0: // lease_duration of version 1 is an advice, not a lease
	case a.LeaseID != "" && a.LeaseDuration > 0:
		d.Lease = &secretstore.Lease{ID: a.LeaseID, Duration: c.token.within(time.Duration(a.LeaseDuration) * time.Second), Renewable: a.Renewable}
	default: // static roles of databases say when the password changes
		seconds, _ := strconv.ParseInt(d.Members["ttl"], 10, 32)
		d.Changes = time.Duration(max(0, seconds)) * time.Second
	}
	return d, nil
}

// Renew implements secretstore.Leaser.
func (c *Client) Renew(ctx context.Context, l secretstore.Lease) (secretstore.Lease, error) {
	a, err := c.authorized(ctx, http.MethodPut, "sys/leases/renew", map[string]any{"lease_id": l.ID, "increment": int64(l.Duration / time.Second)})
	if err != nil {
		return l, err
	}
	l.Duration, l.Renewable = c.token.within(time.Duration(a.LeaseDuration)*time.Second), a.Renewable
	return l, nil
}

// Revoke implements secretstore.Leaser.
func (c *Client) Revoke(ctx context.Context, l secretstore.Lease) error {
	_, err := c.authorized(ctx, http.MethodPut, "sys/leases/revoke", map[string]any{"lease_id": l.ID})
	return err
}

// authorized sends a request with the token. When it is denied, the token may have ended: it is sent again with another one.
func (c *Client) authorized(ctx context.Context, method, path string, body any) (*answer, error) {
	text, err := c.get(ctx, "")
	if err != nil {
		return nil, err
	}
	a, err := c.call(ctx, method, path, text, body)
	var failure *secretstore.Error
	if !errors.As(err, &failure) || failure.Kind != secretstore.Denied {
		return a, err
	}
	other, err := c.get(ctx, text)
	if err != nil {
		return nil, err
	}
	return c.call(ctx, method, path, other, body)
}

// mountOf returns the mount point of a path. It asks the endpoint that Vault's own command asks
// (https://developer.hashicorp.com/vault/api-docs/system/internal-ui-mounts), which needs no right but one to the path.
func (c *Client) mountOf(ctx context.Context, path string) (mount, error) {
	if m, ok := c.mounts.find(path); ok {
		return m, nil
	}
	a, err := c.authorized(ctx, http.MethodGet, "sys/internal/ui/mounts/"+path, nil)
	if err != nil {
		return mount{}, err
	}
	var data struct {
		Path    string            `json:"path"`
		Type    string            `json:"type"`
		Options map[string]string `json:"options"`
	}
	if !read(a.Data, &data) || !strings.HasPrefix(path+"/", data.Path) || !strings.HasSuffix(data.Path, "/") {
		return mount{}, unreadable()
	}
	m := mount{path: data.Path, readAt: time.Now()}
	if data.Type == "kv" || data.Type == "generic" {
		m.kv = 1
		if data.Options["version"] == "2" {
			m.kv = 2
		}
	}
	c.mounts.keep(m)
	return m, nil
}

// find returns the mount point of a path that is known. Mount points are never within each other.
func (ms *mounts) find(path string) (mount, bool) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	for prefix, m := range ms.known {
		if strings.HasPrefix(path, prefix) && time.Since(m.readAt) < mountTTL {
			return m, true
		}
	}
	return mount{}, false
}

func (ms *mounts) keep(m mount) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	if ms.known == nil {
		ms.known = map[string]mount{}
	}
	ms.known[m.path] = m
}

func unreadable() error {
	return secretstore.Failure(secretstore.Unavailable, "the answer of Vault cannot be read")
}

// read decodes JSON. Its error would quote the text.
func read(text json.RawMessage, into any) bool {
	return len(text) > 0 && json.Unmarshal(text, into) == nil
}
