package console

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
)

// runPage shows one run.
func runPage(x *exchange) error {
	record, err := x.console.config.Queue.Record(x.ctx(), x.r.PathValue("run"))
	if err != nil {
		return err
	}
	a := accountOf(&record)
	run := x.runOf(&record, &a)
	if x.fragment() {
		return x.show(200, view.RunBody(x.page("runs", ""), run))
	}
	return x.show(200, view.RunPage(x.page("runs", "Run of "+run.FlowName), run))
}

// runOf is a run as its page shows it.
func (x *exchange) runOf(r *queue.Record, a *account) view.Run {
	now := x.console.config.Now()
	run := view.Run{
		RunRow: x.runRow(r, now, x.flowNames()), Version: r.Version, Worker: r.Worker, Crashes: r.Crashes, Limit: r.Limit,
		Started: r.Times.Started, Finished: r.Times.Finished, Event: r.Event, Params: r.Params, Headers: r.Headers,
		Ended: r.State.Terminal(), Rows: a.rows(now, x.gathers), Lines: a.lines(), Dropped: a.Dropped, Phases: phases(r, now),
	}
	from, to := a.span(now)
	run.Span = to.Sub(from)
	if r.State == queue.Succeeded {
		run.Output = r.Output
		if len(run.Output) == 0 {
			run.Output = json.RawMessage("[]")
		}
	}
	if r.Error != nil {
		run.Failure = &view.Failure{Code: string(r.Error.Code), Message: r.Error.Message, Step: r.Error.Step, Status: r.Error.Status, Item: -1}
		if r.Error.Item != nil {
			run.Failure.Item = *r.Error.Item
		}
	}
	if r.Early != nil {
		run.Early = r.Early.Status
	}
	run.WithItems()
	head, err := x.console.config.Store.Flows().Head(strconv.FormatInt(r.Flow, 10))
	run.Deployed = err == nil
	run.Current = run.Deployed && head.Version == r.Version
	return run
}

func (x *exchange) gathers(kind string) bool {
	k, _ := x.console.config.Catalogue.Kind(kind)
	return k.Aggregates
}

// phases part the time of a run: on its way to Redis, waiting for a worker,
// in its steps, and on its way to who waited.
func phases(r *queue.Record, now time.Time) []view.Phase {
	t := r.Times
	var all []view.Phase
	// The door's clock and that of Redis differ; a negative or long way says no more than that.
	if way := t.Accepted.Sub(r.Spec.Accepted); !t.Accepted.IsZero() && way > 0 && way < 5*time.Second {
		all = append(all, view.Phase{Name: "door", Took: way})
	}
	began := cmp.Or(t.Started, t.Finished, now)
	all = append(all, view.Phase{Name: "queue", Took: max(0, began.Sub(accepted(r)))})
	if !t.Started.IsZero() {
		all = append(all, view.Phase{Name: "steps", Took: max(0, cmp.Or(t.Finished, now).Sub(t.Started))})
	}
	// Of answers that were written in time; the others say that two clocks, or a caller's line, had trouble.
	if way := t.Delivered.Sub(t.Finished); !t.Delivered.IsZero() && way > 0 && way < 5*time.Second {
		all = append(all, view.Phase{Name: "reply", Took: way})
	}
	return all
}

// runData answers with the event or the output of a run as it is stored.
func runData(x *exchange) error {
	record, err := x.console.config.Queue.Record(x.ctx(), x.r.PathValue("run"))
	if err != nil {
		return err
	}
	var text json.RawMessage
	switch x.r.PathValue("part") {
	case "event.json":
		text = record.Event
	case "output.json":
		text = record.Output
	}
	if len(text) == 0 {
		return errNothing
	}
	x.w.Header().Set("Content-Type", "application/json")
	x.send(http.StatusOK, text)
	return nil
}

// cancelRun ends a run that has not ended.
func cancelRun(x *exchange) error {
	why, err := json.Marshal(flows.Error{Code: flows.CodeCancelled, Message: "the run was cancelled by " + x.user.Name})
	if err != nil {
		return fmt.Errorf("cancel run: %w", err)
	}
	id := x.r.PathValue("run")
	had, err := x.console.config.Queue.Cancel(x.ctx(), id, why)
	if err != nil {
		return err
	}
	if had.Terminal() {
		x.leaveNotice("The run had ended before.")
	} else {
		x.leaveNotice("The run was cancelled.")
	}
	return x.redirect(Root + "/runs/" + id)
}

// replayRun runs the event of a run again, on the version that the run had or
// on the current one.
func replayRun(x *exchange) error {
	config := x.console.config
	record, err := config.Queue.Record(x.ctx(), x.r.PathValue("run"))
	if err != nil {
		return err
	}
	flow, found := config.Store.Flows().Find(strconv.FormatInt(record.Flow, 10))
	if x.r.PostFormValue("version") == "pinned" {
		flow, err = config.Store.Flows().Version(x.ctx(), record.Flow, record.Version)
		if err != nil {
			return err
		}
	} else if !found {
		return errNothing
	}
	s := x.submission(flow)
	s.Event, s.Params, s.Headers, s.ReplayOf = record.Event, record.Params, record.Headers, record.ID
	if err := x.setFairKey(flow, &s); err != nil {
		return err
	}
	return x.start(s)
}

// submission is a run of a flow for the user.
func (x *exchange) submission(flow *flows.Flow) queue.Submission {
	s := queue.SubmissionOf(flow)
	s.Principal, s.Accepted = x.who.String(), x.console.config.Now()
	return s
}

// setFairKey renders the flow's run.fair_by for the event of a submission.
func (x *exchange) setFairKey(flow *flows.Flow, s *queue.Submission) (err error) {
	if flow.FairBy == nil {
		return nil
	}
	run := flows.Run{Principal: s.Principal, Params: s.Params, Headers: s.Headers}
	if len(s.Event) > 0 {
		if run.Event, err = flows.DecodeJSON(s.Event); err != nil {
			return fmt.Errorf("decode event: %w", err)
		}
	}
	if s.FairKey, err = flow.FairKey(x.ctx(), run); err != nil {
		return &fault{http.StatusBadRequest, "The flow's run.fair_by cannot be computed", err.Error()}
	}
	return nil
}

// start submits a run and shows it.
func (x *exchange) start(s queue.Submission) error {
	ticket, err := x.console.config.Queue.Submit(x.ctx(), s)
	if err != nil {
		return err
	}
	ticket.Close()
	return x.redirect(Root + "/runs/" + ticket.RunID())
}
