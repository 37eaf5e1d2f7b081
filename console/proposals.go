package console

import (
	"errors"
	"net/http"
	"slices"
	"strconv"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/store"
)

// proposed says, after a request for a change, that it waits for approval, or returns the error.
func (req *requestState) proposed(route string, p *store.Proposal, err error) error {
	if err != nil {
		return err
	}
	req.auditMessage(route, strconv.FormatInt(p.Flow, 10), "proposed "+string(p.Kind)+" of version "+view.Short(p.Version))
	req.setNotice(language.T(req.ctx(), "Proposed. The change takes effect when somebody else approves it."))
	return req.redirect(Root + "/proposals")
}

// proposedCount returns how many changes wait for approval; 0 where none needs it.
func (req *requestState) proposedCount() (int, error) {
	if !req.console.config.Store.Flows().SecondApproval() {
		return 0, nil
	}
	all, err := req.visibleProposals()
	return len(all), err
}

// visibleProposals returns the changes that wait for approval, of flows that the user may read.
func (req *requestState) visibleProposals() ([]store.Proposal, error) {
	all, err := req.console.config.Store.Flows().Proposals(req.ctx())
	return slices.DeleteFunc(all, func(p store.Proposal) bool { return !req.mayAsTo(auth.ScopeReadFlows, &p) }), err
}

// mayAsTo reports whether the user has a scope for the flow of a proposal.
func (req *requestState) mayAsTo(scope auth.Scope, p *store.Proposal) bool {
	return req.who.MayAsTo(req.ctx(), req.console.config.Store, scope, p)
}

// proposalOf returns the change of a flow that waits for approval; nil: none does.
func (req *requestState) proposalOf(number int64) (*view.Proposal, error) {
	all := req.console.config.Store.Flows()
	if !all.SecondApproval() {
		return nil, nil
	}
	p, err := all.Proposal(req.ctx(), number)
	if p == nil || err != nil {
		return nil, err
	}
	shown, err := req.viewProposal(p)
	return &shown, err
}

// viewProposal returns a proposal with what it changes.
func (req *requestState) viewProposal(p *store.Proposal) (view.Proposal, error) {
	all := req.console.config.Store.Flows()
	shown := view.Proposal{
		ID: p.ID, Flow: p.Flow, Name: "Flow " + strconv.FormatInt(p.Flow, 10), Kind: string(p.Kind), Version: p.Version, By: p.By, Message: p.Message, At: p.At,
		Stale: all.Stale(p), Own: p.By == req.who.String(),
	}
	if head, err := all.Deployment(strconv.FormatInt(p.Flow, 10)); err == nil {
		shown.Name = req.flowRow(head).Name
	}
	if p.Canary != nil {
		shown.Percent = p.Canary.Percent
	}
	if p.Kind == store.ProposeEnable {
		return shown, nil
	}
	before, err := all.Source(req.ctx(), p.Flow, p.Base)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return shown, err
	}
	after, err := all.ProposalSource(req.ctx(), p)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrNotProposed) { // approved or rejected in the meantime
		return shown, nil
	}
	shown.Changes = view.DiffTexts(string(before), string(after))
	return shown, err
}

// proposalsPage lists the changes that wait for approval.
func proposalsPage(req *requestState) error {
	all, err := req.visibleProposals()
	if err != nil {
		return err
	}
	shown := make([]view.Proposal, len(all))
	for i := range all {
		if shown[i], err = req.viewProposal(&all[i]); err != nil {
			return err
		}
	}
	return req.render(http.StatusOK, view.ProposalsPage(req.page("flows", language.T(req.ctx(), "Changes that wait for approval")), shown))
}

// seenProposal returns the proposal of the flow in the path, if it is the one that the form shows.
func (req *requestState) seenProposal() (*store.Proposal, error) {
	number, err := strconv.ParseInt(req.r.PathValue("flow"), 10, 64)
	if err != nil {
		return nil, store.ErrNotFound
	}
	p, err := req.console.config.Store.Flows().Proposal(req.ctx(), number)
	if err == nil && (p == nil && !req.who.May(auth.ScopeWriteFlows, number) || p != nil && !req.mayAsTo(auth.ScopeWriteFlows, p)) {
		return nil, errNotFound
	}
	if err == nil && (p == nil || p.ID != req.r.PostFormValue("id")) {
		err = store.ErrNotProposed
	}
	return p, err
}

// approveProposal makes a change that somebody else has proposed.
func approveProposal(req *requestState) error {
	p, err := req.seenProposal()
	if err != nil {
		return err
	}
	all := req.console.config.Store.Flows()
	flow, err := all.ProposedFlow(req.ctx(), p)
	if err == nil {
		err = req.who.CheckUses(req.ctx(), req.console.config.Store, flow)
	}
	if err == nil {
		err = all.Approve(req.ctx(), p, flow, req.who.String(), req.mayBring(p.Flow))
	}
	if err != nil {
		return err
	}
	req.auditMessage("POST "+Root+"/flows/{flow}/proposal/approve", strconv.FormatInt(p.Flow, 10), string(p.Kind)+" of version "+view.Short(p.Version)+", proposed by "+p.By)
	req.setNotice(language.T(req.ctx(), "Approved. The change has taken effect."))
	return req.redirect(Root + "/flows/" + strconv.FormatInt(p.Flow, 10))
}

// rejectProposal removes a proposed change. Authors take back theirs by it.
func rejectProposal(req *requestState) error {
	p, err := req.seenProposal()
	if err == nil {
		err = req.console.config.Store.Flows().Reject(req.ctx(), p)
	}
	if err != nil {
		return err
	}
	req.auditMessage("POST "+Root+"/flows/{flow}/proposal/reject", strconv.FormatInt(p.Flow, 10), string(p.Kind)+" of version "+view.Short(p.Version)+", proposed by "+p.By)
	req.setNotice(language.T(req.ctx(), "The change is rejected: nothing has changed."))
	return req.redirect(Root + "/proposals")
}
