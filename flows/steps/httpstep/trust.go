package httpstep

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"sync"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/internal/failure"
)

// httpTrust is the tls parameter: the flow's own certificate authorities.
type httpTrust struct {
	roots *x509.CertPool

	mu    sync.Mutex // guards the fields below
	base  http.RoundTripper
	trust *http.Transport // a clone of base that trusts roots
}

func (s *step) setTrust(args *flows.Args) error {
	object := args.Object("tls")
	if object == nil {
		return nil
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(object.String("ca"))) {
		return object.Errorf("ca", "ca holds no PEM certificate (-----BEGIN CERTIFICATE-----)")
	}
	s.trust = &httpTrust{roots: roots}
	return nil
}

// transport returns base with the flow's authorities instead of the system's. It is created once, so that its
// connections are reused; they end by their idle timeout after the step is gone.
func (t *httpTrust) transport(base http.RoundTripper) (http.RoundTripper, error) {
	cloner, ok := base.(interface{ Clone() *http.Transport })
	if !ok {
		return nil, failure.Errorf("tls cannot be used here: the transport trusts its own authorities only")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.base == base {
		return t.trust, nil
	}
	t.base, t.trust = base, cloner.Clone()
	if t.trust.TLSClientConfig == nil {
		t.trust.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	t.trust.TLSClientConfig.RootCAs = t.roots
	return t.trust, nil
}
