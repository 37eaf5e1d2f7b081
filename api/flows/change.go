package flows

import (
	"cmp"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/store"
)

// sourceTypes are the accepted media types of flow files. JSON is valid YAML. Read only.
var sourceTypes = []string{
	"application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml", "application/json", "text/plain", "application/octet-stream",
}

// putFlow answers PUT /v1/flows/{flow} with the deployed version, or with all mistakes of the flow.
func (a *api) putFlow(c *gin.Context) {
	flow, err := a.readSource(c)
	var change store.Change
	if err == nil {
		change, err = changeOf(c, flow.Number)
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	all := a.config.Store.Flows()
	_, unknown := all.Deployment(flowNumber(flow.Number))
	proposal, err := all.Request(c.Request.Context(), store.ProposeDeploy, flow.Number, flow, nil, change)
	if err != nil || proposal != nil {
		a.writeProposed(c, proposal, err)
		return
	}
	status := http.StatusOK
	if unknown != nil {
		status = http.StatusCreated
		c.Header("Location", httpx.PathOf("flows", flowNumber(flow.Number)))
	}
	a.writeDeployed(c, status, flow.Number, a.warnings(c, flow))
}

// checkView is a flow file that was checked.
type checkView struct {
	Number   int64        `json:"flow"`
	Version  string       `json:"version"`
	Warnings problem.List `json:"warnings"` // of lint, and of what the server does not have
}

// checkFlow answers POST /v1/flows/{flow}/check: what PUT would answer about the flow file, which is not deployed.
func (a *api) checkFlow(c *gin.Context) {
	flow, err := a.readSource(c)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.WriteJSON(c, http.StatusOK, checkView{flow.Number, flow.Version, append(problem.List{}, a.warnings(c, flow)...)})
}

// warnings returns the warnings of a flow file that is deployed.
func (a *api) warnings(c *gin.Context, flow *flows.Flow) problem.List {
	return slices.Concat(flow.Warnings(), a.config.Store.Flows().Missing(c.Request.Context(), "flow", flow))
}

// readSource parses the flow in the body, and checks that it is the flow in the path and that the principal may
// write it.
func (a *api) readSource(c *gin.Context) (*flows.Flow, error) {
	if err := httpx.CheckEncoding(c.Request.Header); err != nil {
		return nil, err
	}
	media, params, err := mime.ParseMediaType(c.GetHeader("Content-Type"))
	if c.GetHeader("Content-Type") != "" && (err != nil || !slices.Contains(sourceTypes, media) || !isUTF8(params["charset"])) {
		return nil, httpx.Unsupported("the Content-Type must be application/yaml or application/json, in UTF-8")
	}
	source, err := httpx.ReadBody(c)
	if err != nil {
		return nil, err
	}
	flow, err := a.config.Store.Flows().Parse("flow", source)
	if err != nil {
		return nil, err
	}
	httpx.StateOf(c).Object = "flow:" + flowNumber(flow.Number)
	if ref := c.Param("flow"); ref != flowNumber(flow.Number) && !a.isSlugOf(ref, flow) {
		return nil, &httpx.Fault{Status: http.StatusConflict, Code: "another_flow", Message: "the path names another flow than the source, which is flow " + flowNumber(flow.Number)}
	}
	if !a.mayWrite(httpx.StateOf(c).Principal, flow) {
		return nil, errNoFlow
	}
	return flow, httpx.StateOf(c).Principal.CheckUses(c.Request.Context(), a.config.Store, flow)
}

// mayWrite reports whether a principal may write a flow: the one that is deployed, or a new one in the folder that its file names. The
// store asks again, with what is deployed then; see auth.Principal.MayBring.
func (a *api) mayWrite(p *auth.Principal, flow *flows.Flow) bool {
	if p.May(auth.ScopeWriteFlows, flow.Number) {
		return true
	}
	_, err := a.config.Store.Flows().Deployment(flowNumber(flow.Number))
	return err != nil && p.MayIn(auth.ScopeWriteFlows, flow.Folder)
}

// isSlugOf reports whether ref is the current or the new slug of the flow.
func (a *api) isSlugOf(ref string, flow *flows.Flow) bool {
	if flow.Slug != "" && ref == flow.Slug {
		return true
	}
	h, err := a.config.Store.Flows().Deployment(ref)
	return err == nil && h.Number == flow.Number
}

func (a *api) enableFlow(c *gin.Context)  { a.switchFlow(c, true) }
func (a *api) disableFlow(c *gin.Context) { a.switchFlow(c, false) }

// switchFlow enables or disables the triggers of a flow. Runs through the API are not affected.
func (a *api) switchFlow(c *gin.Context, enabled bool) {
	h, err := a.deployment(c, auth.ScopeWriteFlows)
	var proposal *store.Proposal
	switch {
	case err != nil:
	case enabled:
		change := store.Change{By: httpx.StateOf(c).Principal.String()}
		proposal, err = a.config.Store.Flows().Request(c.Request.Context(), store.ProposeEnable, h.Number, nil, nil, change)
	default: // what stops something needs no second person
		err = a.config.Store.Flows().Enable(c.Request.Context(), h.Number, false)
	}
	if err != nil || proposal != nil {
		a.writeProposed(c, proposal, err)
		return
	}
	a.writeDeployed(c, http.StatusOK, h.Number, nil)
}

// rollbackFlow answers POST /v1/flows/{flow}/rollback: it deploys an earlier version again, by default the previous
// one.
func (a *api) rollbackFlow(c *gin.Context) {
	h, err := a.deployment(c, auth.ScopeWriteFlows)
	var in struct {
		Version string `json:"version"`
		Message string `json:"message"`
	}
	var change store.Change
	if err == nil {
		change, err = changeOf(c, h.Number)
	}
	if err == nil {
		err = httpx.ReadJSON(c, &in)
	}
	if err == nil && in.Version == "" {
		in.Version, err = before(&h)
	}
	var earlier *flows.Flow
	var proposal *store.Proposal
	if err == nil {
		earlier, err = a.config.Store.Flows().Version(c.Request.Context(), h.Number, in.Version)
	}
	if err == nil {
		err = httpx.StateOf(c).Principal.CheckUses(c.Request.Context(), a.config.Store, earlier)
	}
	if err == nil {
		change.Message = strings.TrimSpace(cmp.Or(in.Message, change.Message))
		httpx.StateOf(c).Message = change.Message
		proposal, err = a.config.Store.Flows().Request(c.Request.Context(), store.ProposeVersion, h.Number, earlier, nil, change)
	}
	if err != nil || proposal != nil {
		a.writeProposed(c, proposal, err)
		return
	}
	a.writeDeployed(c, http.StatusOK, h.Number, a.warnings(c, earlier))
}

// before returns the version that was deployed before the current one.
func before(h *store.Deployment) (string, error) {
	if len(h.History) < 2 {
		return "", &httpx.Fault{Status: http.StatusConflict, Code: "no_earlier_version", Message: "the flow has no earlier version"}
	}
	return h.History[1].Version, nil
}

// writeDeployed writes the flow after a change.
func (a *api) writeDeployed(c *gin.Context, status int, number int64, warnings problem.List) {
	h, err := a.config.Store.Flows().Deployment(flowNumber(number))
	if err != nil {
		httpx.Fail(c, err) // deleted in the meantime
		return
	}
	a.writeFlow(c, status, &h, warnings)
}

// isUTF8 reports whether the charset is UTF-8 or absent.
func isUTF8(charset string) bool { return charset == "" || strings.EqualFold(charset, "utf-8") }

func flowNumber(n int64) string { return strconv.FormatInt(n, 10) }
