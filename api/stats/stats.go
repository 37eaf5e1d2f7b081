package stats

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/history"
)

// ofAll answers GET /v1/stats, for the flows whose runs the caller may read.
func (a *api) ofAll(c *gin.Context) {
	flows, err := a.visible(httpx.StateOf(c).Principal)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	a.answer(c, flows, "from", "to", "width", "by")
}

// ofFlow answers GET /v1/flows/{flow}/stats.
func (a *api) ofFlow(c *gin.Context) {
	flow, err := a.config.Flows.Deployment(c.Param("flow"))
	if err != nil || !httpx.StateOf(c).Principal.MayForOthers(auth.ScopeWatchRuns, flow.Number) {
		httpx.Fail(c, errNoFlow)
		return
	}
	a.answer(c, []int64{flow.Number}, "from", "to", "width", "by", "step")
}

// visible returns the flows of which the principal may read the runs of others; nil: all, also those that are not deployed any
// more.
func (a *api) visible(p *auth.Principal) ([]int64, error) {
	if p.MayForOthers(auth.ScopeWatchRuns, 0) {
		return nil, nil
	}
	var flows []int64
	for _, f := range a.config.Flows.List() {
		if p.MayForOthers(auth.ScopeWatchRuns, f.Number) {
			flows = append(flows, f.Number)
		}
	}
	if len(flows) == 0 {
		return nil, errNotStaff
	}
	return flows, nil
}

// answer answers with the statistics of flows, as the query string with these parameters says.
func (a *api) answer(c *gin.Context, flows []int64, parameters ...string) {
	if a.config.Stats == nil {
		httpx.Fail(c, errNoHistory)
		return
	}
	q, err := a.query(c.Request, parameters)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	q.Flows = flows
	_, waiting, err := a.config.Runs.Unarchived(c.Request.Context()) // counted first: what is copied meanwhile is in the statistics
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	s, err := a.config.Stats.Stats(c.Request.Context(), q)
	if errors.Is(err, history.ErrManyPoints) || errors.Is(err, history.ErrManyFlows) {
		err = wrong("from", err.Error())
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.WriteJSON(c, http.StatusOK, struct {
		*history.Stats
		NotCounted int64 `json:"not_counted"` // ended runs of all flows that the history does not have yet
	}{s, waiting})
}

// wrong is the error of a parameter of the query string.
func wrong(parameter, message string) error {
	return &httpx.Fault{Status: http.StatusBadRequest, Code: "bad_query", Message: message, Parameter: parameter}
}

// defaultSpan is the time before the end that is shown without from.
const defaultSpan = 24 * time.Hour

// query reads a query string.
func (a *api) query(r *http.Request, parameters []string) (q history.StatsQuery, err error) {
	values, err := httpx.Query(r)
	if err != nil {
		return q, err
	}
	for name, all := range values {
		if !slices.Contains(parameters, name) {
			return q, wrong(name, "there is no such parameter: the parameters are "+strings.Join(parameters, ", "))
		}
		if len(all) > 1 {
			return q, wrong(name, name+" is there more than once")
		}
	}
	q.Now = a.config.Now()
	if q.To, err = readTime("to", values.Get("to"), q.Now, q.Now); err != nil {
		return q, err
	}
	if q.From, err = readTime("from", values.Get("from"), q.Now, q.To.Add(-defaultSpan)); err != nil {
		return q, err
	}
	if !q.From.Before(q.To) {
		return q, wrong("from", "from must be before to")
	}
	if width := values.Get("width"); width != "" {
		q.Width, _ = readSpan(width)
		if !slices.Contains(history.Widths(), q.Width) {
			return q, wrong("width", "width must be one of 1m, 5m, 15m, 1h, 3h, 6h, 1d")
		}
	}
	q.By, q.Step = cmp.Or(values.Get("by"), history.ByState), values.Get("step")
	if !slices.Contains(history.Properties(), q.By) {
		return q, wrong("by", "by must be one of "+strings.Join(history.Properties(), ", "))
	}
	return q, nil
}

// readTime reads a time, or a span before now. An empty text is the default.
func readTime(parameter, text string, now, without time.Time) (time.Time, error) {
	if text == "" {
		return without, nil
	}
	if span, ok := readSpan(text); ok {
		return now.Add(-span), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, wrong(parameter, parameter+" must be a time such as 2026-11-28T09:00:00Z, or a span before now such as 24h or 7d")
	}
	return at, nil
}

// maxSpan is the longest span before now.
const maxSpan = 10 * 366 * 24 * time.Hour

// readSpan reads a span such as 90m, 24h or 7d.
func readSpan(text string) (span time.Duration, ok bool) {
	if days, isDays := strings.CutSuffix(text, "d"); isDays {
		n, err := strconv.Atoi(days)
		return time.Duration(n) * 24 * time.Hour, err == nil && n >= 0 && n <= int(maxSpan/(24*time.Hour))
	}
	span, err := time.ParseDuration(text)
	return span, err == nil && span >= 0 && span <= maxSpan
}
