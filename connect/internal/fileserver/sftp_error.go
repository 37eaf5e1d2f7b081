package fileserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/penstock/penstock/connect/internal/server"
	"github.com/penstock/penstock/flows"
)

// pathError is what a server says of a path.
type pathError struct {
	path string
	err  error
}

// shortPath is the beginning of a message about a path.
func shortPath(path string) string { return fmt.Sprintf("%.200q: ", nameText(path)) }

func (e *pathError) Error() string { return e.path + ": " + e.err.Error() }

func (e *pathError) Unwrap() error { return e.err }

// What is said of a path without asking the server, or beside its answer.
var (
	errExists    = errors.New("a file of this name is there already")
	errDirectory = errors.New("it is a directory")
	errNoFile    = errors.New("it is no file, but a pipe, a socket or a device")
	errParent    = errors.New("a part of the path is a file, not a directory")
)

// isOwn reports whether an error is one of those above.
func isOwn(err error) bool {
	return errors.Is(err, errExists) || errors.Is(err, errDirectory) || errors.Is(err, errNoFile) || errors.Is(err, errParent)
}

// isAnswer reports whether a session can be used further after an error: the server has answered.
func isAnswer(err error) bool {
	var status *sftp.StatusError
	if errors.As(err, &status) {
		return status.FxCode() != sftp.ErrSSHFxConnectionLost && status.FxCode() != sftp.ErrSSHFxNoConnection
	}
	return err == nil || isOwn(err) || errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission)
}

// dialError returns the error for a server that could not be logged in to.
func (f *SFTPServer) dialError(ctx context.Context, err error) error {
	var negotiation *ssh.AlgorithmNegotiationError
	switch {
	case ctx.Err() != nil:
		return server.Unreachable(f.name, "the SFTP server", ctx.Err())
	case strings.Contains(err.Error(), "unable to authenticate"):
		return server.Failure(f.name, "the SFTP server refuses the login")
	case strings.Contains(err.Error(), "ssh: disconnect"):
		return server.Failure(f.name, "the SFTP server ends the connection before the login is complete")
	case errors.As(err, &negotiation) && len(f.hostKeys.fingerprints) == 0:
		return server.Failure(f.name, "the SFTP server has no key of a type that is in host_key, or no cipher in common")
	case errors.As(err, &negotiation):
		return server.Failure(f.name, "the SFTP server has no key type or no cipher in common")
	}
	return server.Unreachable(f.name, "the SFTP server", err)
}

// callError returns the error for a failed request. It quotes the server's words, which have no password in them.
func (f *SFTPServer) callError(ctx context.Context, s *sftpSession, err error) error {
	var at *pathError
	var status *sftp.StatusError
	what := ""
	if errors.As(err, &at) {
		what = shortPath(at.path)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case s.budget.Load() < 0:
		return &flows.Error{Code: flows.CodeLimit, Message: fmt.Sprintf("connection %q: %sthe list is larger than %s", f.name, what, flows.SizeText(maxListing))}
	case errors.Is(err, os.ErrNotExist):
		return server.Failure(f.name, "%sthere is no such file or directory", what)
	case errors.Is(err, os.ErrPermission):
		return server.Failure(f.name, "%sthe SFTP server does not permit it", what)
	case isOwn(err):
		return server.Failure(f.name, "%s%v", what, at.err)
	case errors.As(err, &status) && status.FxCode() == sftp.ErrSSHFxOpUnsupported:
		return server.Failure(f.name, "%sthe SFTP server cannot do this", what)
	case errors.As(err, &status) && isAnswer(err):
		return server.Failure(f.name, "%sthe SFTP server says: %s", what, server.FirstLine(errors.New(serverWords(status))))
	case errors.As(err, &status), errors.Is(err, sftp.ErrSSHFxConnectionLost):
		err = io.EOF // the server closed the connection
	}
	return server.Unreachable(f.name, "the SFTP server", err)
}

// serverWords returns the text of a status without the library's words around it.
func serverWords(status *sftp.StatusError) string {
	_, words, ok := strings.Cut(status.Error(), "sftp: ")
	if !ok {
		return status.Error()
	}
	return strings.TrimSpace(words)
}
