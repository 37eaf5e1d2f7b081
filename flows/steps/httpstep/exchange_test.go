package httpstep

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/outbound"
)

// way is a transport that connects only to the test's servers, of all local addresses.
func way(t testing.TB) *http.Transport {
	t.Helper()
	transport, err := outbound.New(outbound.Config{AllowLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// send executes one exchange of a step that New makes from `method: …, url: …`.
func send(ctx context.Context, client *http.Client, method, target string) (*httpResponse, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	s := &step{anyOK: true, bodyFormat: bodyFormat{limit: 1 << 20}}
	return s.send(ctx, nil, client, &httpCall{method: method, url: u, header: http.Header{}, key: "run.step.0"})
}

func serve(t testing.TB, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s
}

func TestUnexpectedStatus(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, contentType, body, want string
	}{
		{"json", "application/json", `{"error":` + "\n\t" + `"no such person"}`, `status 404: {"error": "no such person"}`},
		{"json with a secret", "application/json", `{"error":"no","token":"hunter2"}`, `status 404: {"error":"no","token":"***"}`},
		{"no type", "", "plain", "status 404: plain"},
		{"long", "text/plain", strings.Repeat("é", 300), "status 404: " + strings.Repeat("é", 100) + "…"},
		{"image", "image/png", "\x89PNG", "status 404"},
		{"bytes that say they are text", "text/plain", "a\xffb\x00c", "status 404: ab c"},
		{"no body", "text/plain", "", "status 404"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Content-Type"] = []string{test.contentType}
				w.Header().Set("Retry-After", "7")
				w.Header().Set("X-Secret", "hunter2")
				w.WriteHeader(http.StatusNotFound)
				io.WriteString(w, test.body)
			})
			target := strings.Replace(s.URL, "http://", "http://user:hunter2@", 1) + "/people?key=hunter2"
			_, err := send(t.Context(), &http.Client{Transport: way(t)}, http.MethodGet, target)
			status, excerpt, _ := strings.Cut(test.want, ": ")
			want := &flows.Error{
				Code: flows.CodeStepFailed, Message: "GET " + s.URL + "/people: " + status, Excerpt: excerpt,
				Upstream: 404, RetryAfter: 7 * time.Second,
			}
			var got *flows.Error
			if !errors.As(err, &got) {
				t.Fatalf("%T %v", err, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// The class of a failure decides whether retry.on matches it.
func TestClassOfFailure(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	hangUp := serve(t, func(w http.ResponseWriter, _ *http.Request) { hijack(t, w).Close() })
	cut := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		conn := hijack(t, w)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
		conn.Close()
	})
	mute := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	large := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 2<<20)) })
	broken := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, "<html>")
	})
	elsewhere := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "ftp://h/", 302) })
	tls := httptest.NewUnstartedServer(http.NotFoundHandler())
	tls.Config.ErrorLog = log.New(io.Discard, "", 0) // the refused handshake is expected
	tls.StartTLS()
	t.Cleanup(tls.Close)
	impatient := way(t)
	impatient.ResponseHeaderTimeout = time.Millisecond

	tests := []struct {
		name, url string
		transport http.RoundTripper
		class     flows.Class
		want      string
	}{
		{"refused", "http://" + closed.Addr().String(), nil, flows.ClassNetwork, "connection refused"},
		{"hung up", hangUp.URL, nil, flows.ClassNetwork, "EOF"},
		{"cut short", cut.URL, nil, flows.ClassNetwork, "unexpected EOF"},
		{"mute", mute.URL, impatient, flows.ClassTimeout, "timeout awaiting response headers"},
		{"too large", large.URL, nil, "", "the response body is larger than 1048576 bytes"},
		{"not JSON", broken.URL, nil, "", "the response cannot be read: the JSON is malformed"},
		{"private address", "http://10.0.0.1/", nil, "", "GET http://10.0.0.1/: refused: 10.0.0.1 is a private address; allow it with --allow-private-networks"},
		{"unknown authority", tls.URL, nil, "", "certificate signed by unknown authority"},
		{"redirect to ftp", elsewhere.URL, nil, "", "a redirect to a ftp: address"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			client := &http.Client{Transport: way(t), CheckRedirect: redirects{limit: 5}.check}
			if test.transport != nil {
				client.Transport = test.transport
			}
			_, err := send(t.Context(), client, http.MethodGet, test.url)
			var got *flows.Error
			if !errors.As(err, &got) || got.Class != test.class || !strings.Contains(got.Message, test.want) {
				t.Errorf("%#v, want class %q and %q", err, test.class, test.want)
			}
		})
	}
}

func hijack(t testing.TB, w http.ResponseWriter) net.Conn {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Error(err)
	}
	return conn
}

func TestCancelledCall(t *testing.T) {
	t.Parallel()
	reached := make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "the beginning of a body that never ends")
		http.NewResponseController(w).Flush()
		close(reached)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-reached
		cancel()
	}()
	_, err := send(ctx, &http.Client{Transport: way(t)}, http.MethodGet, s.URL)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestLimitCountsDecompressedBytes(t *testing.T) {
	t.Parallel()
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	w.Write(make([]byte, 8<<20))
	w.Close()
	var sent atomic.Int64
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "gzip" {
			t.Errorf("Accept-Encoding: %s", r.Header.Get("Accept-Encoding"))
		}
		w.Header().Set("Content-Encoding", "gzip")
		n, _ := w.Write(bomb.Bytes())
		sent.Store(int64(n))
	})
	_, err := send(t.Context(), &http.Client{Transport: way(t)}, http.MethodGet, s.URL)
	if err == nil || !strings.Contains(err.Error(), "larger than 1048576 bytes") {
		t.Errorf("8 MiB in %d bytes of gzip: %v", bomb.Len(), err)
	}
	if sent.Load() == 0 || sent.Load() > 64<<10 {
		t.Errorf("the server sent %d bytes: no bomb", sent.Load())
	}
}

func TestBodyOfExactlyTheLimit(t *testing.T) {
	t.Parallel()
	for _, declared := range []bool{true, false} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if declared {
				w.Header().Set("Content-Length", r.URL.Query().Get("size"))
			}
			size, _ := strconv.Atoi(r.URL.Query().Get("size"))
			for range size / 1024 {
				w.Write(bytes.Repeat([]byte("a"), 1024))
			}
			w.Write(bytes.Repeat([]byte("a"), size%1024))
		})
		client := &http.Client{Transport: way(t)}
		answer, err := send(t.Context(), client, http.MethodGet, s.URL+"?size=1048576")
		if err != nil || len(answer.body.(string)) != 1<<20 {
			t.Errorf("the limit itself: %v", err)
		}
		if _, err = send(t.Context(), client, http.MethodGet, s.URL+"?size=1048577"); err == nil {
			t.Error("one byte beyond the limit passed")
		}
	}
}

// net/http repeats a request when a pooled connection breaks, if it considers the request idempotent. It must not
// repeat a POST that has Penstock's key.
func TestBrokenConnectionDoesNotRepeatAPost(t *testing.T) {
	t.Parallel()
	for method, want := range map[string]int64{http.MethodPost: 2, http.MethodGet: 3} {
		var seen atomic.Int64
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Idempotency-Key") != "run.step.0" {
				t.Errorf("key %q", r.Header.Get("Idempotency-Key"))
			}
			if seen.Add(1) == 2 {
				hijack(t, w).Close() // after reading the request, without a response
			}
		})
		client := &http.Client{Transport: way(t)}
		if _, err := send(t.Context(), client, method, s.URL); err != nil {
			t.Fatal(err)
		}
		_, err := send(t.Context(), client, method, s.URL)
		if seen.Load() != want {
			t.Errorf("%s reached the server %d times, want %d (%v)", method, seen.Load(), want, err)
		}
	}
}
