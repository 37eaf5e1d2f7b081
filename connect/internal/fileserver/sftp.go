// Package fileserver is connections with SFTP servers and S3-compatible object stores.
package fileserver

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/penstock/penstock/connect/internal/server"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/blob"
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

// List implements flows.RemoteFiles.
func (f *SFTPServer) List(ctx context.Context, at string, recursive bool, each func(flows.RemoteFile) error) error {
	var told error // of each
	err := f.with(ctx, maxListing, func(s *sftpSession) error {
		for dirs := []string{serverPath(at)}; len(dirs) > 0; {
			dir := dirs[0]
			dirs = dirs[1:]
			infos, err := s.ReadDir(dir)
			if err != nil {
				return &pathError{dir, err}
			}
			for _, info := range infos {
				at := path.Join(dir, info.Name())
				switch {
				case info.IsDir() && recursive:
					dirs = append(dirs, at)
				case temporaryNames.MatchString(info.Name()): // of a put, which goes on or was interrupted
				case info.Mode().IsRegular():
					if told = each(remoteFile(at, info)); told != nil {
						return nil
					}
				}
			}
		}
		return nil
	})
	if told != nil {
		return told
	}
	return err
}

func remoteFile(at string, info os.FileInfo) flows.RemoteFile {
	return flows.RemoteFile{Path: nameText(at), Size: info.Size(), Modified: info.ModTime().UTC()}
}

// Open implements flows.RemoteFiles. The session belongs to the reader until it is closed.
func (f *SFTPServer) Open(ctx context.Context, at string) (io.ReadCloser, flows.RemoteFile, error) {
	s, err := f.sessions.take(ctx)
	if err != nil {
		return nil, flows.RemoteFile{}, err
	}
	s.limit(unbounded) // the caller bounds what it reads
	r := &sftpReader{ctx: ctx, server: f, session: s, stop: context.AfterFunc(ctx, func() { _ = s.conn.Close() })}
	at = serverPath(at)
	info, err := s.Stat(at)
	switch {
	case err != nil:
	case info.IsDir():
		err = errDirectory
	case !info.Mode().IsRegular(): // a server that opens a named pipe waits for another program
		err = errNoFile
	default:
		if r.file, err = s.Open(at); err == nil {
			r.before = info
			r.content = bufio.NewReaderSize(&packets{file: r.file}, blob.Chunk) // several packets at once
			return r, remoteFile(at, info), nil
		}
	}
	r.err = err
	_ = r.Close()
	return nil, flows.RemoteFile{}, f.callError(ctx, s, &pathError{at, err})
}

var (
	errDirectory = errors.New("it is a directory")
	errNoFile    = errors.New("it is no file, but a pipe, a socket or a device")
	errParent    = errors.New("a part of the path is a file, not a directory")
)

// packets reads a file by several packets at once. The library takes a packet that is shorter than it was asked for as the end of the
// file, which a server may send at any place (version 3 of SFTP, section 6.4). The end counts when a read of one packet finds it.
type packets struct {
	file   io.Reader
	single bool // one packet at once
}

const packetContent = 32 << 10 // bytes of a file in a packet

// Read implements io.Reader.
func (r *packets) Read(p []byte) (int, error) {
	if !r.single {
		n, err := r.file.Read(p)
		if err != io.EOF {
			return n, err
		}
		if r.single = true; n > 0 {
			return n, nil
		}
	}
	return r.file.Read(p[:min(len(p), packetContent)])
}

// sftpReader reads a file of a server.
type sftpReader struct {
	ctx     context.Context
	server  *SFTPServer
	session *sftpSession
	file    *sftp.File  // nil: it was not opened
	before  os.FileInfo // when it was opened
	content io.Reader
	read    int64 // bytes
	stop    func() bool
	err     error // of the server
}

// Read implements io.Reader. A file that changes in the meantime is an error. Files without a size, as of /proc, have a content.
func (r *sftpReader) Read(p []byte) (int, error) {
	n, err := r.content.Read(p)
	r.read += int64(n)
	if err == io.EOF {
		var after os.FileInfo
		if after, err = r.file.Stat(); err == nil {
			if err = io.EOF; after.Size() != 0 && after.Size() != r.read || after.Size() != r.before.Size() || !after.ModTime().Equal(r.before.ModTime()) {
				return n, r.changed(after)
			}
		}
	}
	if err != nil && err != io.EOF {
		r.err = err
		err = r.server.callError(r.ctx, r.session, err)
	}
	return n, err
}

func (r *sftpReader) changed(after os.FileInfo) error {
	return server.Failure(r.server.name, "the file has changed while it was read: %d bytes came, of %d at first and %d in the end", r.read, r.before.Size(), after.Size())
}

// Close implements io.Closer.
func (r *sftpReader) Close() error {
	if r.session == nil {
		return nil
	}
	if r.file != nil {
		_ = r.file.Close()
	}
	r.server.sessions.release(r.session, r.stop() && isAnswer(r.err))
	r.session = nil
	return nil
}

// Put implements flows.RemoteFiles: the file is written under a temporary name in the same directory, and renamed.
func (f *SFTPServer) Put(ctx context.Context, at string, p flows.RemotePut) error {
	at = serverPath(at)
	dir, name := path.Split(at)
	temporary := dir + temporaryName(name, p.Temporary)
	var own error // of the content
	err := f.with(ctx, unbounded, func(s *sftpSession) error {
		if p.Keep {
			if _, err := s.Lstat(at); err == nil {
				return &pathError{at, errExists}
			}
		}
		if err := s.parents(dir, p.Parents); err != nil {
			return err
		}
		file, err := s.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
		if err != nil {
			return &pathError{at, err}
		}
		source := &contentReader{Reader: p.Content}
		_, err = file.ReadFromWithConcurrency(source, concurrentPackets)
		if own = source.err; own != nil {
			err = own
		}
		if closed := file.Close(); err == nil {
			err = closed
		}
		if err == nil {
			err = s.rename(temporary, at, p.Keep)
		}
		if err != nil {
			_ = s.Remove(temporary) // else the next attempt writes it again
			return &pathError{at, err}
		}
		return nil
	})
	if own != nil {
		return own
	}
	return err
}

// contentReader keeps the error of a content apart from those of the server.
type contentReader struct {
	io.Reader
	err error
}

// Read implements io.Reader.
func (r *contentReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

var errExists = errors.New("a file of this name is there already")

// parents creates the missing directories of a path, if it may.
func (s *sftpSession) parents(dir string, create bool) error {
	if !create || dir == "" {
		return nil
	}
	err := s.MkdirAll(path.Clean(dir))
	if errors.Is(err, syscall.ENOTDIR) {
		err = errParent
	}
	if err != nil {
		return &pathError{dir, err}
	}
	return nil
}

// rename gives a file its name. Without keep it replaces a file of that name, at once where the server can
// (posix-rename@openssh.com).
func (s *sftpSession) rename(from, to string, keep bool) error {
	if keep {
		return s.Rename(from, to) // fails if to is there, by the protocol
	}
	if _, atomic := s.HasExtension("posix-rename@openssh.com"); atomic {
		return s.PosixRename(from, to)
	}
	err := s.Rename(from, to)
	if err == nil {
		return nil
	}
	if removed := s.Remove(to); removed != nil {
		return err
	}
	return s.Rename(from, to)
}

// Delete implements flows.RemoteFiles.
func (f *SFTPServer) Delete(ctx context.Context, at string) error {
	at = serverPath(at)
	return f.with(ctx, packetSize, func(s *sftpSession) error {
		if info, err := s.Lstat(at); err == nil && info.IsDir() {
			return &pathError{at, errDirectory}
		}
		if err := s.Remove(at); err != nil && !errors.Is(err, os.ErrNotExist) {
			return &pathError{at, err}
		}
		return nil
	})
}

// Move implements flows.SFTPServer.
func (f *SFTPServer) Move(ctx context.Context, from, to string, o flows.MoveOptions) error {
	from, to = serverPath(from), serverPath(to)
	return f.with(ctx, packetSize, func(s *sftpSession) error {
		_, there := s.Lstat(to)
		if _, err := s.Lstat(from); errors.Is(err, os.ErrNotExist) && there == nil {
			return nil // an earlier attempt has moved it
		} else if err != nil {
			return &pathError{from, err}
		}
		if o.Keep && there == nil {
			return &pathError{to, errExists}
		}
		if err := s.parents(path.Dir(to), o.Parents); err != nil {
			return err
		}
		if err := s.rename(from, to, o.Keep); err != nil {
			return &pathError{from, err}
		}
		return nil
	})
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
