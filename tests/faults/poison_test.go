//go:build faults

package faults

import (
	"context"
	"net/http"
	"testing"

	"github.com/penstock/penstock/internal/testenv"
)

// A run that takes its worker down three times ends as crashed, and the
// fourth worker lives.
func TestPoisonEndsAtTheThirdCrash(t *testing.T) {
	t.Parallel()
	server := testenv.Redis(t, "--appendonly", "yes", "--appendfsync", "always")
	s := newSink(t)
	f := newFleet(t, server.URL(), 1, 1)
	c := newCaller(t, f, s)
	s.holdBack("one") // its answer never comes: the worker dies first
	answered := make(chan *call)
	go func() { answered <- c.do(context.Background(), &call{flow: "one", n: 1}) }()
	for range 3 {
		<-s.reached
		f.worker(0).Kill()
		f.replaceWorker(0)
	}
	if last := (<-answered).last(); last.code != "crashed" || last.status != http.StatusUnprocessableEntity || last.run == "" {
		t.Errorf("the caller got status %d, code %q, run %q, %v; want 422 crashed", last.status, last.code, last.run, last.err)
	}
	if n := s.count(); n != 3 {
		t.Errorf("the poison was tried %d times, want 3", n)
	}
	c.do(context.Background(), &call{flow: "pure", n: 2}).want(t, 2)
	checkAll(t, server.Client(), c.history, s)
}
