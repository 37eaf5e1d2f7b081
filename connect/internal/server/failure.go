package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"github.com/go-sql-driver/mysql"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/outbound"
)

// Failure is a failure of a connection that a retry does not change.
func Failure(name, format string, args ...any) *flows.Error {
	return &flows.Error{Code: flows.CodeStepFailed, Message: fmt.Sprintf("connection %q: ", name) + fmt.Sprintf(format, args...)}
}

// Unreachable is the failure of contacting a server. Errors of drivers contain hosts, users and more; only known
// causes are described.
func Unreachable(name, server string, err error) *flows.Error {
	e := Failure(name, "%s %s", server, reason(err))
	e.Class = flows.ClassNetwork
	if isDistrust(err) {
		e.Err = &Distrusted{describe(certificateOf(err))}
	}
	var timeout net.Error
	switch {
	case errors.Is(err, fs.ErrPermission), isDistrust(err), isWithoutTLS(err):
		e.Class = ""
	case errors.As(err, &timeout) && timeout.Timeout():
		e.Class = flows.ClassTimeout
	}
	return e
}

func reason(err error) string {
	var name *net.DNSError
	var timeout net.Error
	var blocked *outbound.BlockedError
	var host x509.HostnameError
	switch {
	case errors.As(err, &host):
		return "has a certificate for another name"
	case isDistrust(err):
		return distrust(err)
	case isWithoutTLS(err):
		return "does not offer TLS: without it, the connection needs `tls: none`, for a trusted network only"
	case errors.As(err, &name) && name.IsNotFound:
		return "has a host name that does not exist"
	case errors.As(err, &blocked) && blocked.Private:
		return "is at a private address, which this process may not reach; allow it with --allow-private-networks of the workers"
	case errors.Is(err, fs.ErrPermission):
		return "is at an address that steps may not reach"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "does not accept connections"
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return "does not answer in time"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.EPIPE):
		return "closed the connection"
	}
	return "cannot be reached"
}

// isWithoutTLS reports whether a database server refused TLS. PostgreSQL's driver has no value for that error.
func isWithoutTLS(err error) bool {
	return errors.Is(err, mysql.ErrNoTLS) || strings.Contains(err.Error(), "server refused TLS connection")
}

func isDistrust(err error) bool {
	var verification *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	return errors.As(err, &verification) || errors.As(err, &authority) || errors.As(err, &host)
}

// maxReply is the maximum length of a quoted server response in bytes.
const maxReply = 200

// FirstLine returns the server's response on one line.
func FirstLine(err error) string {
	line := strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	if len(line) > maxReply {
		line = line[:maxReply]
		for !utf8.ValidString(line) {
			line = line[:len(line)-1]
		}
		line += "…"
	}
	return line
}
