package server

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// maxNames is the maximum number of names of a certificate that an error lists.
const maxNames = 3

// Distrusted is wrapped by the failure of contacting a server whose certificate is not trusted. It describes the certificate, which may name
// the host of the connection: for a test of the connection, not for a run.
type Distrusted struct{ certificate string }

func (d *Distrusted) Error() string { return "the certificate" + d.certificate }

// WithCertificate returns an error that also describes the certificate that is not trusted; err itself if it is about another trouble.
func WithCertificate(err error) error {
	var d *Distrusted
	if !errors.As(err, &d) || d.certificate == "" {
		return err
	}
	return errors.New(err.Error() + d.certificate)
}

// distrust says why a certificate is not trusted.
func distrust(err error) string {
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil:
		return "has a certificate that counts only from " + day(invalid.Cert, true) + " to " + day(invalid.Cert, false)
	case errors.As(err, &unknown):
		return "has a certificate that is not trusted: no authority that is known here issued it"
	}
	return "has a certificate that is not trusted"
}

func day(c *x509.Certificate, begin bool) string {
	if begin {
		return c.NotBefore.UTC().Format("2006-01-02")
	}
	return c.NotAfter.UTC().Format("2006-01-02")
}

// certificateOf returns the certificate that an error is about; nil: it is not known.
func certificateOf(err error) *x509.Certificate {
	var failed *tls.CertificateVerificationError
	var host x509.HostnameError
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &failed) && len(failed.UnverifiedCertificates) > 0:
		return failed.UnverifiedCertificates[0]
	case errors.As(err, &host):
		return host.Certificate
	case errors.As(err, &unknown):
		return unknown.Cert
	case errors.As(err, &invalid):
		return invalid.Cert
	}
	return nil
}

// describe names a certificate, which its server sends to everybody; empty if it has neither names nor an issuer.
func describe(c *x509.Certificate) string {
	if c == nil {
		return ""
	}
	names := c.DNSNames
	for _, ip := range c.IPAddresses {
		names = append(slices.Clip(names), ip.String())
	}
	if len(names) == 0 && c.Subject.CommonName != "" {
		names = []string{c.Subject.CommonName}
	}
	if len(names) > maxNames {
		names = append(slices.Clone(names[:maxNames]), fmt.Sprintf("and %d more", len(names)-maxNames))
	}
	var parts []string
	if len(names) > 0 {
		parts = append(parts, "it is for "+clean(strings.Join(names, ", ")))
	}
	if issuer := c.Issuer.CommonName; issuer != "" && issuer == c.Subject.CommonName {
		parts = append(parts, "signed by itself")
	} else if issuer != "" {
		parts = append(parts, "issued by "+clean(issuer))
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// clean keeps a text of a server on one short line.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
	if runes := []rune(text); len(runes) > maxReply {
		return string(runes[:maxReply-1]) + "…"
	}
	return text
}
