package connect

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"sync"
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
			pair, err := tls.X509KeyPair([]byte(s.text["certificate"]), []byte(s.text["key"]))
			if err != nil {
				return nil, errors.New("certificate and key are no PEM pair that belongs together")
			}
			roots, err := authorities(s)
			if err != nil {
				return nil, err
			}
			p := &certificateTransports{pair: pair, roots: roots, byBase: map[http.RoundTripper]*http.Transport{}}
			return &pinned{wrap: p.transport, order: 2}, nil
		},
	}
}

// authorities returns those of the setting ca; nil when it is absent.
func authorities(s settings) (*x509.CertPool, error) {
	if s.text["ca"] == "" {
		return nil, nil
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(s.text["ca"])) {
		return nil, errors.New("ca holds no PEM certificate (-----BEGIN CERTIFICATE-----)")
	}
	return roots, nil
}

// certificateTransports presents a client certificate. Its connections must not be shared with steps that do not name it. It
// therefore has its own transports: one for each base transport.
type certificateTransports struct {
	pair  tls.Certificate
	roots *x509.CertPool

	mu     sync.Mutex
	byBase map[http.RoundTripper]*http.Transport // guarded by mu
}

// maxCertificateTransports is the maximum number of transports of one certificate: one for the process, and one for each step
// with its own authorities.
const maxCertificateTransports = 32

func (p *certificateTransports) transport(base http.RoundTripper) http.RoundTripper {
	cloner, ok := base.(interface{ Clone() *http.Transport })
	if !ok {
		return failingTransport{errors.New("a client certificate cannot be presented here")}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if made := p.byBase[base]; made != nil {
		return made
	}
	if len(p.byBase) == maxCertificateTransports { // most of them belong to steps that no longer exist
		for _, old := range p.byBase {
			old.CloseIdleConnections()
		}
		clear(p.byBase)
	}
	made := cloner.Clone()
	if made.TLSClientConfig == nil {
		made.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	made.TLSClientConfig.Certificates = []tls.Certificate{p.pair}
	if p.roots != nil {
		made.TLSClientConfig.RootCAs = p.roots
	}
	p.byBase[base] = made
	return made
}

// failingTransport is a transport that always fails.
type failingTransport struct{ err error }

// RoundTrip implements http.RoundTripper.
func (r failingTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		req.Body.Close()
	}
	return nil, r.err
}
