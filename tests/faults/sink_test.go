//go:build faults || soak

package faults

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// effect is one request that reached the sink.
type effect struct {
	key  string // Idempotency-Key: run, step and item
	run  string
	step string
	at   time.Time
}

// sink is the world that runs act on. It records every effect before it
// answers with what it was sent.
type sink struct {
	url string

	mu      sync.Mutex // guards the rest
	effects []effect
	forget  bool // do not record
	delay   time.Duration
	hold    map[string]chan struct{} // step to what its answers wait for
	reached chan effect              // of held steps
}

func newSink(t testing.TB) *sink {
	s := &sink{hold: map[string]chan struct{}{}, reached: make(chan effect, 1000)}
	server := httptest.NewServer(s)
	s.url = server.URL
	t.Cleanup(func() {
		s.mu.Lock()
		for step := range s.hold {
			close(s.hold[step])
			delete(s.hold, step)
		}
		s.mu.Unlock()
		server.CloseClientConnections()
		server.Close()
	})
	return s
}

// slow makes every answer take this long.
func (s *sink) slow(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay = d
}

// holdBack keeps the answers of a step until release is called. Who reaches
// it is told on s.reached.
func (s *sink) holdBack(step string) (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	gate := make(chan struct{})
	s.hold[step] = gate
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.hold[step] == gate {
			close(gate)
			delete(s.hold, step)
		}
	}
}

// ServeHTTP implements http.Handler.
func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var sent struct {
		N int `json:"n"`
	}
	if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	e := effect{key: r.Header.Get("Idempotency-Key"), step: strings.TrimPrefix(r.URL.Path, "/"), at: time.Now()}
	e.run, _, _ = strings.Cut(e.key, ".")
	s.mu.Lock()
	if !s.forget {
		s.effects = append(s.effects, e)
	}
	delay, gate := s.delay, s.hold[e.step]
	s.mu.Unlock()
	if gate != nil {
		s.reached <- e
		select {
		case <-gate:
		case <-r.Context().Done():
		}
	}
	<-time.After(delay)
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"n":%d}`, sent.N)
}

// seen returns the effects until now, in the order in which they came.
func (s *sink) seen() []effect {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]effect(nil), s.effects...)
}

// count is the number of effects until now.
func (s *sink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.effects)
}
