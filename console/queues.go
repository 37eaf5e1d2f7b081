package console

import (
	"errors"
	"strings"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/tasks"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/queue"
)

// queuesPage serves asynqmon within the layout of the console. Its policy is that of all pages. Its static files may be cached.
func queuesPage(req *requestState) error {
	acts := req.may(auth.ScopeWriteQueues)
	if !acts && tasks.AsksRedis(req.r) {
		return errForbidden
	}
	answer := req.console.tasks.Serve(req.r, acts)
	if answer.Page {
		p := req.page("queues", language.T(req.ctx(), "Tasks"))
		p.Layered = true
		return req.render(answer.Status, view.TasksPage(p, view.Tasks{Root: Root + "/queues", Scripts: req.console.tasks.Scripts(), ReadOnly: !acts}))
	}
	h := req.w.Header()
	h.Set("Content-Type", answer.Kind)
	if answer.Static {
		h.Set("Cache-Control", "private, max-age=31536000, immutable")
		h.Set("Vary", "Accept-Encoding")
	}
	if answer.Packed != nil && strings.Contains(req.r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		req.status = answer.Status
		req.w.WriteHeader(answer.Status)
		_, _ = req.w.Write(answer.Packed) // an error means that the browser has disconnected
		return nil
	}
	req.send(answer.Status, answer.Body)
	return nil
}

// taskOfRun leads to the task of a run in asynqmon, or back to the run with the reason why there is none.
func taskOfRun(req *requestState) error {
	if !req.may(auth.ScopeReadRuns) {
		return errForbidden
	}
	record, err := req.record()
	if err != nil {
		return err
	}
	name, id, err := req.console.config.Queue.Task(req.ctx(), &record)
	switch {
	case err == nil:
		return req.redirect(Root + "/queues/queues/" + name + "/tasks/" + id)
	case !errors.Is(err, queue.ErrNotFound):
		return err
	case record.State.Terminal():
		req.setNotice(language.T(req.ctx(), "The run has ended: asynq keeps no task of it."))
	default:
		req.setNotice(language.T(req.ctx(), "The run waits, and asynq has no task of it until it goes on."))
	}
	return req.redirect(Root + "/runs/" + record.ID)
}
