package alert_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/worker/alert"
)

const flowHandled = `run: {limit: 10s, concurrency: {limit: 1}}
on_failure:
  steps: [{set: {n: '${ .n }', why: '${ $error.message }', run: '${ $error.run }'}}]
  limit: 5s
steps: [{fail: {message: 'no ${ .n }', code: none}}]`

// failureRun returns the run that handles the failure of a run, when it has ended.
func failureRun(p *apitest.Product, failed string) (id string, run queue.Record) {
	p.T.Helper()
	testenv.Eventually(p.T, func() string {
		r, err := p.Queue.Record(p.T.Context(), failed)
		apitest.Fatal(p.T, err)
		if id = r.FailureRun; id == "" {
			return "no run handles the failure of " + failed
		}
		if run, err = p.Queue.Record(p.T.Context(), id); err != nil || !run.State.Terminal() {
			return fmt.Sprint("run ", id, " is ", run.State, " ", err)
		}
		return ""
	})
	return id, run
}

func fail(p *apitest.Product, flow int) string {
	p.T.Helper()
	return p.Want(p.Do("POST", fmt.Sprintf("/v1/flows/%d/runs", flow), "ann", `{"n": 7}`), 422)["run_id"].(string)
}

// A failed run and the run that handles its failure name each other; the latter has the event and the principal of the
// former, and its own limit.
func TestOnFailureIsARunOfItsOwn(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, flowHandled)
	failed := fail(p, 1)
	id, run := failureRun(p, failed)
	if run.State != queue.Succeeded || string(run.Output) != `[{"n":7,"run":"`+failed+`","why":"no 7"}]` || run.FailureOf != failed {
		t.Errorf("%s %s of %s: %v", run.State, run.Output, run.FailureOf, run.Error)
	}
	if run.Limit.Seconds() != 5 || run.Principal != "user:ann" || run.Depth != 1 {
		t.Errorf("limit %v, principal %s, depth %d", run.Limit, run.Principal, run.Depth)
	}
	got := p.Want(p.Do("GET", "/v1/runs/"+id, "ann", ""), 200)
	if got["failure_of"] != failed || p.Want(p.Do("GET", "/v1/runs/"+failed, "ann", ""), 200)["failure_run"] != id {
		t.Errorf("links: %v", got)
	}
	again := p.Want(p.Do("POST", "/v1/runs/"+id+"/replay", "ann", ""), 200)
	if again["output"].([]any)[0].(map[string]any)["run"] != failed {
		t.Errorf("a replay of it: %v", again)
	}
}

// The failure of a run that handles a failure is handled by none.
func TestOnFailureOfOnFailure(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, "on_failure: [{fail: {message: handler}}]\nsteps: [{fail: {message: first}}]")
	id, run := failureRun(p, fail(p, 1))
	if run.State != queue.Failed {
		t.Fatalf("the run is %s", run.State)
	}
	testenv.Eventually(t, func() string { // until the second failure is handled
		all := p.Want(p.Do("GET", "/v1/failures", "ann", ""), 200)["items"].([]any)
		if len(all) < 2 {
			return fmt.Sprint("failures: ", all)
		}
		return ""
	})
	if r, err := p.Queue.Record(t.Context(), id); err != nil || r.FailureRun != "" {
		t.Errorf("handled by %q, %v", r.FailureRun, err)
	}
}

// A worker that is lost anywhere between the end of a run and the link of the two runs leads to one run, as often as the
// failure is handled again.
func TestOnFailureRunsOnceAfterACrash(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, flowHandled)
	crash := &crashing{Client: p.Queue}
	h, err := alert.New(alert.Config{Redis: p.Redis, Log: slog.New(slog.DiscardHandler), ID: "other", Runs: crash, Flows: p.Store.Flows(), Failures: p.Failures})
	apitest.Fatal(t, err)
	failed := fail(p, 1)
	for range 3 {
		if err := h.Handle(t.Context(), []string{failed}); err != nil && !errors.Is(err, errLost) {
			t.Fatal(err)
		}
	}
	id, _ := failureRun(p, failed)
	var runs []string
	_, _, err = p.Queue.List(t.Context(), queue.List{}, func(r *queue.Record) {
		if r.FailureOf != "" {
			runs = append(runs, r.ID)
		}
	})
	if err != nil || strings.Join(runs, " ") != id {
		t.Errorf("runs %v handle it, and %s is named; %v", runs, id, err)
	}
	if crash.lost == 0 {
		t.Error("nothing was lost")
	}
}

var errLost = errors.New("the worker is lost")

// crashing is lost the first time that it links runs.
type crashing struct {
	*queue.Client
	lost int
}

func (c *crashing) SetFailureRun(ctx context.Context, failed *queue.Record, run string) error {
	if c.lost++; c.lost == 1 {
		return errLost
	}
	return c.Client.SetFailureRun(ctx, failed, run)
}

// What is stored of a failure is what its run had.
func TestFailureSubmission(t *testing.T) {
	t.Parallel()
	var s queue.Spec
	s.FailureOf, s.Failure = "r", json.RawMessage(`{"code":"c","message":"m","step":"a.b","status":402,"item":3}`)
	f, err := s.HandledFailure()
	if err != nil || f.Run != "r" || f.Error.Step != "a.b" || f.Error.Status != 402 || *f.Error.Item != 3 {
		t.Errorf("%+v, %v", f, err)
	}
	s.Failure = json.RawMessage(`[`)
	if _, err := s.HandledFailure(); err == nil {
		t.Error("what is no failure is taken for one")
	}
}
