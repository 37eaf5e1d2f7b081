package server

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// The error about a certificate says which one it is, and what is wrong with it.
func TestCertificatesAreNamed(t *testing.T) {
	t.Parallel()
	day := func(text string) time.Time {
		at, err := time.Parse(time.DateOnly, text)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	crm := &x509.Certificate{
		DNSNames: []string{"crm.example.org", "www.example.org"}, Subject: pkix.Name{CommonName: "crm"}, Issuer: pkix.Name{CommonName: "Office CA"},
		NotBefore: day("2025-01-01"), NotAfter: day("2026-01-31"),
	}
	own := &x509.Certificate{IPAddresses: []net.IP{net.IPv4(192, 0, 2, 7)}, Subject: pkix.Name{CommonName: "box"}, Issuer: pkix.Name{CommonName: "box"}}
	many := &x509.Certificate{DNSNames: []string{"a", "b", "c", "d", "e"}}
	hostile := &x509.Certificate{Subject: pkix.Name{CommonName: "a\nb\x1b[31m" + strings.Repeat("x", 1000)}}
	verified := func(c *x509.Certificate, err error) error {
		return fmt.Errorf("dial s3cret: %w", &tls.CertificateVerificationError{UnverifiedCertificates: []*x509.Certificate{c}, Err: err})
	}
	for _, tc := range []struct {
		err  error
		says string
	}{
		{verified(crm, x509.HostnameError{Certificate: crm, Host: "s3cret"}), "for another name (it is for crm.example.org, www.example.org, issued by Office CA)"},
		{verified(crm, x509.UnknownAuthorityError{Cert: crm}), "not trusted: no authority that is known here issued it (it is for crm.example.org, www.example.org, issued by Office CA)"},
		{verified(crm, x509.CertificateInvalidError{Cert: crm, Reason: x509.Expired}), "counts only from 2025-01-01 to 2026-01-31 (it is for crm.example.org"},
		{verified(own, x509.UnknownAuthorityError{Cert: own}), "(it is for 192.0.2.7, signed by itself)"},
		{verified(many, x509.CertificateInvalidError{Cert: many, Reason: x509.NotAuthorizedToSign}), "not trusted (it is for a, b, c, and 2 more)"},
	} {
		failure := Unreachable("crm", "the server", tc.err)
		if got := WithCertificate(failure).Error(); !strings.Contains(got, tc.says) || strings.Contains(got, "s3cret") {
			t.Errorf("%q, want %q", got, tc.says)
		}
		if strings.Contains(failure.Error(), "it is for") {
			t.Errorf("a run is told of the certificate, which may name the host: %q", failure)
		}
	}
	got := WithCertificate(Unreachable("crm", "the server", verified(hostile, x509.UnknownAuthorityError{Cert: hostile}))).Error()
	if strings.ContainsAny(got, "\n\x1b") || len(got) > 500 {
		t.Errorf("a hostile name: %q", got)
	}
}
