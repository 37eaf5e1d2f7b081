package moduletest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/penstock/penstock/flows"
)

// Connections implements flows.Connections with the clients of modules by name.
type Connections map[string]flows.Client

// HTTP implements flows.Connections: there are none for http steps.
func (Connections) HTTP(context.Context, string) (flows.HTTPConnection, error) {
	return nil, errors.ErrUnsupported
}

// SQL implements flows.Connections: there are none for sql steps.
func (Connections) SQL(context.Context, string) (*flows.Database, error) {
	return nil, errors.ErrUnsupported
}

// Proxy implements flows.Connections: there are no proxies.
func (Connections) Proxy(context.Context, string) (flows.HTTPProxy, error) {
	return nil, errors.ErrUnsupported
}

// Mail implements flows.Connections: there are none for email steps.
func (Connections) Mail(context.Context, string) (flows.Mailer, error) {
	return nil, errors.ErrUnsupported
}

// SFTP implements flows.Connections: there are none for sftp steps.
func (Connections) SFTP(context.Context, string) (flows.SFTPServer, error) {
	return nil, errors.ErrUnsupported
}

// S3 implements flows.Connections: there are none for s3 steps.
func (Connections) S3(context.Context, string, string) (flows.Bucket, error) {
	return nil, errors.ErrUnsupported
}

// Client implements flows.Connections.
func (c Connections) Client(_ context.Context, name string) (flows.Client, func(), error) {
	client, ok := c[name]
	if !ok {
		return nil, nil, fmt.Errorf("there is no connection %q", name)
	}
	return client, func() {}, nil
}

// Open opens a connection of the module's first type, named bus, until the end of the test. Settings are completed by defaults.
func Open(t *testing.T, module flows.Module, settings map[string]string) flows.Client {
	t.Helper()
	s := flows.ConnectionSettings{Connection: "bus", Text: map[string]string{}}
	for _, f := range module.Connections[0].Fields {
		s.Text[f.Name] = f.Default
	}
	for name, v := range settings {
		s.Text[name] = v
	}
	client, err := module.Connections[0].Open(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return client
}

// Run executes a step, as YAML, of the module on an event, with the connection bus, and returns what it puts out.
func Run(t *testing.T, module flows.Module, client flows.Client, step string, event any) ([]any, error) {
	t.Helper()
	return RunIn(t, module, client, step, event, flows.Env{})
}
