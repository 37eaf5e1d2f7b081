package sender_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/internal/sender"
)

// keyServer counts requests, and responds by the path: /ok, /missing, /large, /moved.
type keyServer struct {
	requests atomic.Int64
	wait     chan struct{} // nil: responds at once
}

func (s *keyServer) RoundTrip(r *http.Request) (*http.Response, error) {
	s.requests.Add(1)
	if s.wait != nil {
		<-s.wait
	}
	response := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("a key")), Request: r}
	switch r.URL.Path {
	case "/missing":
		response.StatusCode = http.StatusNotFound
	case "/large":
		response.Body = io.NopCloser(strings.NewReader(strings.Repeat("x", 65<<10)))
	case "/moved":
		response.StatusCode = http.StatusFound
		response.Header.Set("Location", "https://keys.example/ok")
	}
	return response, nil
}

func TestFetcher(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &keyServer{}
		f := sender.NewFetcher(s, time.Now)
		want := func(what string, url string, ok bool, requests int64) {
			t.Helper()
			text, err := f.Document(t.Context(), url)
			if (err == nil) != ok || ok && string(text) != "a key" || !ok && !errors.Is(err, sender.ErrKeys) || s.requests.Load() != requests {
				t.Errorf("%s: %q %v, %d requests", what, text, err, s.requests.Load())
			}
		}
		want("the first", "https://keys.example/ok", true, 1)
		want("cached", "https://keys.example/ok", true, 1)
		time.Sleep(time.Hour)
		want("after an hour", "https://keys.example/ok", true, 2)
		want("missing", "https://keys.example/missing", false, 3)
		want("missing again", "https://keys.example/missing", false, 3)
		time.Sleep(31 * time.Second)
		want("missing, later", "https://keys.example/missing", false, 4)
		want("too large", "https://keys.example/large", false, 5)
		want("a redirect", "https://keys.example/moved", false, 6)
	})
}

// A flood of deliveries that name other documents is bounded, and does not stop what is cached.
func TestFetcherBoundsFloods(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &keyServer{}
		f := sender.NewFetcher(s, time.Now)
		if _, err := f.Document(t.Context(), "https://keys.example/ok"); err != nil {
			t.Fatal(err)
		}
		for i := range 1000 {
			f.Document(t.Context(), fmt.Sprint("https://keys.example/", i)) //nolint:errcheck // most are refused
		}
		if n := s.requests.Load(); n != 20 {
			t.Errorf("%d requests", n)
		}
		if _, err := f.Document(t.Context(), "https://keys.example/ok"); err != nil {
			t.Errorf("what is cached: %v", err)
		}
	})
}

// Deliveries at once share one request, and one that gives up does not end it for the others.
func TestFetcherSharesRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &keyServer{wait: make(chan struct{})}
		f := sender.NewFetcher(s, time.Now)
		impatient, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				ctx := t.Context()
				if i == 0 {
					ctx = impatient
				}
				if _, err := f.Document(ctx, "https://keys.example/ok"); err != nil && i > 0 {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		cancel()
		synctest.Wait()
		close(s.wait)
		all.Wait()
		if n := s.requests.Load(); n != 1 {
			t.Errorf("%d requests", n)
		}
	})
}
