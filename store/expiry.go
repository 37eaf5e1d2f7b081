package store

import "time"

// ExpiryOfClient is the kind of the end of a client.
const ExpiryOfClient = "client"

// Expiry is the end of a credential. It contains no secret.
type Expiry struct {
	Kind string    `json:"kind"` // ExpiryOfClient, or the setting of a connection: "certificate", "ca", "assertion", "token"
	Name string    `json:"name"` // of the client or connection
	Ends time.Time `json:"ends_at"`
}

// Expiry returns the end of a client, from which on it gets no tokens; a zero time: it is disabled or has none.
func (c *Client) Expiry() Expiry {
	e := Expiry{Kind: ExpiryOfClient, Name: c.Identifier}
	if end := c.Deadline(); !c.Disabled && !end.IsZero() {
		e.Ends = end.UTC()
	}
	return e
}
