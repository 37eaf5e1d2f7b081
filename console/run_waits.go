package console

import (
	"context"
	"time"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/queue/attempts"
)

// waits returns what a run waits for that no worker executes.
func (req *requestState) waits(r *queue.Record, earlier *attempts.History) []view.RunWait {
	switch {
	case r.State != queue.Queued && r.State != queue.Waiting:
		return nil
	case r.Collects != nil && r.Collects.Events > 0:
		return []view.RunWait{{Text: language.T(req.ctx(), "further events of its batch"), Until: r.Collects.Until}}
	case r.Collects != nil:
		return []view.RunWait{{Text: language.T(req.ctx(), "a later event that takes the place of its own"), Until: r.Collects.Until}}
	}
	standing, err := req.console.config.Queue.Standing(req.ctx(), r)
	if err == nil && standing.For != "" {
		return []view.RunWait{req.standingText(r, standing)}
	}
	if n := len(earlier.List); r.State == queue.Waiting && n > 0 && earlier.List[n-1].Number == r.Attempt {
		return []view.RunWait{waitText(req.ctx(), &earlier.List[n-1].Wait)}
	}
	if r.Retry != nil && len(r.Retry.Tries) > 0 && r.State == queue.Waiting {
		last := &r.Retry.Tries[len(r.Retry.Tries)-1]
		return []view.RunWait{waitText(req.ctx(), &attempts.Wait{For: attempts.Retry, Step: last.Error.Step, Until: last.Next})}
	}
	return nil
}

// standingText says what a run waits for that could be executed.
func (req *requestState) standingText(r *queue.Record, s queue.Standing) view.RunWait {
	w := view.RunWait{}
	switch s.For {
	case queue.StandsForQueue:
		w.Text = language.T(req.ctx(), "queue %s, which is paused", r.Queue)
	case queue.StandsForSlot:
		w.Text = language.T(req.ctx(), "a free slot of a worker of queue %s", r.Queue)
	case queue.StandsForTurn:
		w.Text = language.T(req.ctx(), "the turn of its flow%s", ahead(req.ctx(), s.Ahead))
	case queue.StandsForPlace:
		w.Text = language.T(req.ctx(), "a place at the concurrency limit of its flow%s", ahead(req.ctx(), s.Ahead))
	case queue.StandsForPause:
		w.Text, w.Flow = language.T(req.ctx(), "the end of the pause of its flow%s", ahead(req.ctx(), s.Ahead)), r.Flow
		return w
	}
	w.Lines = req.may(auth.ScopeReadQueues)
	return w
}

func ahead(ctx context.Context, n int64) string {
	switch {
	case n < 0:
		return ""
	case n == 0:
		return language.T(ctx, ", as the next")
	}
	return language.N(ctx, int(n), ", behind %d run", ", behind %d runs")
}

// waitText says what a parked run waits for.
func waitText(ctx context.Context, w *attempts.Wait) view.RunWait {
	out := view.RunWait{Step: w.Step, Until: w.Until}
	switch {
	case w.For == attempts.Retry:
		out.Text = language.T(ctx, "its next try, after the failure of")
	case w.Topic != "":
		out.Text = language.T(ctx, "an event of the topic %s, at", w.Topic)
	case w.For == "wait_for":
		out.Text = language.T(ctx, "a call of the URL of")
	case w.For == "lock":
		out.Text = language.T(ctx, "a lock that another run has, and asks for it again, at")
	case w.For == "delay":
		out.Text = language.T(ctx, "the end of the delay")
	default:
		out.Text = language.T(ctx, "%s, at", w.For)
	}
	return out
}

// attemptsOf lists the attempts of a run: those that have parked it, the latest one, and between them those that left no record. A run
// with one attempt that has not parked it has no list: the rest of its page tells all of that.
func attemptsOf(ctx context.Context, r *queue.Record, earlier *attempts.History, now time.Time) (all []view.RunAttempt) {
	next := 1 // number of the attempt that has to come now
	if earlier.Folded != nil || r.ResumedFrom != "" {
		next = 0 // not known
	}
	gap := func(number int) {
		if next > 0 && number > next {
			all = append(all, view.RunAttempt{Number: next, To: number - 1, State: language.T(ctx, "left no record")})
		}
		next = number + 1
	}
	for i := range earlier.List {
		a := &earlier.List[i]
		gap(a.Number)
		wait := waitText(ctx, &a.Wait)
		all = append(all, view.RunAttempt{Number: a.Number, Worker: a.Worker, Began: a.Started, Took: a.Ended.Sub(a.Started), Wait: &wait})
	}
	if r.Attempt < max(next, 1) || r.Attempt == 1 || r.Times.Started.IsZero() || r.State == queue.Queued || r.State == queue.Waiting {
		return all
	}
	gap(r.Attempt)
	last := view.RunAttempt{Number: r.Attempt, Worker: r.Worker, Began: r.Times.Started, Took: now.Sub(r.Times.Started), State: string(r.State)}
	if !r.Times.Finished.IsZero() {
		last.Took = r.Times.Finished.Sub(r.Times.Started)
	}
	return append(all, last)
}
