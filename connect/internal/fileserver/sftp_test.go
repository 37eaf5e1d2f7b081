package fileserver

import (
	"cmp"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/testenv"
)

// openSFTP returns the server of a connection with these settings and defaults for others.
func openSFTP(t *testing.T, settings map[string]string) *SFTPServer {
	t.Helper()
	s := flows.ConnectionSettings{Connection: "bank", Text: map[string]string{}}
	for _, field := range SFTP().Fields {
		s.Text[field.Name] = cmp.Or(settings[field.Name], field.Default)
	}
	f, err := newSFTP(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func rsaSigner(t *testing.T) ssh.Signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	return signerOf(t, key, err)
}

func edSigner(t *testing.T) ssh.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return signerOf(t, key, err)
}

// signerOf returns the signer of a key that was generated with this error.
func signerOf(t *testing.T, key crypto.Signer, err error) ssh.Signer {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// A server is talked to when it has one of the keys, in any of the forms, whichever key it would rather show.
func TestHostKeys(t *testing.T) {
	t.Parallel()
	other := rsaSigner(t)
	server := testenv.SFTP(t, func(c *ssh.ServerConfig) { c.AddHostKey(other) })
	shown, _, _, _, err := ssh.ParseAuthorizedKey([]byte(server.HostKey))
	if err != nil {
		t.Fatal(err)
	}
	print, otherPrint := ssh.FingerprintSHA256(shown), ssh.FingerprintSHA256(other.PublicKey())
	stranger := rsaSigner(t).PublicKey()
	for keys, want := range map[string]string{
		server.HostKey: "", "# bank\n\nbank.example.org,[127.0.0.1]:" + server.Port + " " + server.HostKey: "", print: "",
		string(ssh.MarshalAuthorizedKey(stranger)) + server.HostKey: "", server.HostKey + string(ssh.MarshalAuthorizedKey(stranger)): "",
		string(ssh.MarshalAuthorizedKey(edSigner(t).PublicKey())) + string(ssh.MarshalAuthorizedKey(other.PublicKey())): "", otherPrint + "=": "",
		string(ssh.MarshalAuthorizedKey(other.PublicKey())): "",
		ssh.FingerprintSHA256(stranger) + "\n" + print:      "",
		string(ssh.MarshalAuthorizedKey(stranger)):          "the server's host key ssh-rsa " + otherPrint + " is not in host_key",
		"SHA256:" + strings.Repeat("A", 43):                 "the server's host key ",
	} {
		err := openSFTP(t, server.Settings("host_key", keys)).Test(t.Context())
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%.60s: %v, want %q", keys, err, want)
		}
	}
}

// The lines of other hosts in known_hosts do not count.
func TestKnownHosts(t *testing.T) {
	t.Parallel()
	key := " " + string(ssh.MarshalAuthorizedKey(edSigner(t).PublicKey()))
	const host = "[sftp.example.org]:2222"
	for names, counts := range map[string]bool{
		host: true, "other.example.org," + host: true, "[*.example.org]:2222": true, "[sftp.example.or?]:2222": true, "[SFTP.example.org]:2222": true, knownhosts.HashHostname(host): true, "*": true,
		"sftp.example.org": false, "other.example.org": false, "!" + host + ",*": false, "*,!" + host: false, knownhosts.HashHostname("other.example.org"): false, "|1|x|y": false, "[sftp.example.org]:22": false,
	} {
		keys, err := readHostKeys(names+key, host)
		if counts != (err == nil) || counts != (len(keys.keys) == 1) || err != nil && !strings.Contains(err.Error(), "host_key has no line for "+host) {
			t.Errorf("%s: %v, %v", names, keys, err)
		}
	}
}

func TestSFTPLogins(t *testing.T) {
	t.Parallel()
	asked := testenv.SFTP(t, func(c *ssh.ServerConfig) { // as servers with PAM do
		password := c.PasswordCallback
		c.PasswordCallback, c.PublicKeyCallback = nil, nil
		c.KeyboardInteractiveCallback = func(m ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			answers, err := ask("", "", []string{"Password: "}, []bool{false})
			if err != nil {
				return nil, err
			}
			return password(m, []byte(answers[0]))
		}
	})
	plain := testenv.SFTP(t, nil)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	go func() {
		conn, err := silent.Accept()
		if err == nil {
			_ = conn.Close()
		}
	}()
	_, silentPort, _ := net.SplitHostPort(silent.Addr().String())
	for _, c := range []struct {
		name     string
		settings map[string]string
		want     string
		class    flows.Class
	}{
		{"key", plain.Settings(), "", ""},
		{"password", plain.Settings("private_key", "", "password", plain.Password), "", ""},
		{"asked for the password", asked.Settings("private_key", "", "password", asked.Password), "", ""},
		{"wrong password", plain.Settings("private_key", "", "password", "s3cret-wrong"), "the SFTP server refuses the login", ""},
		{"wrong user", plain.Settings("username", "bob"), "the SFTP server refuses the login", ""},
		{"nothing there", plain.Settings("port", "1"), "does not accept connections", flows.ClassNetwork},
		{"no SSH", plain.Settings("port", silentPort), "closed the connection", flows.ClassNetwork},
		{"no such host", plain.Settings("host", "no-such-host.invalid"), "host name that does not exist", flows.ClassNetwork},
	} {
		err := openSFTP(t, c.settings).Test(t.Context())
		var failure *flows.Error
		switch {
		case c.want == "" && err != nil, c.want != "" && (!errors.As(err, &failure) || !strings.Contains(failure.Message, c.want) || failure.Class != c.class):
			t.Errorf("%s: %#v", c.name, err)
		case err != nil && strings.Contains(err.Error(), "s3cret"):
			t.Errorf("%s: it shows the password: %v", c.name, err)
		}
	}
}

// A session is used again, replaced when the server has closed it, and lost with a context that ends.
func TestSFTPSessionsAreReused(t *testing.T) {
	t.Parallel()
	server := testenv.SFTP(t, nil)
	f := openSFTP(t, server.Settings("max_connections", "1"))
	logins := func(want int64, after string) {
		t.Helper()
		if got := server.Logins.Load(); got != want {
			t.Errorf("%d logins after %s, want %d", got, after, want)
		}
	}
	test := func() {
		t.Helper()
		if err := f.Test(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	test()
	test()
	if err := f.Delete(t.Context(), server.Dir); err == nil {
		t.Error("a directory was deleted")
	}
	test()
	logins(1, "answers and a refusal")

	idle := f.sessions.idle[0]
	server.Disconnect()
	<-idle.closed
	test()
	logins(2, "the server's end of the session")

	if err := os.WriteFile(filepath.Join(server.Dir, "a"), make([]byte, 8<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r, _, err := f.Open(ctx, filepath.Join(server.Dir, "a"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.Open(expired(t), "b"); !errors.Is(err, context.Canceled) { // max_connections
		t.Errorf("a second session: %v", err)
	}
	cancel()
	if _, err := io.Copy(io.Discard, r); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of the context: %v", err)
	}
	_ = r.Close()
	test()
	logins(3, "the end of a context")

	if r, _, err = f.Open(t.Context(), filepath.Join(server.Dir, "a")); err != nil {
		t.Fatal(err)
	}
	server.Disconnect()
	_, err = io.Copy(io.Discard, r)
	var failure *flows.Error
	if !errors.As(err, &failure) || failure.Class != flows.ClassNetwork || !strings.Contains(failure.Message, "closed the connection") {
		t.Errorf("a lost connection: %v", err)
	}
	_ = r.Close()
	test()
	logins(4, "a lost connection")
}

func expired(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// A server cannot make the process hold more than a list may have.
func TestSFTPListsAreBounded(t *testing.T) {
	t.Parallel()
	server := testenv.SFTP(t, nil)
	f := openSFTP(t, server.Settings())
	for _, name := range strings.Fields("a b c d e f g h") {
		if err := os.WriteFile(filepath.Join(server.Dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	err := f.with(t.Context(), 200, func(s *sftpSession) error {
		_, err := s.ReadDir(server.Dir)
		return err
	})
	var failure *flows.Error
	if !errors.As(err, &failure) || failure.Code != flows.CodeLimit {
		t.Errorf("%v", err)
	}
	if err := f.Test(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// A file that changes while it is read is not the file that was there before, nor the one afterwards.
func TestFilesThatChange(t *testing.T) {
	t.Parallel()
	server := testenv.SFTP(t, nil)
	f := openSFTP(t, server.Settings())
	path := filepath.Join(server.Dir, "a")
	for name, change := range map[string]func() error{
		"shorter": func() error { return os.Truncate(path, 1<<20) },
		"longer":  func() error { return os.Truncate(path, 9<<20) },
		"other":   func() error { return os.Chtimes(path, time.Time{}, time.Unix(1, 0)) },
		"":        func() error { return nil },
	} {
		if err := os.WriteFile(path, make([]byte, 8<<20), 0o600); err != nil {
			t.Fatal(err)
		}
		r, _, err := f.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = io.CopyN(io.Discard, r, 1000); err == nil {
			err = change()
		}
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, r)
		if changed := err != nil && strings.Contains(err.Error(), "has changed while it was read"); changed != (name != "") || err == nil && n != 8<<20-1000 {
			t.Errorf("%s: %d bytes, %v", name, n, err)
		}
		_ = r.Close()
	}
	if err := f.Test(t.Context()); err != nil || server.Logins.Load() != 1 {
		t.Errorf("%v, %d logins", err, server.Logins.Load())
	}
}
