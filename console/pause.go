package console

import (
	"strconv"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/view"
)

// pauseFlow lets no run of a flow begin, or lets them begin again. It is for
// who writes flows and for who operates queues.
func pauseFlow(x *exchange) error {
	if !x.may(auth.ScopeWriteFlows) && !x.may(auth.ScopeWriteQueues) {
		return errForbidden
	}
	head, err := x.head()
	if err != nil {
		return err
	}
	number, pause := strconv.FormatInt(head.Number, 10), x.r.PostFormValue("paused") == "true"
	since, err := x.console.config.Store.Flows().Pause(x.ctx(), head.Number, pause)
	if err != nil {
		return err
	}
	released := 0
	if !pause { // also when it was resumed before: a fault may have left some
		if released, err = x.console.config.Queue.ResumeFlow(x.ctx(), head.Number, since); err != nil {
			return err
		}
	}
	x.audit("POST "+Root+"/flows/{flow}/paused", number)
	x.leaveNotice(view.PauseNotice(pause, released))
	if x.r.PostFormValue("from") == "list" {
		return x.redirect(Root + "/flows")
	}
	return x.redirect(Root + "/flows/" + number)
}
