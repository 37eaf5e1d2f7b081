package connect

import (
	"crypto/tls"
	"errors"
	"net/http"

	"github.com/penstock/penstock/connect/internal/server"
)

func mtlsType() Type {
	return Type{
		Name: "mtls", Summary: "A client certificate.", Pinned: true,
		Fields: []Field{
			{Name: "certificate", Required: true, Kind: FieldLines, Summary: "PEM certificate, followed by its chain."},
			{Name: "key", Required: true, Secret: true, Kind: FieldLines, Summary: "PEM private key of the certificate."},
			{Name: "ca", Kind: FieldLines, Summary: "PEM certificates of the trusted authorities, instead of the system's."},
		},
		open: func(_ *Resolver, s settings) (any, error) {
			pair, err := tls.X509KeyPair([]byte(s.Text["certificate"]), []byte(s.Text["key"]))
			if err != nil {
				return nil, errors.New("certificate and key are no PEM pair that belongs together")
			}
			roots, err := server.Authorities(s.ConnectionSettings)
			if err != nil {
				return nil, err
			}
			p := newOwnTransports(func(made *http.Transport) {
				if made.TLSClientConfig == nil {
					made.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
				}
				made.TLSClientConfig.Certificates = []tls.Certificate{pair}
				if roots != nil {
					made.TLSClientConfig.RootCAs = roots
				}
			})
			return &pinned{wrap: p.transport, order: 2}, nil
		},
	}
}
