package runs

import (
	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/api/runaccess"
	"github.com/penstock/penstock/api/runlist"
	"github.com/penstock/penstock/queue"
)

// listRuns answers GET /v1/runs, by default the newest runs first. It reads runs within the bounds that the filter
// sets to queue and created_at, until the page is full or the limit of one call is reached.
func (a *api) listRuns(c *gin.Context) {
	q, err := listing.Parse(c.Request.URL.RawQuery, runlist.Schema())
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	p := httpx.StateOf(c).Principal
	page, err := runlist.Find(c.Request.Context(), runaccess.Runs{Lister: a.config.Runs, Principal: p}, q, func(r *queue.Record) bool { return runaccess.Watches(p, r) })
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	views := listing.Page[runView]{
		Items: make([]runView, len(page.Items)), Page: page.Page, PageSize: page.PageSize, Total: page.Total, AtLeast: page.AtLeast,
		CountedBackTo: page.CountedBackTo, Next: page.Next, Looked: page.Looked, LookedBackTo: page.LookedBackTo, Warning: page.Warning,
	}
	for i := range page.Items {
		views.Items[i] = viewOf(p, &page.Items[i])
	}
	httpx.WritePage(c, q, views)
}
