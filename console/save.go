package console

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/internal/linediff"
	"github.com/penstock/penstock/store"
)

// submittedSource returns the source in the form, with LF instead of the CR LF that forms send: the version of a flow
// is the hash of its bytes.
func (req *requestState) submittedSource() []byte {
	return []byte(strings.ReplaceAll(req.r.PostFormValue("source"), "\r\n", "\n"))
}

// edit is a form of the editor.
type edit struct {
	source  []byte
	flow    int64  // that was opened; zero: a new one
	base    string // the version that was opened, or store.NoVersion; empty: the form does not say
	message string // about the version
}

// submittedEdit returns the form of the editor; errNotFound for a flow that the user may not see.
func (req *requestState) submittedEdit() (edit, error) {
	e := edit{source: req.submittedSource(), base: req.r.PostFormValue("base"), message: strings.TrimSpace(req.r.PostFormValue("message"))}
	if !req.r.PostForm.Has("message") {
		e.message = strings.TrimSpace(req.r.PostFormValue("said")) // in an earlier review
	}
	if e.flow = req.flowOfForm("flow"); e.flow != 0 && !req.sees(e.flow) {
		return e, errNotFound
	}
	return e, nil
}

// parse returns the flow of an edit. The error is of the text, or says why it cannot replace the flow that was opened.
func (req *requestState) parse(e *edit) (*flows.Flow, error) {
	if line := conflictLine(e.source); line > 0 {
		return nil, &fault{http.StatusUnprocessableEntity, language.Key("A conflict is left"), language.T(req.ctx(), "Line %d begins a conflict: keep one of its sides, and delete the lines with <<<<<<<, ======= and >>>>>>>.", line)}
	}
	flow, err := flows.Parse("flow.yaml", e.source, req.console.config.Catalogue)
	if err != nil {
		return nil, err
	}
	if err := req.checkNumber(flow.Number, e.flow); err != nil {
		return nil, err
	}
	return flow, req.checkSlug(flow)
}

// checkSlug rejects a source whose slug belongs to another flow.
func (req *requestState) checkSlug(flow *flows.Flow) error {
	if flow.Slug == "" {
		return nil
	}
	owner, err := req.console.config.Store.Flows().Deployment(flow.Slug)
	switch {
	case errors.Is(err, store.ErrNotFound) || err == nil && owner.Number == flow.Number:
		return nil
	case err != nil:
		return err
	}
	return &store.ConflictError{Slug: flow.Slug, Owner: owner.Number}
}

// freeNumber returns a number behind those of all flows.
func (req *requestState) freeNumber() int64 {
	number := int64(1)
	for _, head := range req.console.config.Store.Flows().List() {
		number = max(number, head.Number+1)
	}
	return number
}

// conflictLine returns the number of the first line that marks a conflict of a merge; zero: there is none. What a parser
// says of such lines does not help, and it may take them.
func conflictLine(source []byte) int {
	number := 0
	for line := range strings.Lines(string(source)) {
		number++
		if strings.HasPrefix(line, linediff.MarkMine) || strings.HasPrefix(line, linediff.MarkTheirs) {
			return number
		}
	}
	return 0
}

// checkNumber rejects a source that would replace a flow other than the one opened in the editor.
func (req *requestState) checkNumber(number, was int64) error {
	_, err := req.console.config.Store.Flows().Deployment(strconv.FormatInt(number, 10))
	if err == nil && number != was { // also one that the user may not see
		return &fault{http.StatusConflict, language.Key("The number is taken"), language.T(req.ctx(), "Flow %s is another flow. Number %s is free.", strconv.FormatInt(number, 10), strconv.FormatInt(req.freeNumber(), 10))}
	}
	return nil
}

// saveFlow deploys a source, or shows the editor again: with the mistakes, or with a merge when somebody else has deployed another
// version since the editor was opened.
func saveFlow(req *requestState) error {
	e, err := req.submittedEdit()
	if err != nil {
		return err
	}
	if req.r.PostFormValue("edit") == "yes" { // back from the review, in a browser without scripts
		return req.showEditor(http.StatusOK, &e, view.Flow{Source: string(e.source)})
	}
	flow, err := req.parse(&e)
	deployed := req.console.config.Store.Flows()
	before, _ := deployed.Deployment(strconv.FormatInt(e.flow, 10))
	var proposed *store.Proposal
	if err == nil {
		err = req.checkWriter(flow)
	}
	if err == nil {
		proposed, err = deployed.Request(req.ctx(), store.ProposeDeploy, flow.Number, flow, nil, req.changeOf(&e, flow))
	}
	if err != nil {
		return req.renderUnsaved(&e, err)
	}
	if proposed != nil {
		return req.proposed("POST "+Root+"/flows", proposed, nil)
	}
	number := strconv.FormatInt(flow.Number, 10)
	req.auditMessage("POST "+Root+"/flows", number, e.message)
	if before.Version == flow.Version {
		req.setNotice(language.T(req.ctx(), "Nothing had changed."))
	} else {
		req.setNotice(language.T(req.ctx(), "Saved. New runs use version %s.", view.Short(flow.Version)) + lacks(req.ctx(), deployed.Missing(req.ctx(), "flow.yaml", flow)))
	}
	return req.redirect(Root + "/flows/" + number)
}

// checkWriter rejects a source that the user may not save, or that uses what the user may not use in it: see auth.Principal.CheckUses.
// The store asks again, with what is deployed then.
func (req *requestState) checkWriter(flow *flows.Flow) error {
	head, err := req.console.config.Store.Flows().Deployment(strconv.FormatInt(flow.Number, 10))
	if err == nil && !req.sees(flow.Number) {
		return errNotFound
	}
	if err := req.mayBring(flow.Number)(err == nil, head.Folder, flow.Folder); err != nil {
		return err
	}
	return req.who.CheckUses(req.ctx(), req.console.config.Store, flow)
}

// changeOf returns the change that an edit makes. A text with another number makes a new flow.
func (req *requestState) changeOf(e *edit, flow *flows.Flow) store.Change {
	c := store.Change{By: req.who.String(), Message: e.message, Base: e.base, May: req.mayBring(flow.Number)}
	if flow.Number != e.flow {
		c.Base = store.NoVersion
	}
	return c
}

// maxOthers is how many things that the server has, and the flow cannot use, a notice names: it is in a cookie.
const maxOthers = 3

// lacks says what the server does not have, or has otherwise than the flow needs it; empty: nothing.
func lacks(ctx context.Context, missing problem.List) string {
	var names, others []string
	for _, m := range missing {
		if strings.HasSuffix(m.Message, ": there is none") {
			names = append(names, strings.TrimPrefix(m.Code, "missing_")+" "+m.Name)
		} else {
			others = append(others, " "+language.T(ctx, "Line %d: %s.", m.Line, m.Message))
		}
	}
	text := ""
	if len(names) > 0 {
		text = " " + language.T(ctx, "Not on the server yet: %s.", strings.Join(slices.Compact(names), ", "))
	}
	return text + strings.Join(others[:min(len(others), maxOthers)], "")
}

// renderUnsaved shows the editor again with a source that was not saved. It returns err if that is an internal error.
func (req *requestState) renderUnsaved(e *edit, err error) error {
	why := faultOf(err)
	if why.Status >= http.StatusInternalServerError {
		return err
	}
	f := view.Flow{Source: string(e.source), Trouble: why.Text}
	var problems problem.List
	var stale *store.StaleError
	switch {
	case errors.As(err, &problems):
		f.Problems, f.Trouble = problems, ""
	case errors.As(err, &stale) && stale.Current == "":
		f.Trouble = language.T(req.ctx(), "The flow was deleted in the meantime. Save and deploy makes it again.")
		e.flow, e.base = 0, store.NoVersion
	case errors.As(err, &stale) && e.flow != 0 && stale.Base == e.base:
		merge, err := req.merge(e, stale)
		if err != nil {
			return err
		}
		f.Merge, f.Trouble = merge, ""
		f.Source, e.base = strings.Join(merge.Text, "\n"), stale.Current
	}
	return req.showEditor(why.Status, e, f)
}

// showEditor shows the editor with a text that is not saved.
func (req *requestState) showEditor(status int, e *edit, f view.Flow) error {
	f.Unsaved, f.Writable, f.New, f.Base, f.Message = true, true, e.flow == 0, e.base, e.message
	f.Diagram, f.Schema = req.diagram([]byte(f.Source)), Root+"/flows/schema.json"
	if head, err := req.console.config.Store.Flows().Deployment(strconv.FormatInt(e.flow, 10)); err == nil {
		f.FlowRow, f.Rehearse = req.flowRow(head), req.mayRehearse()
	}
	return req.render(status, view.FlowPage(req.page("flows", language.T(req.ctx(), "Not saved")), f))
}
