package runner

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/queue"
)

// ticket is a Ticket whose run ends with a result, or never.
type ticket struct {
	result   *queue.Result // nil: the run goes on
	err      error         // of Wait
	attached bool
	closed   int
}

func (t *ticket) RunID() string  { return "run-1" }
func (t *ticket) Attached() bool { return t.attached }
func (t *ticket) Close()         { t.closed++ }

func (t *ticket) Wait(ctx context.Context) (queue.Result, error) {
	switch {
	case t.err != nil:
		return queue.Result{}, t.err
	case t.result != nil:
		return *t.result, nil
	}
	<-ctx.Done()
	return queue.Result{}, ctx.Err()
}

// records is a Records with one run in a state.
type records struct{ state queue.State }

func (r records) Record(_ context.Context, id string) (queue.Record, error) {
	record := queue.Record{Spec: queue.Spec{ID: id, RequestID: "first"}}
	record.State = r.state
	return record, nil
}

func (records) Journal(context.Context, *queue.Record) ([]flows.JournalEntry, error) { return nil, nil }

// await answers a request for a run of flow 7, as the caller prefers.
func await(t *testing.T, r *Runner, prefer Preference) (*queue.Result, *httptest.ResponseRecorder, *gin.Context, error) {
	t.Helper()
	c, w := contextOf(t)
	s := Submission(c, &flows.Flow{Number: 7, Limit: 5 * time.Second}, &auth.Principal{Kind: auth.KindUser, ID: "ann"})
	result, err := r.Await(c, s, prefer)
	c.Writer.WriteHeaderNow()
	return result, w, c, err
}

// A caller waits as long as it prefers, at most for the limit of the run, and then gets the address of the run, or why it has
// no result. Its ticket is always closed.
func TestAwait(t *testing.T) {
	t.Parallel()
	done := &queue.Result{State: queue.Succeeded, Output: json.RawMessage(`[1]`)}
	for name, tc := range map[string]struct {
		ticket ticket
		prefer Preference
		state  queue.State   // of the run when the wait ends
		code   string        // of the fault; empty: none
		handle bool          // 202 with the address
		waits  time.Duration // how long the request takes
	}{
		"a result":                      {ticket: ticket{result: done}},
		"a result for one that waits":   {ticket: ticket{result: done}, prefer: Preference{Given: true, Wait: time.Second, Applied: "wait=1"}},
		"no wait":                       {ticket: ticket{result: done}, prefer: Preference{Given: true, Applied: "respond-async"}, handle: true},
		"a wait that ends":              {prefer: Preference{Given: true, Wait: 2 * time.Second, Applied: "wait=2"}, handle: true, waits: 2 * time.Second},
		"a wait beyond the limit":       {prefer: Preference{Given: true, Wait: time.Hour, Applied: "wait=3600"}, handle: true, waits: 5 * time.Second},
		"a run that hits its limit":     {state: queue.Running, code: string(flows.CodeTimeout), waits: 5*time.Second + AnswerGrace},
		"a run that is parked":          {state: queue.Waiting, code: string(queue.Waiting), waits: 5*time.Second + AnswerGrace},
		"a queue that is away":          {ticket: ticket{err: queue.ErrUnavailable}, code: "unavailable"},
		"an equal request came before":  {ticket: ticket{result: done, attached: true}},
		"an equal request, without end": {ticket: ticket{attached: true}, prefer: Preference{Given: true, Applied: "respond-async"}, handle: true},
	} {
		synctest.Test(t, func(t *testing.T) {
			var sent queue.Submission
			r := New(Config{Records: records{tc.state}, Submit: func(_ context.Context, s queue.Submission) (Ticket, error) {
				sent = s
				return &tc.ticket, nil
			}})
			begun := time.Now()
			result, w, c, err := await(t, r, tc.prefer)
			if took := time.Since(begun); took != tc.waits {
				t.Errorf("%s: took %v, want %v", name, took, tc.waits)
			}
			if tc.ticket.closed != 1 || w.Header().Get(httpx.HeaderRun) != "run-1" || sent.Principal != "user:ann" || sent.Sync == tc.prefer.Given {
				t.Errorf("%s: closed %d times, headers %v, submitted %+v", name, tc.ticket.closed, w.Header(), sent)
			}
			if got := w.Header().Get("Idempotent-Replayed") == "true"; got != tc.ticket.attached {
				t.Errorf("%s: replayed %t", name, got)
			}
			if first := httpx.StateOf(c).FirstID; (first != nil) != tc.ticket.attached || first != nil && first() != "first" {
				t.Errorf("%s: the id of the first request is not known", name)
			}
			if got := w.Header().Get("Preference-Applied"); tc.code == "" && got != tc.prefer.Applied {
				t.Errorf("%s: applied %q", name, got)
			}
			switch {
			case tc.code != "":
				if f := httpx.FaultOf(err); err == nil || f.Code != tc.code {
					t.Errorf("%s: %v, want %s", name, err, tc.code)
				}
			case err != nil:
				t.Errorf("%s: %v", name, err)
			case tc.handle:
				if result != nil || w.Code != 202 || w.Header().Get("Location") != "/v1/runs/run-1" || !strings.Contains(w.Body.String(), `"run_id":"run-1"`) {
					t.Errorf("%s: %d %v %s", name, w.Code, w.Header(), w.Body)
				}
			case result == nil || string(result.Output) != "[1]":
				t.Errorf("%s: %+v", name, result)
			}
		})
	}
}

// A run that was accepted before and is no longer stored is enough for a caller that wants the acceptance only.
func TestAwaitARunThatIsGone(t *testing.T) {
	t.Parallel()
	r := New(Config{Records: records{}, Submit: func(context.Context, queue.Submission) (Ticket, error) { return nil, &queue.RanError{Run: "run-0"} }})
	if _, w, _, err := await(t, r, Preference{Given: true}); err != nil || w.Code != 202 || w.Header().Get(httpx.HeaderRun) != "run-0" || w.Header().Get("Idempotent-Replayed") != "true" {
		t.Errorf("acceptance only: %d %v, %v", w.Code, w.Header(), err)
	}
	var ran *queue.RanError
	if _, _, _, err := await(t, r, Preference{Given: true, Wait: time.Second}); !errors.As(err, &ran) {
		t.Errorf("a caller that waits: %v", err)
	}
	paused := New(Config{Paused: func(int64) bool { return true }, Submit: func(context.Context, queue.Submission) (Ticket, error) { t.Error("submitted"); return nil, nil }})
	if _, _, _, err := await(t, paused, Preference{}); httpx.FaultOf(err).Code != "flow_paused" {
		t.Errorf("a paused flow: %v", err)
	}
}

// What is computed from an event is charged to the memory of the process, and given back.
func TestWithValue(t *testing.T) {
	t.Parallel()
	memory := budget.New(1<<20, slog.New(slog.DiscardHandler))
	r := New(Config{Memory: memory})
	for text, want := range map[string]any{"": nil, `{"a":"b"}`: "b", `"x"`: nil} {
		err := r.WithValue(t.Context(), []byte(text), func(_ context.Context, value any) error {
			object, _ := value.(map[string]any)
			if object["a"] != want {
				t.Errorf("%s: %v", text, value)
			}
			return nil
		})
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	called := false
	use := func(context.Context, any) error { called = true; return nil }
	if err := r.WithValue(t.Context(), []byte(`{"a":`), use); err == nil || called {
		t.Errorf("half of a value: %v", err)
	}
	large := []byte("[" + strings.Repeat(`{"a":1},`, 100_000) + "1]")
	if err := r.WithValue(t.Context(), large, use); err == nil || called {
		t.Errorf("a value beyond the memory: %v", err)
	}
	failed := errors.New("no")
	if err := r.WithValue(t.Context(), []byte("1"), func(context.Context, any) error { return failed }); !errors.Is(err, failed) {
		t.Errorf("%v", err)
	}
	if err := r.WithValue(t.Context(), large[:1<<10], use); err == nil {
		t.Error("a cut value")
	}
	if left := memory.Stats().Charged; left != 0 {
		t.Errorf("%d bytes of values were not given back", left)
	}
}

// A run may take longer than a request waits: its caller gets the address of the run, unless the caller's API or the flow says otherwise.
func TestALongRun(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		flow      flows.Flow
		kind      auth.Kind
		prefer    Preference
		leaves    bool // the caller disconnects after a second
		attached  bool
		limit     time.Duration // of the run
		handle    bool
		cancelled bool
	}{
		"goes on":                          {kind: auth.KindUser, limit: 5 * time.Minute, handle: true},
		"of an API client":                 {kind: auth.KindClient, limit: 5 * time.Minute},
		"of an API client that prefers":    {kind: auth.KindClient, prefer: Preference{Given: true, Wait: time.Hour}, limit: 5 * time.Minute, handle: true},
		"whose caller left":                {kind: auth.KindUser, leaves: true, limit: 5 * time.Minute},
		"that ends with its caller":        {flow: flows.Flow{CancelWithCaller: true}, kind: auth.KindUser, limit: time.Minute, cancelled: true},
		"that ends with its gone caller":   {flow: flows.Flow{CancelWithCaller: true}, kind: auth.KindUser, leaves: true, limit: time.Minute, cancelled: true},
		"of the caller of another request": {flow: flows.Flow{CancelWithCaller: true}, kind: auth.KindUser, leaves: true, attached: true, limit: time.Minute},
		"that no caller waits for":         {flow: flows.Flow{CancelWithCaller: true}, kind: auth.KindUser, prefer: Preference{Given: true, Wait: time.Second}, limit: 5 * time.Minute, handle: true},
	} {
		synctest.Test(t, func(t *testing.T) {
			var sent queue.Submission
			cancelled := ""
			r := New(Config{
				Records: records{queue.Running},
				Submit: func(_ context.Context, s queue.Submission) (Ticket, error) {
					sent = s
					return &ticket{attached: tc.attached}, nil
				},
				Cancel: func(_ context.Context, id string, _ []byte) (queue.State, error) {
					cancelled = id
					return queue.Running, nil
				},
			})
			c, w := contextOf(t)
			if tc.leaves {
				ctx, leave := context.WithCancel(t.Context())
				time.AfterFunc(time.Second, leave)
				c.Request = c.Request.WithContext(ctx)
			}
			tc.flow.Number, tc.flow.Limit = 7, 5*time.Minute
			p := &auth.Principal{Kind: tc.kind, ID: "ann"}
			httpx.StateOf(c).Principal = p
			begun := time.Now()
			_, err := r.Await(c, Submission(c, &tc.flow, p), tc.prefer)
			if took := time.Since(begun); took > 62*time.Second {
				t.Errorf("%s: the caller waited for %v", name, took)
			}
			if sent.Limit != tc.limit || (cancelled == "run-1") != tc.cancelled {
				t.Errorf("%s: limit %v, cancelled %q", name, sent.Limit, cancelled)
			}
			c.Writer.WriteHeaderNow()
			if tc.handle != (err == nil && w.Code == 202 && w.Header().Get("Location") == "/v1/runs/run-1") {
				t.Errorf("%s: %d %v %v", name, w.Code, w.Header(), err)
			}
			if !tc.handle && !tc.leaves && httpx.FaultOf(err).Status != 504 {
				t.Errorf("%s: %v, want 504", name, err)
			}
		})
	}
}
