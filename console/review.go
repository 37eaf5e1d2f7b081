package console

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/store"
)

// reviewFlow shows what deploying the text in the editor would change, and what speaks against it. It deploys nothing.
func reviewFlow(req *requestState) error {
	e, err := req.submittedEdit()
	if err != nil {
		return err
	}
	r := view.Review{Number: e.flow, Source: string(e.source), Base: e.base, Message: e.message}
	flow, err := req.parse(&e)
	if err == nil {
		err = req.checkWriter(flow)
	}
	if err == nil {
		err = req.review(&e, flow, &r)
	}
	if err != nil {
		why := faultOf(err)
		if why.Status >= http.StatusInternalServerError {
			return err
		}
		if !errors.As(err, &r.Problems) {
			r.Trouble = why.Text
		}
	}
	if req.fragment() {
		return req.render(http.StatusOK, view.ReviewDialog(req.page("flows", ""), r))
	}
	return req.render(http.StatusOK, view.ReviewPage(req.page("flows", language.T(req.ctx(), "Review")), r))
}

// review compares a flow with the current version, runs its tests and looks for what the server lacks.
func (req *requestState) review(e *edit, flow *flows.Flow, r *view.Review) error {
	all := req.console.config.Store.Flows()
	for _, t := range flows.RunTests(req.ctx(), flow) {
		r.Tests = append(r.Tests, view.ReviewTest{Name: t.Name, Line: t.Line, Failure: t.Failure})
	}
	for _, p := range slices.Concat(flow.Warnings(), all.Missing(req.ctx(), "flow.yaml", flow)) {
		if strings.HasPrefix(p.Code, "missing_") {
			r.Missing = append(r.Missing, p)
		} else {
			r.Warnings = append(r.Warnings, p)
		}
	}
	head, err := all.Deployment(strconv.FormatInt(flow.Number, 10))
	if errors.Is(err, store.ErrNotFound) {
		r.New, r.Lines = true, len(lines(e.source))
		return nil
	}
	if err != nil {
		return err
	}
	r.Number, r.Rehearse = head.Number, req.mayRehearse()
	source := e.source
	if e.base != "" && e.base != head.Version && flow.Version != head.Version {
		r.Since = versionsSince(&head, e.base)
		merged, err := req.merge(e, &store.StaleError{Base: e.base, Current: head.Version})
		if err != nil {
			return err
		}
		source, r.Conflicts = []byte(text(merged.Text)), merged.Conflicts
	}
	r.Changes, err = req.changesTo(&head, source)
	return err
}

// changesTo compares the current version of a flow with a text.
func (req *requestState) changesTo(head *store.Deployment, source []byte) ([]view.DiffLine, error) {
	current, err := req.console.config.Store.Flows().Source(req.ctx(), head.Number, head.Version)
	if err != nil {
		return nil, err
	}
	return view.DiffTexts(string(current), string(source)), nil
}

// diffFlow shows how a text differs from the current version of its flow; of a new flow, from nothing.
func diffFlow(req *requestState) error {
	e, err := req.submittedEdit()
	if err != nil {
		return err
	}
	head, err := req.console.config.Store.Flows().Deployment(strconv.FormatInt(e.flow, 10))
	if errors.Is(err, store.ErrNotFound) {
		return req.render(http.StatusOK, view.Diff(view.DiffTexts("", string(e.source))))
	}
	if err != nil {
		return err
	}
	changes, err := req.changesTo(&head, e.source)
	if err != nil {
		return err
	}
	return req.render(http.StatusOK, view.Diff(changes))
}
