package flows

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/store"
)

// proposalView is a change that waits for approval by somebody else.
type proposalView struct {
	ID      string    `json:"id"`
	Flow    int64     `json:"flow"`
	Kind    string    `json:"kind"`
	Version string    `json:"version"`
	Base    string    `json:"base"`
	Stale   bool      `json:"stale"` // another version is current now: it cannot be approved
	By      string    `json:"by"`
	Message string    `json:"message,omitempty"`
	At      time.Time `json:"at"`
	Expires time.Time `json:"expires_at"`
	Percent int       `json:"percent,omitempty"` // of a canary
	Source  string    `json:"source,omitempty"`  // of the version; only where one proposal is read
}

func (a *api) viewProposal(p *store.Proposal) proposalView {
	v := proposalView{
		ID: p.ID, Flow: p.Flow, Kind: string(p.Kind), Version: p.Version, Base: p.Base, Stale: a.config.Store.Flows().Stale(p),
		By: p.By, Message: p.Message, At: p.At, Expires: p.Expires(),
	}
	if p.Canary != nil {
		v.Percent = p.Canary.Percent
	}
	return v
}

// proposedView is the response to a change that waits for approval.
type proposedView struct {
	Number   int64        `json:"flow"`
	Version  string       `json:"version"` // the current one; empty: there is none
	Proposal proposalView `json:"proposal"`
}

// writeProposed answers a request for a change that failed, or with 202 one that waits for approval.
func (a *api) writeProposed(c *gin.Context, p *store.Proposal, err error) {
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.StateOf(c).Object = fmt.Sprintf("flow:%d proposed %s of version %.12s", p.Flow, p.Kind, p.Version)
	httpx.WriteJSON(c, http.StatusAccepted, proposedView{p.Flow, a.config.Store.Flows().VersionNow(p.Flow), a.viewProposal(p)})
}

// proposal returns the proposal of the flow in the path, which need not be deployed yet.
func (a *api) proposal(c *gin.Context, scope auth.Scope) (*store.Proposal, error) {
	number, err := strconv.ParseInt(c.Param("flow"), 10, 64)
	if h, unknown := a.config.Store.Flows().Deployment(c.Param("flow")); unknown == nil {
		number, err = h.Number, nil
	}
	if err != nil || !httpx.StateOf(c).Principal.Holds(scope) {
		return nil, errNoFlow
	}
	p, err := a.config.Store.Flows().Proposal(c.Request.Context(), number)
	switch who := httpx.StateOf(c).Principal; {
	case err != nil:
	case p == nil && !who.May(scope, number), p != nil && !who.MayAsTo(c.Request.Context(), a.config.Store, scope, p):
		return nil, errNoFlow
	case p == nil:
		err = errNoProposal
	}
	if err == nil {
		httpx.StateOf(c).Object = fmt.Sprintf("flow:%d %s of version %.12s, proposed by %s", p.Flow, p.Kind, p.Version, p.By)
	}
	return p, err
}

var errNoProposal = &httpx.Fault{Status: http.StatusNotFound, Code: "not_found", Message: "no change of the flow waits for approval"}

// readProposal answers GET /v1/flows/{flow}/proposal with the flow file that would become current.
func (a *api) readProposal(c *gin.Context) {
	p, err := a.proposal(c, auth.ScopeReadFlows)
	var source []byte
	if err == nil {
		source, err = a.config.Store.Flows().ProposalSource(c.Request.Context(), p)
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	view := a.viewProposal(p)
	view.Source = string(source)
	httpx.WriteJSON(c, http.StatusOK, view)
}

// seenProposal returns the proposal of the flow in the path, if it is the one whose id the body has.
func (a *api) seenProposal(c *gin.Context) (*store.Proposal, error) {
	var in struct {
		ID string `json:"id"`
	}
	p, err := a.proposal(c, auth.ScopeWriteFlows)
	if err == nil {
		err = httpx.ReadJSON(c, &in)
	}
	if err == nil && in.ID != p.ID {
		err = store.ErrNotProposed
	}
	return p, err
}

// approveProposal answers POST /v1/flows/{flow}/proposal/approve: the change is made, as it was seen under its id.
func (a *api) approveProposal(c *gin.Context) {
	p, err := a.seenProposal(c)
	who := httpx.StateOf(c).Principal
	if err == nil && (who.Kind != auth.KindUser || who.Actor != "") {
		err = errNoPerson
	}
	if err == nil {
		err = a.approve(c, p, who)
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	a.writeDeployed(c, http.StatusOK, p.Flow, nil)
}

// errNoPerson refuses keys and clients, which may belong to the author of the proposal.
var errNoPerson = &httpx.Fault{Status: http.StatusForbidden, Code: "no_person", Message: "only a user may approve, and no key or client, which may be one of the author's"}

func (a *api) approve(c *gin.Context, p *store.Proposal, who *auth.Principal) error {
	all := a.config.Store.Flows()
	flow, err := all.ProposedFlow(c.Request.Context(), p)
	if err == nil {
		err = who.CheckUses(c.Request.Context(), a.config.Store, flow)
	}
	if err == nil {
		err = all.Approve(c.Request.Context(), p, flow, who.String(), who.MayBring(p.Flow))
	}
	return err
}

// rejectProposal answers POST /v1/flows/{flow}/proposal/reject. Authors take back theirs by it.
func (a *api) rejectProposal(c *gin.Context) {
	p, err := a.seenProposal(c)
	if err == nil {
		err = a.config.Store.Flows().Reject(c.Request.Context(), p)
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.NoContent(c)
}
