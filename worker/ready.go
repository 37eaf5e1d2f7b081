package worker

import (
	"context"
	"errors"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/store"
)

// errUnopened ends a run that needs what only a process with another master
// key can open: another worker does it.
var errUnopened = errors.New("worker: a credential is sealed under a master key that this process does not have")

// ready reports whether this process may take runs.
func (r *runner) ready() bool { return r.cfg.Ready == nil || r.cfg.Ready() == nil }

// openable makes a run end, whatever its flow does about errors, when this
// process lacks the master key of what the run needs.
func (r *runner) openable(env flows.Env, giveUp context.CancelCauseFunc) flows.Env {
	check := func(err error) {
		var missing *store.MissingKeyError
		if errors.As(err, &missing) {
			giveUp(errUnopened)
		}
	}
	if env.Connections != nil {
		env.Connections = openableConnections{env.Connections, check}
	}
	if env.Secrets != nil {
		env.Secrets = openableSecrets{env.Secrets, check}
	}
	return env
}

// openableConnections implements flows.Connections.
type openableConnections struct {
	flows.Connections
	check func(error)
}

// HTTP implements flows.Connections.
func (o openableConnections) HTTP(ctx context.Context, name string) (flows.HTTPConnection, error) {
	c, err := o.Connections.HTTP(ctx, name)
	o.check(err)
	return c, err
}

// SQL implements flows.Connections.
func (o openableConnections) SQL(ctx context.Context, name string) (*flows.Database, error) {
	c, err := o.Connections.SQL(ctx, name)
	o.check(err)
	return c, err
}

// Mail implements flows.Connections.
func (o openableConnections) Mail(ctx context.Context, name string) (flows.Mailer, error) {
	c, err := o.Connections.Mail(ctx, name)
	o.check(err)
	return c, err
}

// openableSecrets implements flows.Secrets.
type openableSecrets struct {
	flows.Secrets
	check func(error)
}

// Secret implements flows.Secrets.
func (o openableSecrets) Secret(ctx context.Context, name string) (string, error) {
	s, err := o.Secrets.Secret(ctx, name)
	o.check(err)
	return s, err
}
