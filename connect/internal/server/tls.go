package server

import (
	"crypto/tls"
	"crypto/x509"
	"errors"

	"github.com/penstock/penstock/flows"
)

// TLSFields are the settings of TLS; TLSConfig reads them.
func TLSFields() []flows.ConnectionField {
	return []flows.ConnectionField{
		{Name: "tls", Kind: flows.FieldChoice, Choices: []string{"verify", "none"}, Default: "verify", Summary: "`verify` the server's certificate, or `none` for no TLS in a trusted network."},
		{Name: "ca", Kind: flows.FieldLines, Summary: "PEM certificates of the trusted authorities, instead of the system's."},
	}
}

// TLSConfig returns the settings of TLS for the server that the setting host names. nil without an error: `tls: none`.
func TLSConfig(s flows.ConnectionSettings) (*tls.Config, error) {
	roots, err := Authorities(s)
	if err != nil || s.Text["tls"] == "none" {
		return nil, err
	}
	return &tls.Config{ServerName: s.Text["host"], RootCAs: roots, MinVersion: tls.VersionTLS12}, nil
}

// Authorities returns those of the setting ca; nil when it is absent.
func Authorities(s flows.ConnectionSettings) (*x509.CertPool, error) {
	if s.Text["ca"] == "" {
		return nil, nil
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(s.Text["ca"])) {
		return nil, errors.New("ca holds no PEM certificate (-----BEGIN CERTIFICATE-----)")
	}
	return roots, nil
}
