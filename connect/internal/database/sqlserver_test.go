package database

import (
	"testing"

	"github.com/microsoft/go-mssqldb/msdsn"

	"github.com/penstock/penstock/flows"
)

// There is no SQL Server to test against: the test checks the driver's settings.
func TestSQLServerConfiguration(t *testing.T) {
	t.Parallel()
	s := flows.ConnectionSettings{Connection: "db", Text: map[string]string{
		"host": "db.example.org", "port": "1444", "database": "d;x=y&z", "username": "u@b", "password": "p:;@/?#&= é",
	}}
	for encryption, want := range map[string]msdsn.Encryption{"verify": msdsn.EncryptionRequired, "none": msdsn.EncryptionDisabled} {
		s.Text["tls"] = encryption
		got, err := sqlserverConfig(s)
		if err != nil {
			t.Fatal(err)
		}
		if got.Host != "db.example.org" || got.Port != 1444 || got.Database != "d;x=y&z" || got.User != "u@b" || got.Password != "p:;@/?#&= é" || got.Encryption != want {
			t.Errorf("tls %s: %+v", encryption, got)
		}
		if trust := got.TLSConfig; encryption == "verify" && (trust == nil || trust.InsecureSkipVerify || trust.ServerName != "db.example.org") {
			t.Errorf("its certificate is not verified: %+v", trust)
		}
	}
}
