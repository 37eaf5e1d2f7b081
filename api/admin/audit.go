package admin

import (
	"bufio"
	"net/http"
	"net/url"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/auditlist"
	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/audit"
	"github.com/penstock/penstock/store"
)

// auditTime is the maximum duration of reading the whole audit log.
const auditTime = 5 * time.Minute

// listAudit answers GET /v1/audit; by default the newest entries come first.
func (a *api) listAudit(c *gin.Context) {
	params, err := url.ParseQuery(c.Request.URL.RawQuery)
	if err == nil && auditlist.Searches(params) {
		a.searchAudit(c, params)
		return
	}
	q, err := auditlist.Parse(c.Request.URL.RawQuery)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	page, err := auditlist.Page(c.Request.Context(), a.config.Store.Audit(), q)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.WritePage(c, q, page)
}

// searchAudit answers GET /v1/audit with parameters that choose entries.
func (a *api) searchAudit(c *gin.Context, params url.Values) {
	s, q, err := auditlist.ParseSearch(params, time.UTC)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	page, err := auditlist.Find(c.Request.Context(), a.config.Store.Audit(), s)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.WritePage(c, q, page)
}

// readAudit answers GET /v1/audit/{entry}.
func (a *api) readAudit(c *gin.Context) {
	e, err := a.config.Store.Audit().Find(c.Request.Context(), c.Param("entry"))
	if err == audit.ErrNotFound {
		err = store.ErrNotFound
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.WriteJSON(c, http.StatusOK, e)
}

// auditState is the state of the chain and of its exports.
type auditState struct {
	Head    audit.Head     `json:"head"`
	Entries int            `json:"entries"`
	Cuts    []audit.Cut    `json:"cuts"`
	Exports []audit.Export `json:"exports"`
}

// auditState answers GET /v1/audit/state.
func (a *api) auditState(c *gin.Context) {
	ctx, log := c.Request.Context(), a.config.Store.Audit()
	state := auditState{Cuts: []audit.Cut{}, Exports: []audit.Export{}}
	var err error
	if state.Head, err = log.Head(ctx); err == nil {
		state.Entries, err = log.Len(ctx)
	}
	if err == nil {
		state.Cuts, err = log.Cuts(ctx)
	}
	if err == nil {
		var exports []audit.Export
		exports, err = log.Exports(ctx)
		state.Exports = append(state.Exports, exports...)
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.WriteJSON(c, http.StatusOK, state)
}

// verifyAudit answers GET /v1/audit/verify.
func (a *api) verifyAudit(c *gin.Context) {
	httpx.KeepOpen(c, auditTime)
	r, err := a.config.Store.Audit().Verify(c.Request.Context())
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.WriteJSON(c, http.StatusOK, r)
}

// exportAudit answers GET /v1/audit/export: the chosen entries, the oldest first.
func (a *api) exportAudit(c *gin.Context) {
	params := c.Request.URL.Query()
	format := params.Get("format")
	params.Del("format")
	s, _, err := auditlist.ParseSearch(params, time.UTC)
	if err == nil && format != "" && format != "jsonl" && format != "csv" {
		err = &listing.Error{Param: "format", Message: "is jsonl or csv"}
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.StateOf(c).Audited, httpx.StateOf(c).Object = true, "audit"
	if chosen := params.Encode(); chosen != "" {
		httpx.StateOf(c).Object = "audit?" + chosen
	}
	httpx.KeepOpen(c, auditTime)
	c.Header("Content-Type", "application/x-ndjson")
	if format == "csv" {
		c.Header("Content-Type", "text/csv; charset=utf-8; header=present")
	}
	c.Status(http.StatusOK)
	out := bufio.NewWriterSize(c.Writer, 64<<10)
	err = a.config.Store.Audit().Export(c.Request.Context(), s.Query, format == "csv", out)
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		panic(http.ErrAbortHandler) // the caller must not take the entries for all of them
	}
}
