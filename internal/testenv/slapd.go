package testenv

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Directory is an LDAP server of a test. Its suffix is dc=example,dc=org, which has no entry yet.
type Directory struct {
	Port    string // without TLS, and with StartTLS
	TLSPort string
	CA      string // PEM certificate that the server's is trusted by
	Admin   string // distinguished name of a login that may do everything
	Secret  string // its password
}

// Slapd starts OpenLDAP's server on free loopback ports, with a database of its own, and waits until it answers. The test is
// skipped where the program is not installed.
func Slapd(t testing.TB) Directory {
	t.Helper()
	path := brokerProgram(t, "slapd", "/usr/sbin/slapd")
	dir := shortDir(t)
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	cert := NewCertificate(t)
	d := Directory{Port: freePort(t), TLSPort: freePort(t), CA: cert.PEM, Admin: "cn=admin,dc=example,dc=org", Secret: "admin-secret"}
	config := filepath.Join(dir, "slapd.conf")
	writeFile(t, config, fmt.Sprintf(`include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile %[1]s/pid
argsfile %[1]s/args
TLSCertificateFile %[2]s
TLSCertificateKeyFile %[3]s
sizelimit unlimited
database mdb
suffix "dc=example,dc=org"
rootdn "%[4]s"
rootpw %[5]s
directory %[6]s
dbnosync
`, dir, cert.CertFile, cert.KeyFile, d.Admin, d.Secret, data))
	startBroker(t, d.Port, "slapd", path, nil, "-d", "0", "-f", config, "-h", fmt.Sprintf("ldap://127.0.0.1:%s ldaps://127.0.0.1:%s", d.Port, d.TLSPort))
	return d
}

// writeFile writes a file that only its owner may read.
func writeFile(t testing.TB, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
