// Package certfile reads the certificates that a setting names.
package certfile

import (
	"crypto/x509"
	"errors"
	"os"
)

// Pool returns the certificates in a PEM file; nil for no name: those of the system are trusted.
func Pool(name string) (*x509.CertPool, error) {
	if name == "" {
		return nil, nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New("the file has no certificate in PEM")
	}
	return pool, nil
}
