package fileserver

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/penstock/penstock/connect/internal/server"
)

// sftpSession is one connection with a server. It is used by one step at a time.
type sftpSession struct {
	*sftp.Client
	conn    *ssh.Client
	dialled time.Time
	used    time.Time    // last
	budget  atomic.Int64 // bytes that the server may still send; see limit
	closed  chan struct{}
}

// Bounds of what a server may send.
const (
	packetSize = 1 << 20  // bytes besides the content of a file, for one answer
	maxListing = 64 << 20 // bytes of a list
	unbounded  = 1 << 62

	concurrentPackets = 16 // of 32 KiB, for the content of a file
)

// limit says how many bytes the server may send from now on. The session fails beyond: the library holds a list in memory
// until it is complete.
func (s *sftpSession) limit(bytes int64) { s.budget.Store(bytes) }

var errTooMuch = errors.New("the server sends more than is allowed")

// boundedReader reads what a server sends.
type boundedReader struct {
	io.Reader
	session *sftpSession
}

// Read implements io.Reader.
func (r boundedReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if r.session.budget.Add(-int64(n)) < 0 {
		return 0, errTooMuch
	}
	return n, err
}

// Close ends the session.
func (s *sftpSession) Close() error {
	err := s.conn.Close()
	<-s.closed
	return err
}

// dial connects and logs in.
func (f *SFTPServer) dial(ctx context.Context) (*sftpSession, error) {
	dialing, cancel := context.WithTimeout(ctx, server.DialLimit)
	defer cancel()
	var other, none error // another key than those of host_key; no key of a type
	for _, algorithms := range f.hostKeys.algorithms() {
		conn, err := f.dialWith(dialing, algorithms)
		var differs *hostKeyError
		var negotiation *ssh.AlgorithmNegotiationError
		switch {
		case err == nil:
			return f.start(dialing, conn)
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.As(err, &negotiation):
			none = cmp.Or(none, f.dialError(dialing, err))
		case !errors.As(err, &differs):
			return nil, f.dialError(dialing, err)
		case other == nil: // the first one is that which the server prefers
			other = server.Failure(f.name, "%v", differs)
		}
	}
	return nil, cmp.Or(other, none)
}

// dialWith connects to a server that has to prove one of its keys of these types; nil: of any.
func (f *SFTPServer) dialWith(ctx context.Context, algorithms []string) (*ssh.Client, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", f.address)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	config := f.config
	config.HostKeyAlgorithms, config.HostKeyCallback = algorithms, f.hostKeys.check
	connected, channels, requests, err := ssh.NewClientConn(conn, f.address, &config)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return ssh.NewClient(connected, channels, requests), nil
}

// start starts the subsystem sftp.
func (f *SFTPServer) start(ctx context.Context, conn *ssh.Client) (*sftpSession, error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	s := &sftpSession{conn: conn, dialled: time.Now(), used: time.Now(), closed: make(chan struct{})}
	s.limit(packetSize)
	err := s.open()
	if err != nil {
		_ = conn.Close()
		if ctx.Err() == nil {
			return nil, server.Failure(f.name, "the server logs in and offers no SFTP")
		}
		return nil, server.Unreachable(f.name, "the SFTP server", ctx.Err())
	}
	go func() {
		_ = conn.Wait()
		close(s.closed)
	}()
	return s, nil
}

func (s *sftpSession) open() error {
	channel, err := s.conn.NewSession()
	if err != nil {
		return err
	}
	to, err := channel.StdinPipe()
	if err != nil {
		return err
	}
	from, err := channel.StdoutPipe()
	if err != nil {
		return err
	}
	if err := channel.RequestSubsystem("sftp"); err != nil {
		return err
	}
	s.Client, err = sftp.NewClientPipe(boundedReader{from, s}, to, sftp.UseConcurrentReads(true), sftp.MaxConcurrentRequestsPerFile(concurrentPackets))
	return err
}

// alive reports whether an idle session can be used. One that was not used for a while may have been forgotten by something in
// between.
func (s *sftpSession) alive(ctx context.Context) bool {
	const fresh, answers = 15 * time.Second, 5 * time.Second
	select {
	case <-s.closed:
		return false
	default:
	}
	if time.Since(s.dialled) > server.MaxLife || time.Since(s.used) > server.IdleLife {
		return false
	}
	if time.Since(s.used) < fresh {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, answers)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = s.conn.Close() })
	defer stop()
	s.limit(packetSize)
	_, err := s.RealPath(".")
	return err == nil
}

// with uses a session, which the end of ctx closes: the library knows no contexts. limit is that of what the server sends.
func (f *SFTPServer) with(ctx context.Context, limit int64, use func(s *sftpSession) error) error {
	s, err := f.sessions.take(ctx)
	if err != nil {
		return err
	}
	s.limit(limit)
	stop := context.AfterFunc(ctx, func() { _ = s.conn.Close() })
	err = use(s)
	f.sessions.release(s, stop() && isAnswer(err))
	if err != nil {
		return f.callError(ctx, s, err)
	}
	return nil
}
