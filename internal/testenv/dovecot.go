package testenv

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// MailServer is an IMAP server of a test.
type MailServer struct {
	Port     string // without TLS, and with STARTTLS
	TLSPort  string
	CA       string // PEM certificate that the server's is trusted by
	Password string // of every user
}

// Dovecot starts Dovecot on free loopback ports, with mailboxes of its own, and waits until it answers. Each user name has an
// account. The test is skipped where the program is not installed, and without the rights that the server needs.
func Dovecot(t testing.TB) MailServer {
	t.Helper()
	path := brokerProgram(t, "dovecot", "/usr/sbin/dovecot")
	if os.Getuid() != 0 {
		t.Skip("dovecot is started by root only")
	}
	dir := shortDir(t)
	cert := NewCertificate(t)
	mail := filepath.Join(dir, "mail")
	for _, d := range []string{dir, mail} { // the processes of accounts are another user's
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	const nobody = 65534
	if err := os.Chown(mail, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	m := MailServer{Port: freePort(t), TLSPort: freePort(t), CA: cert.PEM, Password: "mail-secret"}
	config := filepath.Join(dir, "dovecot.conf")
	writeFile(t, config, fmt.Sprintf(`protocols = imap
listen = 127.0.0.1
base_dir = %[1]s/run
state_dir = %[1]s/state
log_path = /dev/stderr
ssl = yes
ssl_cert = <%[2]s
ssl_key = <%[3]s
disable_plaintext_auth = no
auth_failure_delay = 0
mail_location = maildir:~/Maildir
mail_max_userip_connections = 100
first_valid_uid = %[7]d
passdb {
  driver = static
  args = password=%[4]s
}
userdb {
  driver = static
  args = uid=%[7]d gid=%[7]d home=%[1]s/mail/%%u
}
service imap-login {
  inet_listener imap {
    port = %[5]s
  }
  inet_listener imaps {
    port = %[6]s
    ssl = yes
  }
}
`, dir, cert.CertFile, cert.KeyFile, m.Password, m.Port, m.TLSPort, nobody))
	c := startBroker(t, m.Port, "dovecot", path, nil, "-F", "-c", config)
	t.Cleanup(func() { _ = c.Stop(10 * time.Second) }) // it ends its own processes; before it would be killed
	return m
}
