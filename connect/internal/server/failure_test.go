package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/outbound"
)

// Errors of drivers hold hosts and users: only known causes are described.
func TestReasons(t *testing.T) {
	t.Parallel()
	timeout := &net.OpError{Op: "read", Err: timedOut{}}
	for _, tc := range []struct {
		err   error
		says  string
		class flows.Class
	}{
		{&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, "certificate that is not trusted", ""},
		{x509.HostnameError{Certificate: &x509.Certificate{}, Host: "s3cret"}, "certificate for another name", ""},
		{&net.DNSError{Name: "s3cret", IsNotFound: true}, "host name that does not exist", flows.ClassNetwork},
		{fmt.Errorf("dial s3cret: %w", fs.ErrPermission), "address that steps may not reach", ""},
		{fmt.Errorf("dial s3cret: %w", &outbound.BlockedError{Private: true}), "private address, which this process may not reach; allow it with --allow-private-networks", ""},
		{fmt.Errorf("dial s3cret: %w", &outbound.BlockedError{}), "address that steps may not reach", ""},
		{fmt.Errorf("dial s3cret: %w", syscall.ECONNREFUSED), "does not accept connections", flows.ClassNetwork},
		{timeout, "does not answer in time", flows.ClassTimeout},
		{fmt.Errorf("s3cret: %w", context.DeadlineExceeded), "does not answer in time", flows.ClassTimeout},
		{io.ErrUnexpectedEOF, "closed the connection", flows.ClassNetwork},
		{errors.New("s3cret"), "cannot be reached", flows.ClassNetwork},
	} {
		e := Unreachable("crm", "the database", tc.err)
		if !strings.Contains(e.Message, tc.says) || e.Class != tc.class || strings.Contains(e.Message, "s3cret") {
			t.Errorf("%T: %q, class %q; want %q, %q", tc.err, e.Message, e.Class, tc.says, tc.class)
		}
	}
}

type timedOut struct{}

func (timedOut) Error() string   { return "s3cret" }
func (timedOut) Timeout() bool   { return true }
func (timedOut) Temporary() bool { return true }

// A quoted answer of a server is one line of bounded length.
func TestFirstLine(t *testing.T) {
	t.Parallel()
	if got := FirstLine(errors.New("one\r\n two\x00\tthree")); got != "one two three" {
		t.Errorf("%q", got)
	}
	got := FirstLine(errors.New(strings.Repeat("é", maxReply)))
	if len(got) > maxReply+len("…") || !strings.HasSuffix(got, "é…") || bytes.ContainsRune([]byte(got), '\uFFFD') {
		t.Errorf("%d bytes: %q", len(got), got)
	}
}
