package admin

import (
	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/auditlist"
	"github.com/penstock/penstock/api/httpx"
)

// listAudit answers GET /v1/audit; by default the newest entries come first.
func (a *api) listAudit(c *gin.Context) {
	q, err := auditlist.Parse(c.Request.URL.RawQuery)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	page, err := auditlist.Page(c.Request.Context(), a.config.Store.Audit(), q, false)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.WritePage(c, q, page)
}
