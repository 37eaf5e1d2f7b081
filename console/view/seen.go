package view

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/penstock/penstock/store"
)

// seen returns a short hash of what a form shows. The form sends it back, so that a change of somebody else in the meantime is not
// overwritten. The values have no secrets.
func seen(values ...any) string {
	text, err := json.Marshal(values)
	if err != nil {
		panic(err) // texts, numbers and times always encode
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// SeenUser is that of the form of a user.
func SeenUser(u *store.User) string { return seen(u.Profile, u.Roles, u.Scopes, u.Disabled, u.Epoch) }

// SeenClient is that of the form of a client.
func SeenClient(c *store.Client) string { return seen(c.UpdatedAt) }

// SeenKey is that of the settings of a key.
func SeenKey(k *store.Key) string {
	return seen(k.Name, k.Flows, k.Scopes, k.Window, k.OnReplay, k.RefuseV1, k.Impersonate, k.PublicKey, k.Rate)
}

// SeenConnection is that of the form of a connection.
func SeenConnection(c *store.Connection) string { return seen(c.Version) }
