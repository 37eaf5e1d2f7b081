package console

import (
	"net/http"
	"strconv"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue/rehearsal"
)

// mayRehearse reports whether the editor offers a rehearsal to a user who may write flows.
func (req *requestState) mayRehearse() bool {
	return req.console.config.Rehearser != nil && req.may(auth.ScopeReadRuns)
}

// rehearseFlow shows what the flow in the editor would do otherwise in the latest recorded runs. It shows what was sent to the
// flow, so that the user needs the scope for reading runs, too.
func rehearseFlow(req *requestState) error {
	config := &req.console.config
	switch {
	case config.Rehearser == nil:
		return errNotFound
	case !req.may(auth.ScopeReadRuns):
		return errForbidden
	}
	head, err := req.head()
	if err != nil {
		return err
	}
	version, err := flows.Parse("flow.yaml", req.submittedSource(), config.Catalogue)
	if err != nil {
		return err
	}
	if version.Number != head.Number {
		return &fault{http.StatusConflict, language.Key("Another flow"), language.T(req.ctx(), "The text is that of flow %s.", strconv.FormatInt(version.Number, 10))}
	}
	current, err := config.Store.Flows().Version(req.ctx(), head.Number, head.Version)
	if err != nil {
		return err
	}
	report, err := config.Rehearser.Rehearse(req.ctx(), rehearsal.Options{Current: current, Version: version})
	if err != nil {
		return err
	}
	if req.fragment() {
		return req.render(http.StatusOK, view.RehearsalReport(report))
	}
	return req.render(http.StatusOK, view.RehearsalPage(req.page("flows", language.T(req.ctx(), "Rehearsal")), req.flowRow(head), report))
}
