package sink

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/penstock/penstock/audit"
)

const (
	// facility is that of messages about audits (RFC 5424, section 6.2.1: "log audit").
	facility = 13
	// maxDatagram is the maximum size of a message over UDP.
	maxDatagram = 65_000
	dialLimit   = 5 * time.Second
)

// The ports of the transports (RFC 5426, RFC 6587, RFC 5425).
var syslogPorts = map[string]string{"udp": "514", "tcp": "601", "tls": "6514"} // read only

// Syslog sends entries to a syslog server (RFC 5424), each as a message with the entry's JSON: over UDP one in a datagram (RFC 5426), over
// TCP and TLS with its length before it (RFC 6587, RFC 5425). Syslog knows no acknowledgement: what was sent last is sent again after a
// connection broke, and a server that loses more loses it for good.
type Syslog struct {
	scheme, address string
	tls             *tls.Config // nil: that of the system
	host            string
	conn            net.Conn // nil: not connected
	last            []byte   // the batch that was sent last
}

// NewSyslog returns a sink for an address udp://HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT. config is for TLS; nil: the certificates of
// the system are trusted.
func NewSyslog(address string, config *tls.Config) (*Syslog, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Path != "" && u.Path != "/" || syslogPorts[u.Scheme] == "" {
		return nil, errors.New("a syslog server is udp://HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT")
	}
	port := u.Port()
	if port == "" {
		port = syslogPorts[u.Scheme]
	}
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "-"
	}
	return &Syslog{scheme: u.Scheme, address: net.JoinHostPort(u.Hostname(), port), tls: config, host: printable(host, 255)}, nil
}

// Kind implements audit.Sink.
func (*Syslog) Kind() string { return audit.SinkSyslog }

// Target implements audit.Sink.
func (s *Syslog) Target() string { return s.scheme + "://" + s.address }

// Write implements audit.Sink.
func (s *Syslog) Write(ctx context.Context, entries []*audit.Entry) error {
	err := s.write(ctx, entries)
	if err != nil {
		_ = s.Close()
		return fmt.Errorf("send audit log to syslog: %w", err)
	}
	return nil
}

func (s *Syslog) write(ctx context.Context, entries []*audit.Entry) error {
	again, err := s.connect(ctx)
	if err != nil {
		return err
	}
	if deadline, ok := ctx.Deadline(); ok {
		if err := s.conn.SetWriteDeadline(deadline); err != nil {
			return err
		}
	}
	if s.scheme == "udp" {
		for _, e := range entries {
			m := s.message(e)
			if _, err := s.conn.Write(m[:min(len(m), maxDatagram)]); err != nil {
				return err
			}
		}
		return nil
	}
	var frames bytes.Buffer
	for _, e := range entries {
		m := s.message(e)
		frames.WriteString(strconv.Itoa(len(m)) + " ")
		frames.Write(m)
	}
	if again {
		if _, err := s.conn.Write(s.last); err != nil {
			return err
		}
	}
	if _, err := s.conn.Write(frames.Bytes()); err != nil {
		return err
	}
	s.last = frames.Bytes()
	return nil
}

// connect connects if there is no connection, or the server has closed it. again: what was sent last is sent again.
func (s *Syslog) connect(ctx context.Context) (again bool, err error) {
	if s.conn != nil && !s.closed() {
		return false, nil
	}
	_ = s.Close()
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	switch s.scheme {
	case "tls":
		s.conn, err = (&tls.Dialer{Config: s.tls}).DialContext(ctx, "tcp", s.address)
	default:
		s.conn, err = new(net.Dialer).DialContext(ctx, s.scheme, s.address)
	}
	if err != nil {
		s.conn = nil
	}
	return len(s.last) > 0, err
}

// closed reports whether the server has closed the connection. Syslog servers send nothing.
func (s *Syslog) closed() bool {
	if s.scheme == "udp" {
		return false
	}
	if s.conn.SetReadDeadline(time.Now().Add(time.Millisecond)) != nil {
		return true
	}
	_, err := io.ReadFull(s.conn, make([]byte, 1))
	var netErr net.Error
	return err != nil && (!errors.As(err, &netErr) || !netErr.Timeout())
}

// message returns the message of an entry (RFC 5424, section 6).
func (s *Syslog) message(e *audit.Entry) []byte {
	severity := map[audit.Outcome]int{audit.Refused: 4, audit.Failed: 3}[e.Outcome]
	if severity == 0 {
		severity = 6
	}
	id := printable(e.Operation, 32)
	return fmt.Appendf(nil, "<%d>1 %s %s penstock %d %s - %s", facility*8+severity, e.At.Format("2006-01-02T15:04:05.000Z07:00"), s.host, os.Getpid(), id, e.Text())
}

// printable returns the printable ASCII characters of a text, at most a number; "-": there are none.
func printable(text string, most int) string {
	out := make([]byte, 0, len(text))
	for _, r := range text {
		if r > ' ' && r < 0x7f && len(out) < most {
			out = append(out, byte(r))
		}
	}
	if len(out) == 0 {
		return "-"
	}
	return string(out)
}

// Close implements audit.Sink.
func (s *Syslog) Close() error {
	if s.conn == nil {
		return nil
	}
	err := s.conn.Close()
	s.conn = nil
	return err
}
