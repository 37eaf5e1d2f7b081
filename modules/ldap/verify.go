package ldap

import (
	"context"

	"github.com/penstock/penstock/flows"
)

// verify says whether a password is right.
type verify struct{ dn, password *flows.Template }

// Effect implements operation.
func (*verify) Effect() flows.Effect { return flows.Read }

func (v *verify) run(ctx context.Context, in *flows.Input, c *client) ([]any, error) {
	dn, err := renderName(ctx, in, "verify", v.dn)
	if err != nil {
		return nil, err
	}
	given, err := v.password.Render(ctx, in)
	if err != nil {
		return nil, err
	}
	password, ok := given.(string)
	if !ok && given != nil {
		return nil, flows.Failed("verify: the password is no text")
	}
	valid, err := c.verify(ctx, dn, password)
	if err != nil {
		return nil, err
	}
	return []any{map[string]any{"dn": dn, "valid": valid}}, nil
}

// verify logs in over a connection of its own. Without a password the server would log in nobody and succeed (RFC 4513,
// section 5.1.2).
func (c *client) verify(ctx context.Context, dn, password string) (bool, error) {
	if password == "" {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, loginLimit)
	defer cancel()
	on, err := c.dial(ctx)
	if err != nil {
		return false, err
	}
	defer func() { _ = on.Close() }() // it was used once
	err = c.during(ctx, on, func() error { return on.Bind(dn, password) })
	if refusesLogin(err) {
		return false, nil
	}
	return err == nil, c.failure(ctx, err)
}
