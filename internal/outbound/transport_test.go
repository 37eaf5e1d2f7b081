package outbound

import (
	"bufio"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// server counts the requests and the connections that it gets.
type server struct {
	*httptest.Server
	port               string
	requests, accepted atomic.Int64
}

func serve(t *testing.T, handler http.HandlerFunc) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		handler(w, r)
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.accepted.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	_, s.port, _ = net.SplitHostPort(s.Listener.Addr().String())
	return s
}

func hello(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }

func client(t *testing.T, config Config) *http.Client {
	t.Helper()
	transport, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// get reads the whole response so that its connection can be used again.
func get(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// Every notation of the loopback address is refused; each reaches the server when loopback is allowed, so that the
// refusal is the policy's.
func TestSpellingsOfALocalAddress(t *testing.T) {
	t.Parallel()
	s := serve(t, hello)
	names := resolver(t, map[string][]string{"0x7f000001": {"127.0.0.1"}, "inside": {"127.0.0.1"}, "inside6": {"::ffff:127.0.0.1"}})
	for _, host := range []string{
		"127.0.0.1", "localhost", "LOCALHOST", "0x7f000001", "inside.test", "inside6.test",
		"[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:7f00:0001]", "example.org@127.0.0.1",
	} {
		t.Run(host, func(t *testing.T) {
			url := "http://" + host + ":" + s.port + "/"
			before := s.accepted.Load()
			err := get(t.Context(), client(t, Config{Resolver: names}), url)
			var refusal *BlockedError
			if !errors.As(err, &refusal) {
				t.Errorf("closed: %v, want a refusal", err)
			}
			if s.accepted.Load() != before {
				t.Error("closed: the server was connected to")
			}
			if err := get(t.Context(), client(t, Config{Resolver: names, AllowLoopback: true}), url); err != nil {
				t.Errorf("AllowLoopback: %v", err)
			}
		})
	}
}

// Old notations are addresses to getaddrinfo, and invalid names to Go's own resolver, so their effect depends on the
// system.
func TestOldNotationsReachNothing(t *testing.T) {
	t.Parallel()
	s := serve(t, hello)
	for _, host := range []string{"127.1", "2130706433", "0177.0.0.1", "017700000001", "127.0.0.1."} {
		if err := get(t.Context(), client(t, Config{}), "http://"+host+":"+s.port+"/"); err == nil {
			t.Errorf("%s was reached", host)
		}
	}
	if s.accepted.Load() != 0 {
		t.Errorf("%d connections", s.accepted.Load())
	}
}

func TestRedirectToAPrivateAddressIsRefused(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://169.254.169.254/latest/meta-data/", http.StatusFound)
	})
	err := get(t.Context(), client(t, Config{AllowLoopback: true}), s.URL)
	var refusal *BlockedError
	if !errors.As(err, &refusal) || refusal.Addr.String() != "169.254.169.254" {
		t.Errorf("got %v, want a refusal of 169.254.169.254", err)
	}
	if s.requests.Load() != 1 {
		t.Errorf("%d requests, want the first one only", s.requests.Load())
	}
}

// The policy checks the address of this connection, not an earlier response of the name server.
func TestNameThatChangesItsAnswer(t *testing.T) {
	t.Parallel()
	s := serve(t, hello)
	names := resolver(t, map[string][]string{"rebind": {"127.0.0.1", "10.0.0.1"}})
	client := client(t, Config{AllowLoopback: true, Resolver: names})
	target := "http://rebind.test:" + s.port
	if err := get(t.Context(), client, target); err != nil {
		t.Fatal(err)
	}
	client.CloseIdleConnections()
	err := get(t.Context(), client, target)
	var failed *url.Error
	want := "refused: 10.0.0.1 is a private address; allow it with --allow-private-networks"
	if !errors.As(err, &failed) || failed.Err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
}

func TestConnectionsAreReused(t *testing.T) {
	t.Parallel()
	s := serve(t, hello)
	client := client(t, Config{AllowLoopback: true})
	const callers, calls = 20, 10
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			for range calls {
				if err := get(t.Context(), client, s.URL); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if got := s.requests.Load(); got != callers*calls {
		t.Fatalf("%d requests, want %d", got, callers*calls)
	}
	// A dial that lost against a connection that became free is kept as well.
	if got := s.accepted.Load(); got > 2*callers {
		t.Errorf("%d connections for %d callers", got, callers)
	}
}

func TestHTTP2(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.HandlerFunc(hello))
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // the refused handshake is expected
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	resp, err := client(t, Config{AllowLoopback: true, RootCAs: roots}).Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.ProtoMajor != 2 {
		t.Errorf("spoke %s, want HTTP/2", resp.Proto)
	}
	if _, err := client(t, Config{AllowLoopback: true}).Get(s.URL); err == nil {
		t.Error("an unknown certificate authority was trusted")
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	long := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Long", strings.Repeat("a", 70<<10))
	})
	if err := get(t.Context(), client(t, Config{AllowLoopback: true}), long.URL); err == nil {
		t.Error("70 KiB of response headers passed the default limit")
	}
	if err := get(t.Context(), client(t, Config{AllowLoopback: true, MaxHeaderBytes: 80 << 10}), long.URL); err != nil {
		t.Errorf("70 KiB of response headers against a limit of 80: %v", err)
	}
}

// The response may take as long as the request's context allows.
func TestOnlyTheContextLimitsTheWaitForAnAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const limit = 3 * time.Minute
		for takes, answered := range map[time.Duration]bool{limit - time.Second: true, limit + time.Second: false} {
			transport, err := New(Config{})
			if err != nil {
				t.Fatal(err)
			}
			ours, theirs := net.Pipe()
			transport.DialContext = func(context.Context, string, string) (net.Conn, error) { return ours, nil }
			var server sync.WaitGroup
			server.Go(func() {
				request, err := http.ReadRequest(bufio.NewReader(theirs))
				if err == nil {
					time.Sleep(takes)
					_ = (&http.Response{StatusCode: http.StatusNoContent, ProtoMajor: 1, ProtoMinor: 1, Request: request}).Write(theirs)
				}
				_ = theirs.Close()
			})
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			err = get(ctx, &http.Client{Transport: transport}, "http://slow.example/")
			if (err == nil) != answered || !answered && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("an answer after %v: %v", takes, err)
			}
			cancel()
			transport.CloseIdleConnections()
			server.Wait()
		}
	})
}

func TestNewRefusesNegativeBounds(t *testing.T) {
	t.Parallel()
	for _, config := range []Config{
		{DialTimeout: -1}, {IdleTimeout: -1}, {IdlePerHost: -1}, {MaxHeaderBytes: -1},
	} {
		if _, err := New(config); err == nil {
			t.Errorf("%+v is accepted", config)
		}
	}
}

func TestProxyOfTheEnvironmentIsIgnored(t *testing.T) {
	t.Parallel()
	transport, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	if transport.Proxy != nil {
		t.Error("a proxy would connect where the guard does not look")
	}
}

func BenchmarkGet(b *testing.B) {
	s := httptest.NewServer(http.HandlerFunc(hello))
	b.Cleanup(s.Close)
	transport, err := New(Config{AllowLoopback: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport}
	b.ReportAllocs()
	for b.Loop() {
		if err := get(b.Context(), client, s.URL); err != nil {
			b.Fatal(err)
		}
	}
}
