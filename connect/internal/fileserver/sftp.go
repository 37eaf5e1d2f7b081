// Package fileserver is connections with SFTP servers and S3-compatible object stores.
package fileserver

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/penstock/penstock/connect/internal/server"
	"github.com/penstock/penstock/flows"
)

// SFTP is the type of connections with such a server.
func SFTP() flows.ConnectionType {
	return flows.ConnectionType{
		Name: "sftp", Summary: "An SFTP server (SSH File Transfer Protocol, version 3).",
		Fields: []flows.ConnectionField{
			{Name: "host", Required: true, Summary: "Name or address of the server."},
			{Name: "port", Kind: flows.FieldNumber, Default: "22", Summary: "Port of the server."},
			{Name: "username", Required: true, Summary: "User name."},
			{Name: "password", Secret: true, Summary: "Password."},
			{Name: "private_key", Kind: flows.FieldLines, Secret: true, Summary: "Private key of the user, in OpenSSH's format or as PEM; with `password` beside it, the server may ask for both."},
			{Name: "passphrase", Secret: true, Summary: "Passphrase of the private key, if it has one."},
			{Name: "host_key", Kind: flows.FieldLines, Required: true, Summary: "Keys of the server, one per line: as in `known_hosts`, of which the lines of other hosts do not count, as `ssh-ed25519 AAAA…`, or as fingerprints `SHA256:…`. A server with another key is not talked to."},
			server.MaxConnections(),
		},
		Open: func(s flows.ConnectionSettings) (flows.Client, error) { return newSFTP(s) },
	}
}

// SFTPServer has the sessions with one server, each used by one step at a time. It implements flows.SFTPServer.
type SFTPServer struct {
	name     string // of the connection
	address  string
	config   ssh.ClientConfig
	hostKeys hostKeys
	sessions *sessions
}

func newSFTP(s flows.ConnectionSettings) (*SFTPServer, error) {
	keys, err := readHostKeys(s.Text["host_key"], knownhosts.Normalize(net.JoinHostPort(s.Text["host"], s.Text["port"])))
	if err != nil {
		return nil, err
	}
	auth, err := sshLogin(s)
	if err != nil {
		return nil, err
	}
	f := &SFTPServer{
		name: s.Connection, address: net.JoinHostPort(s.Text["host"], strconv.Itoa(s.Number("port"))), hostKeys: keys,
		config: ssh.ClientConfig{User: s.Text["username"], Auth: auth, ClientVersion: "SSH-2.0-Penstock"},
	}
	f.sessions = newSessions(s.Number("max_connections"), f.dial)
	return f, nil
}

// sshLogin returns the methods with which the user logs in (RFC 4252, RFC 4256).
func sshLogin(s flows.ConnectionSettings) ([]ssh.AuthMethod, error) {
	var methods []ssh.AuthMethod
	if text := s.Text["private_key"]; text != "" {
		signer, err := ssh.ParsePrivateKey([]byte(text))
		var locked *ssh.PassphraseMissingError
		switch {
		case errors.As(err, &locked) && s.Text["passphrase"] == "":
			return nil, errors.New("private_key has a passphrase, and passphrase is empty")
		case errors.As(err, &locked):
			if signer, err = ssh.ParsePrivateKeyWithPassphrase([]byte(text), []byte(s.Text["passphrase"])); err != nil {
				return nil, errors.New("passphrase is not that of private_key")
			}
		case err != nil:
			return nil, errors.New("private_key holds no private key in OpenSSH's format or PEM")
		}
		methods = append(methods, ssh.PublicKeys(signer))
	}
	if password := s.Text["password"]; password != "" {
		answer := func(_, _ string, questions []string, _ []bool) ([]string, error) {
			return slices.Repeat([]string{password}, len(questions)), nil
		}
		methods = append(methods, ssh.Password(password), ssh.KeyboardInteractive(answer))
	}
	if methods == nil {
		return nil, errors.New("password and private_key are empty: one of them is needed")
	}
	return methods, nil
}

// Test implements flows.Client: it logs in.
func (f *SFTPServer) Test(ctx context.Context) error {
	return f.with(ctx, packetSize, func(s *sftpSession) error {
		_, err := s.RealPath(".")
		return err
	})
}

// Close closes the sessions that are not in use, and the others when they are released.
func (f *SFTPServer) Close() error { return f.sessions.close() }
