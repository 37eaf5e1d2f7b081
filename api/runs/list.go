package runs

import (
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/api/runlist"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/queue"
)

// runSchema returns the fields by which runs can be filtered and ordered.
func runSchema() listing.Schema[queue.Record] {
	type run = queue.Record
	return listing.Schema[run]{
		Order: "-created_at", Cursor: true,
		Fields: []listing.Field[run]{
			listing.Text("run_id", func(r *run) string { return r.ID }),
			listing.Word("state", words(queue.States()), func(r *run) string { return string(r.State) }),
			listing.Number("flow", func(r *run) int64 { return r.Flow }),
			listing.Text("version", func(r *run) string { return r.Version }),
			listing.Text("principal", func(r *run) string { return r.Principal }),
			listing.Text("queue", func(r *run) string { return r.Queue }),
			listing.Text("replay_of", func(r *run) string { return r.ReplayOf }),
			listing.Text("resumed_from", func(r *run) string { return r.ResumedFrom }),
			listing.Text("resumed_by", func(r *run) string { return r.ResumedBy }),
			listing.Text("replayed_by", func(r *run) string { return r.ReplayedBy }),
			listing.Word("triage", words(queue.TriageStates()), func(r *run) string { return r.TriageState() }),
			listing.Text("failure_of", func(r *run) string { return r.FailureOf }),
			listing.Text("failure_run", func(r *run) string { return r.FailureRun }),
			listing.Number("attempt", func(r *run) int64 { return int64(r.Attempt) }),
			listing.Number("crashes", func(r *run) int64 { return int64(r.Crashes) }),
			listing.Time("created_at", createdAt),
			listing.Time("started_at", func(r *run) time.Time { return r.Times.Started }),
			listing.Time("finished_at", func(r *run) time.Time { return r.Times.Finished }),
		},
	}
}

func words[T ~string](all []T) (texts []string) {
	for _, w := range all {
		texts = append(texts, string(w))
	}
	return texts
}

// listRuns answers GET /v1/runs, by default the newest runs first. It reads runs within the bounds that the filter
// sets to queue and created_at, until the page is full or the limit of one call is reached.
func (a *api) listRuns(c *gin.Context) {
	q, err := listing.Parse(c.Request.URL.RawQuery, runSchema())
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	p := httpx.StateOf(c).Principal
	page, err := runlist.Find(c.Request.Context(), a.config.Runs, q, func(r *queue.Record) bool { return mayAccess(p, auth.ScopeReadRuns, r) })
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	views := listing.Page[runView]{
		Items: make([]runView, len(page.Items)), Page: page.Page, PageSize: page.PageSize, Total: page.Total, AtLeast: page.AtLeast,
		Next: page.Next, Looked: page.Looked, LookedBackTo: page.LookedBackTo,
	}
	for i := range page.Items {
		views.Items[i] = viewOf(&page.Items[i])
	}
	httpx.WritePage(c, q, views)
}
