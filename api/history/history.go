package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/api/runlist"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/queue"
)

var typeNDJSON = []string{"application/x-ndjson"}

// maxRuns is the number of runs that one request holds or erases.
const maxRuns = 10_000

// selection names runs. At least one of its fields is needed.
type selection struct {
	Filter string `json:"filter"` // that of GET /v1/runs
	Search string `json:"search"` // words, as there
}

// audited says for the audit log what was done to a number of runs, without the text that chose them: it may name a person.
func (s *selection) audited(runs int, done string) string {
	var by []string
	if s.Filter != "" {
		by = append(by, "filter")
	}
	if s.Search != "" {
		by = append(by, "search")
	}
	return fmt.Sprintf("%d runs %s, chosen by %s", runs, done, strings.Join(by, " and "))
}

// found are the runs of a selection, whatever flow they are of.
type found struct {
	ended, live []string
	notLookedAt *notLookedAt
	flows       map[string]int64  // of those that have ended
	files       map[string]string // the ids under which their files are stored
}

func (a *api) find(ctx context.Context, s selection) (*found, error) {
	params := url.Values{}
	if s.Filter != "" {
		params.Set(listing.ParamFilter, s.Filter)
	}
	if s.Search != "" {
		params.Set(runlist.ParamSearch, s.Search)
	}
	if len(params) == 0 {
		return nil, &httpx.Fault{Status: http.StatusBadRequest, Code: "invalid", Message: "filter or search is needed: all runs at once are none to hold or to erase"}
	}
	q, err := listing.ParseParams(params, runlist.Schema())
	if err != nil {
		return nil, err
	}
	f := &found{live: []string{}, flows: map[string]int64{}, files: map[string]string{}}
	if s.Search != "" || strings.Contains(s.Filter, "labels") {
		f.notLookedAt = &notLookedAt{} // counted first: what ends and is copied meanwhile is found
		if f.notLookedAt.Open, f.notLookedAt.Waiting, err = a.config.Runs.Unarchived(ctx); err != nil {
			return nil, err
		}
	}
	f.ended, err = runlist.Collect(ctx, a.config.Runs, q, maxRuns, func(r *queue.Record) bool {
		if !r.State.Terminal() {
			f.live = append(f.live, r.ID)
			return false
		}
		f.flows[r.ID], f.files[r.ID] = r.Flow, r.FilesOf()
		return true
	})
	return f, err
}

// hold answers POST /v1/history/hold.
func (a *api) hold(c *gin.Context) {
	var want struct {
		selection
		Held *bool `json:"held"` // false: they may be deleted again; absent: true
	}
	if err := httpx.ReadJSON(c, &want); err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.KeepOpen(c, runlist.MaxCollectTime)
	httpx.StateOf(c).Audited = true
	f, err := a.find(c.Request.Context(), want.selection)
	held := want.Held == nil || *want.Held
	n := 0
	if err == nil {
		n, err = a.config.History.Hold(c.Request.Context(), f.ended, held)
	}
	verb := "held"
	if !held {
		verb = "released"
	}
	httpx.StateOf(c).Object = want.audited(n, verb)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.WriteJSON(c, http.StatusOK, map[string]any{"runs": n, "held": held})
}

// report says what became of the runs of an erasure.
type report struct {
	Runs   int      `json:"runs"`   // that match
	Erased int      `json:"erased"` // 0 in a dry run
	Kept   int      `json:"kept"`   // that are held, or not in the history yet
	Live   []string `json:"live"`   // that have not ended: erase them later
	DryRun bool     `json:"dry_run,omitempty"`

	NotLookedAt *notLookedAt `json:"not_looked_at,omitempty"` // nil: all runs were

	NotReached []string `json:"not_reached"` // where the same may be and is not erased
}

// notLookedAt counts the runs, of all flows, in which words and labels were not looked up, since only the history can.
type notLookedAt struct {
	Open    int64 `json:"open"`    // that have not ended
	Waiting int64 `json:"waiting"` // that have ended and are not copied to the history yet
}

var notReached = []string{
	"messages of failures, which have no numbers, ids and quoted texts; they end 30 days after their last run",
	"requests of captures, and rejected deliveries that are recorded; they end within a day",
	"webhooks that were sent; they end after 7 days",
	"files that a run which was not erased shares with one that it continues; they end with it",
	"values of the step state, snapshots of changes and keys of dedupe; they end as the flows say",
	"systems to which the flows have sent something",
}

// erase answers POST /v1/history/erase. The history does not store an erased run again, so that a change in Redis meanwhile does
// not bring it back.
func (a *api) erase(c *gin.Context) {
	var want struct {
		selection
		DryRun bool `json:"dry_run"`
	}
	if err := httpx.ReadJSON(c, &want); err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.KeepOpen(c, 2*runlist.MaxCollectTime)
	ctx := c.Request.Context()
	httpx.StateOf(c).Audited, httpx.StateOf(c).Object = true, want.audited(0, "erased")
	f, err := a.find(ctx, want.selection)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	r := report{Runs: len(f.ended) + len(f.live), Live: f.live, DryRun: want.DryRun, NotLookedAt: f.notLookedAt, NotReached: notReached}
	if !want.DryRun {
		err = a.eraseAll(ctx, f, &r)
	}
	httpx.StateOf(c).Object = want.audited(r.Erased, "erased")
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.WriteJSON(c, http.StatusOK, r)
}

func (a *api) eraseAll(ctx context.Context, f *found, r *report) error {
	erased, err := a.config.History.Erase(ctx, f.ended)
	r.Erased, r.Kept = len(erased), len(f.ended)-len(erased)
	if err != nil {
		return err
	}
	if err := a.config.Runs.Forget(ctx, erased); err != nil {
		return err
	}
	if a.config.ForgetFiles != nil {
		for _, id := range erased {
			if err := a.config.ForgetFiles(ctx, f.files[id]); err != nil {
				return err
			}
		}
	}
	if a.config.Deliveries == nil {
		return nil
	}
	byFlow := map[int64][]string{}
	for _, id := range erased {
		byFlow[f.flows[id]] = append(byFlow[f.flows[id]], id)
	}
	return a.config.Deliveries.Forget(ctx, byFlow)
}

// exported is one line of an export.
type exported struct {
	Cursor string       `json:"cursor"` // the export goes on behind this run
	Run    queue.Record `json:"run"`
}

// export answers GET /v1/history/export with all runs that match, the oldest first, as lines of JSON. An answer that ends
// early is continued with the cursor of its last line.
func (a *api) export(c *gin.Context) {
	q, err := listing.Parse(c.Request.URL.RawQuery, runlist.Schema())
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	p := httpx.StateOf(c).Principal
	if !p.ActsForOthers() {
		httpx.Fail(c, errNotStaff)
		return
	}
	begun := false
	err = runlist.Each(c.Request.Context(), a.config.Runs, q, func(listed *queue.Record) error {
		if !p.MayForOthers(auth.ScopeReadRuns, listed.Flow) || !listed.State.Terminal() {
			return nil
		}
		whole, err := a.config.Runs.Record(c.Request.Context(), listed.ID)
		if errors.Is(err, queue.ErrNotFound) {
			return nil // it has expired meanwhile
		}
		if err != nil {
			return err
		}
		line, err := json.Marshal(exported{runlist.Cursor(listed), whole})
		if err != nil {
			return err
		}
		if !begun {
			begun = true
			c.Header("Content-Type", typeNDJSON[0])
			c.Status(http.StatusOK)
		}
		httpx.KeepOpen(c, runlist.MaxCollectTime)
		_, err = c.Writer.Write(append(line, '\n'))
		return err
	})
	switch {
	case err == nil && !begun:
		httpx.Write(c, http.StatusOK, typeNDJSON, nil)
	case err != nil && !begun:
		httpx.Fail(c, err)
	case err != nil:
		panic(http.ErrAbortHandler) // the caller must not take the lines for all of them
	}
}
