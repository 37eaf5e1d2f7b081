package worker

import (
	"context"
	"errors"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/store"
)

// errMissingKey ends an attempt that needs a credential sealed with a master key that this process does not have;
// another worker executes the run.
var errMissingKey = errors.New("worker: a credential is sealed under a master key that this process does not have")

// ready reports whether this process may take runs.
func (r *runner) ready() bool { return r.cfg.Ready == nil || r.cfg.Ready() == nil }

// endOnMissingKey makes an attempt end when this process lacks the master key of a credential, whatever the flow's
// on_error says.
func (r *runner) endOnMissingKey(env flows.Env, giveUp context.CancelCauseFunc) flows.Env {
	check := func(err error) {
		var missing *store.MissingKeyError
		if errors.As(err, &missing) {
			giveUp(errMissingKey)
		}
	}
	if env.Connections != nil {
		env.Connections = keyCheckedConnections{env.Connections, check}
	}
	if env.Secrets != nil {
		env.Secrets = keyCheckedSecrets{env.Secrets, check}
	}
	return env
}

// keyCheckedConnections implements flows.Connections.
type keyCheckedConnections struct {
	flows.Connections
	check func(error)
}

// HTTP implements flows.Connections.
func (o keyCheckedConnections) HTTP(ctx context.Context, name string) (flows.HTTPConnection, error) {
	c, err := o.Connections.HTTP(ctx, name)
	o.check(err)
	return c, err
}

// SQL implements flows.Connections.
func (o keyCheckedConnections) SQL(ctx context.Context, name string) (*flows.Database, error) {
	c, err := o.Connections.SQL(ctx, name)
	o.check(err)
	return c, err
}

// Proxy implements flows.Connections.
func (o keyCheckedConnections) Proxy(ctx context.Context, name string) (flows.HTTPProxy, error) {
	p, err := o.Connections.Proxy(ctx, name)
	o.check(err)
	return p, err
}

// Mail implements flows.Connections.
func (o keyCheckedConnections) Mail(ctx context.Context, name string) (flows.Mailer, error) {
	c, err := o.Connections.Mail(ctx, name)
	o.check(err)
	return c, err
}

// SFTP implements flows.Connections.
func (o keyCheckedConnections) SFTP(ctx context.Context, name string) (flows.SFTPServer, error) {
	c, err := o.Connections.SFTP(ctx, name)
	o.check(err)
	return c, err
}

// S3 implements flows.Connections.
func (o keyCheckedConnections) S3(ctx context.Context, name, bucket string) (flows.Bucket, error) {
	c, err := o.Connections.S3(ctx, name, bucket)
	o.check(err)
	return c, err
}

// Client implements flows.Connections.
func (o keyCheckedConnections) Client(ctx context.Context, name string) (flows.Client, func(), error) {
	c, release, err := o.Connections.Client(ctx, name)
	o.check(err)
	return c, release, err
}

// keyCheckedSecrets implements flows.Secrets.
type keyCheckedSecrets struct {
	flows.Secrets
	check func(error)
}

// Secret implements flows.Secrets.
func (o keyCheckedSecrets) Secret(ctx context.Context, name string) (string, error) {
	s, err := o.Secrets.Secret(ctx, name)
	o.check(err)
	return s, err
}
