package testenv

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// SFTPServer is an SFTP server of a test, with a directory of the test's.
type SFTPServer struct {
	Host, Port string
	User       string
	Password   string // empty: the server takes the key only
	PrivateKey string // of the user
	HostKey    string // as in authorized_keys
	Dir        string // absolute path, at the server and here

	Logins atomic.Int64 // of SFTP's

	mu    sync.Mutex
	conns []net.Conn // guarded by mu; of SFTP's
}

// Settings returns the settings of an sftp connection to the server, with some replaced.
func (s *SFTPServer) Settings(others ...string) map[string]string {
	settings := map[string]string{"host": s.Host, "port": s.Port, "username": s.User, "private_key": s.PrivateKey, "host_key": s.HostKey}
	for i := 0; i < len(others); i += 2 {
		settings[others[i]] = others[i+1]
	}
	return settings
}

// newSFTP returns a server without an address, and its keys.
func newSFTP(t testing.TB) (s *SFTPServer, host, login ssh.Signer, hostPEM []byte) {
	t.Helper()
	host, hostPEM = newSSHKey(t)
	login, loginPEM := newSSHKey(t)
	s = &SFTPServer{Host: "127.0.0.1", User: "ann", PrivateKey: string(loginPEM), HostKey: string(ssh.MarshalAuthorizedKey(host.PublicKey())), Dir: t.TempDir()}
	return s, host, login, hostPEM
}

func newSSHKey(t testing.TB) (ssh.Signer, []byte) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return signer, pem.EncodeToMemory(block)
}

// SFTP starts a server in this process. The user has the password "correct horse", or the key. change may add to its
// configuration; nil: nothing.
func SFTP(t testing.TB, change func(*ssh.ServerConfig)) *SFTPServer {
	t.Helper()
	s, host, login, _ := newSFTP(t)
	s.Password = "correct horse"
	config := &ssh.ServerConfig{
		PasswordCallback: func(c ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			if c.User() != s.User || string(password) != s.Password {
				return nil, fmt.Errorf("wrong")
			}
			return nil, nil
		},
		PublicKeyCallback: func(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if c.User() != s.User || string(key.Marshal()) != string(login.PublicKey().Marshal()) {
				return nil, fmt.Errorf("wrong")
			}
			return nil, nil
		},
	}
	config.AddHostKey(host)
	if change != nil {
		change(config)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, s.Port, _ = net.SplitHostPort(listener.Addr().String())
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, conn)
			s.mu.Unlock()
			serving.Go(func() { s.serve(conn, config) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		s.Disconnect()
		serving.Wait()
	})
	return s
}

// Disconnect closes the connections of all clients.
func (s *SFTPServer) Disconnect() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range s.conns {
		_ = conn.Close()
	}
	s.conns = nil
}

// serve serves one client.
func (s *SFTPServer) serve(conn net.Conn, config *ssh.ServerConfig) {
	defer conn.Close()
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	s.Logins.Add(1)
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		channel, asked, err := offered.Accept()
		if err != nil {
			return
		}
		go func() {
			for r := range asked {
				_ = r.Reply(r.Type == "subsystem" && string(r.Payload[4:]) == "sftp", nil)
			}
		}()
		server, err := sftp.NewServer(channel, sftp.WithDebug(io.Discard))
		if err != nil {
			return
		}
		_ = server.Serve()
		_ = server.Close()
		_ = channel.Close()
	}
}

// OpenSSH starts OpenSSH's server, for the user of this process. The test is skipped where it is not installed.
func OpenSSH(t testing.TB) *SFTPServer {
	t.Helper()
	path, err := exec.LookPath("sshd")
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/sshd"); err != nil {
			t.Skip("OpenSSH's sshd is not installed")
		}
	}
	if err := os.MkdirAll("/run/sshd", 0o755); os.Geteuid() == 0 && err != nil { // of its unprivileged process
		t.Skip(err)
	}
	s, _, login, hostPEM := newSFTP(t)
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	s.User = me.Username
	s.Port = freePort(t)
	dir := t.TempDir()
	files := map[string][]byte{
		"host": hostPEM, "authorized": ssh.MarshalAuthorizedKey(login.PublicKey()),
		"config": []byte("ListenAddress 127.0.0.1\nPort " + s.Port + "\nHostKey " + filepath.Join(dir, "host") + "\nAuthorizedKeysFile " + filepath.Join(dir, "authorized") +
			"\nPidFile none\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\nSubsystem sftp internal-sftp\n"),
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	child := Start(t, "sshd", path, nil, "-D", "-e", "-f", filepath.Join(dir, "config"))
	Until(t, "sshd answers", func() bool {
		select {
		case <-child.Ended():
			t.Fatalf("sshd ended: %s", child.Log())
		default:
		}
		conn, err := net.Dial("tcp", net.JoinHostPort(s.Host, s.Port))
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	return s
}
