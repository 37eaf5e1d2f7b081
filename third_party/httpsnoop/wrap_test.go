package httpsnoop

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

// full is a writer with all that a writer of net/http may have.
type full struct {
	*httptest.ResponseRecorder
	hijacked, pushed bool
}

func (f *full) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	f.hijacked = true
	return nil, nil, nil
}

func (f *full) Push(string, *http.PushOptions) error {
	f.pushed = true
	return nil
}

func TestHooksStandBeforeTheMethods(t *testing.T) {
	t.Parallel()
	var calls []string
	below := &full{ResponseRecorder: httptest.NewRecorder()}
	w := Wrap(below, Hooks{
		WriteHeader: func(next WriteHeaderFunc) WriteHeaderFunc {
			return func(code int) { calls = append(calls, "status"); next(code + 1) }
		},
		Write: func(next WriteFunc) WriteFunc {
			return func(b []byte) (int, error) { calls = append(calls, "write"); return next(b) }
		},
		Flush: func(next FlushFunc) FlushFunc {
			return func() { calls = append(calls, "flush"); next() }
		},
		Header: func(next HeaderFunc) HeaderFunc {
			return func() http.Header { calls = append(calls, "header"); return next() }
		},
	})
	w.Header().Set("A", "b")
	w.WriteHeader(201)
	_, _ = w.Write([]byte("text"))
	if err := http.NewResponseController(w).Flush(); err != nil {
		t.Error(err)
	}
	if _, _, err := w.(http.Hijacker).Hijack(); err != nil || !below.hijacked {
		t.Errorf("hijacked: %v, %v", below.hijacked, err)
	}
	if err := w.(http.Pusher).Push("/", nil); err != nil || !below.pushed {
		t.Errorf("pushed: %v, %v", below.pushed, err)
	}
	if below.Code != 202 || below.Body.String() != "text" || below.Header().Get("A") != "b" || !below.Flushed || len(calls) != 4 {
		t.Errorf("status %d, body %q, %v, flushed %v, hooks %v", below.Code, below.Body, below.Header(), below.Flushed, calls)
	}
}

func TestWhatAWriterLacksIsNotSupported(t *testing.T) {
	t.Parallel()
	type bare struct{ http.ResponseWriter }
	below := httptest.NewRecorder()
	w := Wrap(bare{below}, Hooks{})
	w.(http.Flusher).Flush()
	if _, _, err := w.(http.Hijacker).Hijack(); !errors.Is(err, http.ErrNotSupported) {
		t.Errorf("hijack: %v", err)
	}
	if err := w.(http.Pusher).Push("/", nil); !errors.Is(err, http.ErrNotSupported) {
		t.Errorf("push: %v", err)
	}
	w.WriteHeader(204)
	if below.Code != 204 {
		t.Errorf("status %d", below.Code)
	}
}
