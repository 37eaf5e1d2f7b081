package console

import (
	"strconv"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/view"
)

// pauseFlow pauses or resumes a flow. The user needs the scope for writing flows or the scope for operating queues.
func pauseFlow(req *requestState) error {
	if !req.may(auth.ScopeWriteFlows) && !req.may(auth.ScopeWriteQueues) {
		return errForbidden
	}
	head, err := req.head()
	if err != nil {
		return err
	}
	number, pause := strconv.FormatInt(head.Number, 10), req.r.PostFormValue("paused") == "true"
	since, err := req.console.config.Store.Flows().Pause(req.ctx(), head.Number, pause)
	if err != nil {
		return err
	}
	released := 0
	if !pause { // also when the flow was resumed before: a failure may have left waiting runs
		if released, err = req.console.config.Queue.ResumeFlow(req.ctx(), head.Number, since); err != nil {
			return err
		}
	}
	req.audit("POST "+Root+"/flows/{flow}/paused", number)
	req.setNotice(view.PauseNotice(pause, released))
	if req.r.PostFormValue("from") == "list" {
		return req.redirect(Root + "/flows")
	}
	return req.redirect(Root + "/flows/" + number)
}
