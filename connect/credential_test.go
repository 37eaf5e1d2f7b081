package connect

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/store"
)

// echoCredentials responds with the headers that may be credentials.
func echoCredentials(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	body, _ := io.ReadAll(r.Body)
	_ = json.NewEncoder(w).Encode(map[string]string{
		"authorization": r.Header.Get("Authorization"), "basic": user + "|" + password, "key": r.Header.Get("X-API-Key"), "query": r.URL.RawQuery, "body": string(body),
	})
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(echoCredentials))
	t.Cleanup(server.Close)
	p := newTestFleet(t).newProcess()
	for _, test := range []struct {
		kind     string
		settings map[string]string
		want     string
	}{
		{"basic", map[string]string{"username": "zoë", "password": "a:b"}, `"basic":"zoë|a:b"`},
		{"bearer", map[string]string{"token": "t0ken"}, `"authorization":"Bearer t0ken"`},
		{"api_key", map[string]string{"value": "k"}, `"key":"k"`},
		{"api_key", map[string]string{"value": "k&=", "in": "query", "name": "api key"}, `"query":"a=%zz;b\u0026api+key=k%26%3D"`},
	} {
		p.put(store.Connection{Name: "api", Type: test.kind, Hosts: []string{server.URL}, Settings: test.settings})
		status, body, err := p.call(t.Context(), "api", "POST", server.URL+"/?a=%zz;b", "content")
		if err != nil || status != http.StatusOK || !strings.Contains(body, test.want) || !strings.Contains(body, `"body":"content"`) {
			t.Errorf("%s: %d %s, %v, want %s", test.kind, status, body, err, test.want)
		}
	}
}

func TestClientCertificate(t *testing.T) {
	t.Parallel()
	certificate, key, pool := selfSigned(t, "penstock")
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.TLS.PeerCertificates[0].Subject.CommonName)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // the refused handshake is expected
	server.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	server.StartTLS()
	t.Cleanup(server.Close)
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	host := strings.TrimPrefix(server.URL, "https://")

	p := newTestFleet(t).newProcess()
	p.put(store.Connection{Name: "api", Type: "mtls", Hosts: []string{host}, Settings: map[string]string{"certificate": certificate, "key": key, "ca": ca}})
	for range 2 {
		if _, body, err := p.call(t.Context(), "api", "GET", server.URL, ""); err != nil || body != "penstock" {
			t.Errorf("%s, %v", body, err)
		}
	}
	conn, err := p.HTTP(t.Context(), "api")
	if err != nil {
		t.Fatal(err)
	}
	if conn.Transport(p.http) != conn.Transport(p.http) {
		t.Error("each request has connections of its own")
	}
	bare := &http.Client{Transport: p.http}
	if _, err := bare.Get(server.URL); err == nil {
		t.Error("a step without the connection presents the certificate, or trusts its authority")
	}
}

// selfSigned returns a self-signed client certificate and its key as PEM.
func selfSigned(t *testing.T, name string) (certificate, key string, pool *x509.CertPool) {
	t.Helper()
	certificate, key = selfSignedUntil(t, name, time.Now().Add(time.Hour))
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(certificate))
	return certificate, key, pool
}

func selfSignedUntil(t *testing.T, name string, end time.Time) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: end,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	certificate = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return certificate, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}))
}
