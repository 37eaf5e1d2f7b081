// Package apitest starts front doors for tests. Server uses a queue in memory whose runs return their event.
// FakeAPI uses fakes and checks the log. Product has its own Redis, store, queue and worker.
package apitest

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/api"
	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

// The flows of a Server, by number.
const (
	Echo  = 69 // returns its event, or [] without one; declares the parameter debug
	Fails = 70 // fails with the message "no such person"
	Never = 71 // does not end
)

// Server is a front door on loopback. It stops at the end of its test.
type Server struct {
	URL    string
	Key    string
	Secret string

	mu     sync.Mutex
	runs   map[string]queue.Record // guarded by mu
	guards map[string]guarded      // guarded by mu
}

// guarded is the first run of equal submissions.
type guarded struct {
	fingerprint string
	first       *queue.Record
}

// Start starts a Server.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{
		Key: "sdfjh435hh345454", Secret: "dfhfdjsghs",
		runs: map[string]queue.Record{}, guards: map[string]guarded{},
	}
	handler, err := api.New(api.Config{Submit: s.submit, Records: s, Flows: s, Keys: keys{s}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(handler)
	t.Cleanup(web.Close)
	s.URL = web.URL
	return s
}

// Find implements runner.Flows.
func (s *Server) Find(ref string) (*flows.Flow, bool) {
	number, err := strconv.ParseInt(ref, 10, 64)
	if err != nil || number < Echo || number > Never {
		return nil, false
	}
	return &flows.Flow{
		Number: number, Version: "v" + ref, Queue: "default", Limit: time.Minute,
		Webhook: &flows.Webhook{Params: []string{"debug"}},
	}, true
}

// keys finds the only key of the server.
type keys struct{ *Server }

func (k keys) Key(_ context.Context, key string) (*store.Key, error) {
	if key != k.Server.Key {
		return nil, store.ErrNotFound
	}
	return &store.Key{Key: key, Name: "test", Secret: k.Secret, APIAccess: true}, nil
}

// Journal implements runner.Records. No run has one.
func (*Server) Journal(context.Context, *queue.Record) ([]flows.JournalEntry, error) { return nil, nil }

// Record implements runner.Records.
func (s *Server) Record(_ context.Context, id string) (queue.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.runs[id]
	if !ok {
		return queue.Record{}, queue.ErrNotFound
	}
	return r, nil
}

func (s *Server) submit(_ context.Context, sub queue.Submission) (runner.Ticket, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := sub.IdempotencyKey; g != nil {
		switch seen := s.guards[g.Key]; {
		case seen.first == nil:
		case g.Reject:
			return nil, queue.ErrReplayed
		case g.Fingerprint != seen.fingerprint:
			return nil, queue.ErrMismatch
		default:
			return ticket{seen.first, true}, nil
		}
	}
	sub.ID = queue.NewRunID(sub.Queue)
	r := &queue.Record{Spec: sub.Spec, Result: resultOf(&sub), Attempt: 1}
	s.runs[sub.ID] = *r
	if sub.IdempotencyKey != nil {
		s.guards[sub.IdempotencyKey.Key] = guarded{sub.IdempotencyKey.Fingerprint, r}
	}
	return ticket{r, false}, nil
}

func resultOf(sub *queue.Submission) queue.Result {
	times := queue.Times{Accepted: sub.Accepted, Started: sub.Accepted, Finished: sub.Accepted}
	switch sub.Flow {
	case Fails:
		return queue.Result{State: queue.Failed, Times: times, Error: &flows.Error{Code: flows.CodeFail, Step: "fail", Message: "no such person", Status: 404}}
	case Never:
		return queue.Result{State: queue.Running}
	}
	output := append(append([]byte("["), sub.Event...), ']')
	return queue.Result{State: queue.Succeeded, Output: output, Times: times}
}

type ticket struct {
	record   *queue.Record
	attached bool
}

func (t ticket) RunID() string  { return t.record.ID }
func (t ticket) Attached() bool { return t.attached }
func (t ticket) Close()         {}

func (t ticket) Wait(ctx context.Context) (queue.Result, error) {
	if t.record.State.Terminal() {
		return t.record.Result, nil
	}
	<-ctx.Done()
	return queue.Result{}, ctx.Err()
}
