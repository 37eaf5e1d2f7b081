package httpstep

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
)

// A hundred calls, eight at once: the results have the order of the items, and there are no more connections than
// concurrent calls.
func TestHTTPConcurrencyKeepsOrder(t *testing.T) {
	t.Parallel()
	const calls, atOnce = 100, 8
	var running, most, connections atomic.Int64
	together := make(chan struct{}) // closed when atOnce calls have arrived
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := running.Add(1)
		defer running.Add(-1)
		for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
		}
		if now == atOnce {
			select {
			case <-together:
			default:
				close(together)
			}
		}
		select {
		case <-together:
		case <-r.Context().Done():
		}
		io.WriteString(w, r.URL.Query().Get("n"))
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)

	items, err := runHTTP(t, `
- spread: range(100)
- http: {get: "${ $vars.api }/?n=${ . }"}`, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(items) != calls {
		t.Fatalf("%d items, want %d", len(items), calls)
	}
	for i, item := range items {
		if got := item.(object)["body"]; got != strconv.Itoa(i) {
			t.Errorf("item %d is the answer to %v", i, got)
		}
	}
	if most.Load() != atOnce {
		t.Errorf("%d calls at once, want %d", most.Load(), atOnce)
	}
	if got := connections.Load(); got > 2*atOnce {
		t.Errorf("%d connections for %d calls at once", got, atOnce)
	}
}

func TestHTTPEndsWithTheRun(t *testing.T) {
	t.Parallel()
	reached := make(chan struct{})
	server := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		close(reached)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-reached
		cancel()
	}()
	_, err := execute(ctx, "http: {get: '${ $vars.api }'}", server.URL, nil, flows.Env{HTTP: way(t)})
	var failure *flows.Error
	if !errors.As(err, &failure) || failure.Code != flows.CodeCancelled {
		t.Errorf("got %#v, want %s", err, flows.CodeCancelled)
	}
}

// answers is a transport that returns one response after another, without network.
type answers struct {
	next func(n int64, req *http.Request) (*http.Response, error)
	n    atomic.Int64
}

func (a *answers) RoundTrip(req *http.Request) (*http.Response, error) {
	return a.next(a.n.Add(1), req)
}

func answer(req *http.Request, status int, headers ...string) *http.Response {
	resp := &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("")), Request: req}
	for i := 0; i < len(headers); i += 2 {
		resp.Header.Set(headers[i], headers[i+1])
	}
	return resp
}

func TestHTTPRetryWaitsAsAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var keys []string
		transport := &answers{next: func(n int64, req *http.Request) (*http.Response, error) {
			keys = append(keys, req.Header["idempotency-key"][0])
			switch n {
			case 1:
				return answer(req, 503, "Retry-After", "7"), nil
			case 2:
				return nil, &net.OpError{Op: "read", Err: errors.New("connection reset by peer")}
			}
			return answer(req, 204), nil
		}}
		began := time.Now()
		items, err := execute(t.Context(), `
http: {put: "${ $vars.api }"}
retry: {attempts: 3, backoff: 1s, jitter: false, on: [503, network]}`, "http://api.example.org", nil, flows.Env{HTTP: transport})
		if err != nil || len(items) != 1 {
			t.Fatalf("%v, %v", items, err)
		}
		if took := time.Since(began); took < 8*time.Second || took > 10*time.Second {
			t.Errorf("three attempts took %s, want 7 s and a pause of 1 to 2", took)
		}
		if diff := cmp.Diff([]string{"run-1.http.0", "run-1.http.0", "run-1.http.0"}, keys); diff != "" {
			t.Errorf("keys (-want +got)\n%s", diff)
		}
	})
}

func TestHTTPDoesNotRetryWhatRepeats(t *testing.T) {
	t.Parallel()
	transport := &answers{next: func(_ int64, req *http.Request) (*http.Response, error) {
		resp := answer(req, 200, "Content-Type", "application/json")
		resp.Body = io.NopCloser(strings.NewReader("<html>"))
		return resp, nil
	}}
	_, err := execute(t.Context(), "http: {get: '${ $vars.api }'}\nretry: {attempts: 3, backoff: 1ms}", "http://h", nil, flows.Env{HTTP: transport})
	if err == nil || transport.n.Load() != 1 {
		t.Errorf("%d attempts on a body that is not JSON, want 1 (%v)", transport.n.Load(), err)
	}
}

func TestHTTPStepTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		transport := &answers{next: func(_ int64, req *http.Request) (*http.Response, error) {
			<-req.Context().Done()
			return nil, req.Context().Err()
		}}
		_, err := execute(t.Context(), "http: {get: '${ $vars.api }'}\ntimeout: 2s\nretry: {attempts: 3, backoff: 1ms, on: [timeout]}", "http://h", nil, flows.Env{HTTP: transport})
		var failure *flows.Error
		if !errors.As(err, &failure) || failure.Code != flows.CodeStepFailed || transport.n.Load() != 3 {
			t.Errorf("%v after %d attempts, want a failed step after 3", err, transport.n.Load())
		}
	})
}
