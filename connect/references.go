package connect

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/penstock/penstock/connect/internal/server"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/secretstore"
	"github.com/penstock/penstock/store"
)

// identities are settings that are not secret, but come from a store with the secrets that belong to them: a store that makes
// credentials makes both.
var identities = []string{"username", "client_id", "access_key_id", "consumer_key", "token", "certificate", "client_certificate"}

// TakesReference reports whether the value of a setting may be kept elsewhere: that of a secret, and of the name beside it. Which
// server a connection is for is never kept elsewhere, so that it is seen by who reads the connection.
func TakesReference(f Field) bool { return f.Secret || slices.Contains(identities, f.Name) }

// checkReferences checks the references of a connection without reading them. Whether the operator's rules allow them is checked by
// CheckAllowed.
func checkReferences(catalogue *flows.Catalogue, c *store.Connection) error {
	if len(c.From) == 0 {
		return nil
	}
	t, err := typeNamed(catalogue, c.Type)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(c.From)) {
		at := slices.IndexFunc(t.Fields, func(f Field) bool { return f.Name == name })
		switch {
		case at < 0:
			return fmt.Errorf("from.%.60s: a %s connection has no such setting", name, t.Name)
		case !TakesReference(t.Fields[at]):
			return fmt.Errorf("from.%s: this setting is written in the connection; secrets and the names that belong to them may be kept elsewhere", name)
		case c.Settings[name] != "":
			return fmt.Errorf("from.%s: the setting has a value, too", name)
		}
		if _, err := secretstore.Parse(c.From[name]); err != nil {
			return fmt.Errorf("from.%s %w", name, err)
		}
	}
	return nil
}

// CheckAllowed returns why the rules of this process do not allow the references of a connection; nil: they do. It reads nothing.
func CheckAllowed(stores *secretstore.Stores, c *store.Connection) error {
	for _, name := range slices.Sorted(maps.Keys(c.From)) {
		if err := stores.Check(c.From[name]); err != nil {
			return fmt.Errorf("from.%s %w", name, err)
		}
	}
	return nil
}

// placeholder is the value of a reference that is not read.
const placeholder = "placeholder"

// withPlaceholders returns a connection in which references have a value, for checking the other settings.
func withPlaceholders(c *store.Connection, t Type) *store.Connection {
	if len(c.From) == 0 {
		return c
	}
	values := map[string]string{}
	for _, f := range t.Fields {
		if c.From[f.Name] == "" || c.Settings[f.Name] != "" {
			continue
		}
		values[f.Name] = placeholder
		if f.Kind == FieldPairs {
			values[f.Name] = placeholder + ": " + placeholder
		}
	}
	return withSettings(c, values)
}

// withSettings returns a copy of a connection with further settings, or other values of those that it has.
func withSettings(c *store.Connection, values map[string]string) *store.Connection {
	filled := *c
	filled.Settings = make(map[string]string, len(c.Settings)+len(values))
	maps.Copy(filled.Settings, c.Settings)
	maps.Copy(filled.Settings, values)
	return &filled
}

// causedByPlaceholder reports whether an error of opening a connection is about a setting with a reference: its value is read, and
// checked, when the connection is used.
func causedByPlaceholder(c *store.Connection, err error) bool {
	for name := range c.From {
		if found, _ := regexp.MatchString(`\b`+regexp.QuoteMeta(name)+`\b`, err.Error()); found {
			return true
		}
	}
	return false
}

// withReferences returns the connection with the values of its references, and the version of both. The result belongs to the
// caller; it must not be stored. Error: a *flows.Error that names the reference, or that of ctx.
func (r *Resolver) withReferences(ctx context.Context, c *store.Connection) (*store.Connection, string, error) {
	if len(c.From) == 0 {
		return c, c.Version, nil
	}
	values, version, err := r.config.Store.SecretStores().Values(ctx, c.From)
	if err != nil {
		return nil, "", err
	}
	return withSettings(c, values), c.Version + "/" + version, nil
}

// openWithReferences opens the connection with what its references give now. While their store is away and there is no earlier
// value, it waits, until ctx ends. Error: *flows.Error, or that of ctx.
func (r *Resolver) openWithReferences(ctx context.Context, c *store.Connection) (*openedConnection, error) {
	type filled struct {
		conn    *store.Connection
		version string
	}
	f, err := retryWhileUnavailable(ctx, func() (filled, error) {
		conn, version, err := r.withReferences(ctx, c)
		return filled{conn, version}, err
	})
	if err != nil {
		return nil, r.readError(ctx, "connection", c.Name, err)
	}
	made, err := r.openOnce(f.conn, f.version)
	if err != nil {
		return nil, server.Failure(c.Name, "%v", err)
	}
	return made, nil
}

// referencedValues returns the values of the references of a connection, which are masked even where the setting is no secret.
func referencedValues(c *store.Connection) []string {
	var values []string
	for name := range c.From {
		if v := c.Settings[name]; v != "" && !strings.HasPrefix(v, "-----BEGIN ") {
			values = append(values, v)
		}
	}
	return values
}

// referenceError is the failure of a step whose secret cannot be read from its store. It names the reference.
func referenceError(ctx context.Context, what, name string, err *secretstore.Error) error {
	e := &flows.Error{Code: flows.CodeStepFailed, Message: fmt.Sprintf("the %s %q: %v", what, name, err), Err: err, RetryAfter: err.RetryAfter}
	switch {
	case err.Temporary() && errors.Is(ctx.Err(), context.DeadlineExceeded):
		e.Class = flows.ClassTimeout
	case err.Temporary():
		e.Class = flows.ClassNetwork
	}
	return e
}
