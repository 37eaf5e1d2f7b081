package connect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/penstock/penstock/connect/internal/database"
	"github.com/penstock/penstock/connect/internal/fileserver"
	"github.com/penstock/penstock/connect/internal/server"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/mask"
)

// testFields are the settings of all types with hosts for Test.
func testFields() []Field {
	return []Field{
		{Name: "test", Summary: "URL on one of the hosts for [testing the connection](#test-one): a GET of it is to be answered with 2xx."},
		{Name: "test_status", Kind: FieldNumber, Summary: "Status with which the GET of `test` is to be answered instead."},
	}
}

// checkTest checks the settings of testFields.
func checkTest(p *pinned, s settings) error {
	target, err := url.Parse(s.Text["test"])
	switch {
	case s.Text["test"] == "":
		return nil
	case err != nil || !p.Allows(target):
		return errors.New("test is no URL on one of the hosts")
	case target.User != nil:
		return errors.New("test has a user name: the credential is in the other settings")
	}
	return nil
}

// Test contacts the server of a connection from this process and returns what it found, such as "the server answers 200 OK".
// A connection with hosts sends a GET to target or, if that is empty, to its setting test; a database answers a ping, a mail
// server and an SFTP server a login, and an object store is asked for its bucket. The error says what is wrong, for the owner of the connection, and has no secret. The caller bounds the time
// with ctx.
func (r *Resolver) Test(ctx context.Context, name, target string) (string, error) {
	c, err := r.connections.Connection(ctx, name)
	if err != nil {
		return "", r.readError(ctx, "connection", name, err)
	}
	if len(c.From) > 0 {
		r.config.Store.SecretStores().Refresh(ctx, c.From)
	}
	made, err := r.openWithReferences(ctx, c)
	if err != nil {
		return "", err
	}
	switch conn := made.conn.(type) {
	case *pinned:
		ctx, secrets := mask.With(ctx)
		mask.Add(ctx, made.secrets...)
		said, err := r.testHTTP(ctx, conn, c.Name, target, c.Settings)
		if err != nil {
			return "", errors.New(secrets.Text(server.WithCertificate(err).Error()))
		}
		return said, nil
	case *database.Pool:
		return "the database answers", server.WithCertificate(conn.Test(ctx))
	case *client:
		if !conn.Take() {
			return "", server.Failure(name, "it has just been replaced")
		}
		defer conn.Leave()
		ctx, secrets := mask.With(ctx)
		mask.Add(ctx, made.secrets...)
		if err := conn.Test(ctx); err != nil {
			return "", errors.New(secrets.Text(server.WithCertificate(err).Error()))
		}
		return "the server answers", nil
	case *mailer:
		return "the mail server answers", server.WithCertificate(conn.test(ctx))
	case *fileserver.SFTPServer:
		return "the SFTP server answers", server.WithCertificate(conn.Test(ctx))
	case *fileserver.S3Store:
		return "the store answers", server.WithCertificate(conn.Test(ctx))
	}
	return "", server.Failure(name, "it is of the type %s, which is tested by the connections that use it", c.Type)
}

func (r *Resolver) testHTTP(ctx context.Context, conn *pinned, name, target string, settings map[string]string) (string, error) {
	if target == "" {
		target = settings["test"]
	}
	u, err := url.Parse(target)
	switch {
	case target == "":
		return "", server.Failure(name, "it has no setting test: name a URL")
	case err != nil || !conn.Allows(u):
		return "", server.Failure(name, "the URL of the test is on none of its hosts")
	case u.User != nil:
		return "", server.Failure(name, "the URL of the test has a user name: the credential is in the settings")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return "", server.Failure(name, "the URL of the test cannot be requested")
	}
	resp, err := conn.Transport(r.config.HTTP).RoundTrip(req)
	var known *flows.Error
	switch {
	case errors.As(err, &known):
		return "", known
	case err != nil:
		return "", server.Unreachable(name, "the server", err)
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // so that the network connection can be reused
	good := resp.StatusCode/100 == 2
	if wanted := settings["test_status"]; wanted != "" {
		good = fmt.Sprint(resp.StatusCode) == wanted
	}
	said := fmt.Sprintf("the server answers %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	switch {
	case good:
		return said, nil
	case resp.StatusCode == http.StatusUnauthorized, resp.StatusCode == http.StatusForbidden:
		return "", server.Failure(name, "%s: it refuses the credential", said)
	}
	return "", server.Failure(name, "%s", said)
}
