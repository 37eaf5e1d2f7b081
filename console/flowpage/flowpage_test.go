package flowpage

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/console/diagram"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/history"
	"github.com/penstock/penstock/queue"
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC) // read only

// fakeRuns lists records, the newest first, and counts the listings.
type fakeRuns struct {
	stored, archived []queue.Record
	listings         int
	fails            error // of ListArchived
}

func (f *fakeRuns) List(_ context.Context, l queue.List, each func(*queue.Record)) (queue.Place, bool, error) {
	f.listings++
	return list(f.stored, l, each)
}

func (f *fakeRuns) ListArchived(_ context.Context, l queue.List, each func(*queue.Record)) (queue.Place, bool, error) {
	if f.fails != nil {
		return queue.Place{}, false, f.fails
	}
	if len(l.Where) == 0 {
		return queue.Place{}, false, fmt.Errorf("all runs of the history are listed")
	}
	matching := slices.DeleteFunc(slices.Clone(f.archived), func(r queue.Record) bool {
		return slices.ContainsFunc(l.Where, func(c queue.Condition) bool {
			return c.Field == "flow" && !slices.Contains(c.Values, fmt.Sprint(r.Flow)) || c.Field == "state" && !slices.Contains(c.Values, string(r.State))
		})
	})
	return list(matching, l, each)
}

func list(all []queue.Record, l queue.List, each func(*queue.Record)) (next queue.Place, more bool, err error) {
	n := 0
	for i := range all {
		r := &all[i]
		at := r.AcceptedAt().UnixMilli()
		if l.After != (queue.Place{}) && at >= l.After.At || r.AcceptedAt().Before(l.From) {
			continue
		}
		if n++; n > l.Most {
			return next, true, nil
		}
		each(r)
		next = queue.Place{At: at, ID: r.ID}
	}
	return queue.Place{}, false, nil
}

func run(id string, flow int64, ago time.Duration, state queue.State, step string) queue.Record {
	r := queue.Record{Spec: queue.Spec{ID: id, Flow: flow, Accepted: noon.Add(-ago)}}
	r.State = state
	r.Times = queue.Times{Accepted: noon.Add(-ago), Finished: noon.Add(-ago).Add(time.Second)}
	if step != "" {
		r.Error = &flows.Error{Code: "no", Message: "failed at " + id, Step: step}
	}
	return r
}

// fakeHistory says what it is told.
type fakeHistory struct {
	stats *history.Stats
	flows map[int64]history.FlowSummary
	last  map[int64]history.LastRun
	took  time.Duration // for each of the figures
	many  time.Duration // from which time they are too many; zero: never
	fails error
	reads int
}

func (f *fakeHistory) Stats(context.Context, history.StatsQuery) (*history.Stats, error) {
	return f.stats, f.fails
}

func (f *fakeHistory) Flows(_ context.Context, from, to time.Time) (map[int64]history.FlowSummary, error) {
	if f.many > 0 && to.Sub(from) >= f.many {
		return nil, history.ErrManyFlows
	}
	return f.flows, f.fails
}

func (f *fakeHistory) LastRuns(context.Context, []int64) (map[int64]history.LastRun, error) {
	f.reads++
	time.Sleep(f.took) // of the bubble
	return f.last, f.fails
}

func someFlows() []view.FlowRow {
	return []view.FlowRow{
		{Number: 1, Name: "Import people", Slug: "people", Trigger: "webhook", Tags: []string{"crm"}, Deployed: noon},
		{Number: 2, Name: "Export gifts", Slug: "gifts", Trigger: "schedule", Tags: []string{"crm", "nightly"}, Next: view.Firing{At: noon.Add(time.Hour)}, Deployed: noon.Add(-time.Hour)},
		{Number: 30, Name: "archive", Trigger: "schedule", Next: view.Firing{At: noon.Add(time.Minute)}, Deployed: noon.Add(-2 * time.Hour)},
	}
}

func numbers(l view.FlowList) string {
	var all []string
	for _, f := range l.Rows {
		all = append(all, fmt.Sprint(f.Number))
	}
	return strings.Join(all, " ")
}

// known is a history of the flows of someFlows, and pages over it.
func knownFlows() (*fakeHistory, *fakeRuns, *Pages) {
	h := &fakeHistory{
		last:  map[int64]history.LastRun{1: {ID: "old", State: queue.Failed, AcceptedAt: noon.Add(-40 * 24 * time.Hour)}, 2: {ID: "b", State: queue.Succeeded, AcceptedAt: noon.Add(-time.Hour)}},
		flows: map[int64]history.FlowSummary{2: {Runs: 200, Failed: 3, P95: 2 * time.Second}, 30: {Runs: 10, P95: 9 * time.Second}},
	}
	runs := &fakeRuns{stored: []queue.Record{run("c", 2, time.Minute, queue.Running, "")}}
	return h, runs, New(Config{Runs: runs, History: h, Now: func() time.Time { return noon }})
}

func TestTheListIsSearchedAndSorted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, _, pages := knownFlows()
		for query, want := range map[string]string{
			"":                     "1 2 30",
			"q=EXPORT":             "2",
			"q=gif+sched":          "2",
			"q=3":                  "30",
			"q=crm":                "1 2",
			"q=nobody":             "",
			"tag=nightly":          "2",
			"tag=crm&q=people":     "1",
			"tag=nobody":           "",
			"sort=-number":         "30 2 1",
			"sort=name":            "30 2 1",
			"sort=-name":           "1 2 30",
			"sort=trigger":         "2 30 1",
			"sort=next":            "30 2 1",
			"sort=-next":           "2 30 1",
			"sort=last":            "1 2 30",
			"sort=-last":           "2 1 30",
			"sort=errors":          "30 2 1",
			"sort=-errors":         "2 30 1",
			"sort=-p95":            "30 2 1",
			"sort=p95":             "2 30 1",
			"sort=deployed":        "30 2 1",
			"sort=nobody":          "1 2 30",
			"page=9":               "1 2 30",
			"page=x&q=people+crm+": "1",
		} {
			params, err := url.ParseQuery(query)
			if err != nil {
				t.Fatal(err)
			}
			l, err := pages.List(t.Context(), someFlows(), params, Want{Runs: true})
			if err != nil {
				t.Fatal(err)
			}
			if got := numbers(l); got != want {
				t.Errorf("%s: %s, want %s", query, got, want)
			}
			if fmt.Sprint(l.Tags) != "[{crm 2} {nightly 1}]" || l.All != 3 {
				t.Errorf("%s: tags %v of %d flows", query, l.Tags, l.All)
			}
		}
	})
}

// The last result is that of the history, whenever it was, unless Redis has a later one.
func TestTheLastResultIsKnownWheneverItWas(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, _, pages := knownFlows()
		l, err := pages.List(t.Context(), someFlows(), nil, Want{Runs: true})
		if err != nil {
			t.Fatal(err)
		}
		if r := l.Rows[0].Last; r == nil || r.ID != "old" || r.State != "failed" {
			t.Errorf("flow 1: %+v", r)
		}
		if r := l.Rows[1].Last; r == nil || r.ID != "c" || r.State != "running" {
			t.Errorf("flow 2: %+v", r)
		}
		if l.Rows[2].Last != nil || l.Over != "24 hours" || l.Note != "" {
			t.Errorf("flow 30: %+v over %q, %q", l.Rows[2].Last, l.Over, l.Note)
		}
		away, err := pages.List(t.Context(), someFlows(), nil, Want{Runs: true, Away: true})
		if err != nil || away.Rows[1].Last == nil || away.Rows[1].Last.ID != "b" || away.Note == "" {
			t.Errorf("while Redis is away: %+v, %q, %v", away.Rows[1].Last, away.Note, err)
		}
		none, err := pages.List(t.Context(), someFlows(), nil, Want{})
		if err != nil || none.Rows[0].Last != nil || none.Rows[1].Figures != nil {
			t.Errorf("for who may not read runs: %+v, %v", none.Rows, err)
		}
	})
}

// A page does not wait for slow figures, says so, and has them when they have come. Nobody reads them twice.
func TestAPageDoesNotWaitForFigures(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, runs, pages := knownFlows()
		h.took = time.Second
		for range 3 {
			began := time.Now()
			l, err := pages.List(t.Context(), someFlows(), nil, Want{Runs: true})
			if err != nil || !l.Reading || l.Rows[1].Figures != nil || time.Since(began) > figuresWait {
				t.Errorf("after %s: %+v, %v", time.Since(began), l, err)
			}
		}
		time.Sleep(time.Second)
		synctest.Wait()
		l, err := pages.List(t.Context(), someFlows(), nil, Want{Runs: true})
		if err != nil || l.Reading || l.Rows[1].Figures == nil || l.Rows[1].Figures.Failed != 3 {
			t.Errorf("later: %+v, %v", l, err)
		}
		if h.reads != 1 || runs.listings != 1 {
			t.Errorf("the history was read %d times, Redis %d times, for 4 pages", h.reads, runs.listings)
		}
	})
}

func TestTheListSaysWhatIsNotKnown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*fakeHistory)
		over   string
		note   string
	}{
		"too many for a day": {func(h *fakeHistory) { h.many = 20 * time.Hour }, "3 hours", "shorter time"},
		"too many":           {func(h *fakeHistory) { h.many = time.Minute }, "", "too many"},
		"away":               {func(h *fakeHistory) { h.fails = history.ErrUnavailable }, "", "does not answer"},
	} {
		synctest.Test(t, func(t *testing.T) {
			h, _, pages := knownFlows()
			c.change(h)
			l, err := pages.List(t.Context(), someFlows(), nil, Want{Runs: true})
			if err != nil || l.Over != c.over || !strings.Contains(l.Note, c.note) {
				t.Errorf("%s: over %q, %q, %v", name, l.Over, l.Note, err)
			}
		})
	}
	runs := &fakeRuns{stored: []queue.Record{run("c", 2, time.Minute, queue.Succeeded, "")}}
	l, err := New(Config{Runs: runs, Now: func() time.Time { return noon }}).List(t.Context(), someFlows(), nil, Want{Runs: true})
	if err != nil || !strings.Contains(l.Note, "no history") || l.Rows[1].Last == nil {
		t.Errorf("without a history: %q, %v", l.Note, err)
	}
}

func TestPagesOfAThousandFlows(t *testing.T) {
	t.Parallel()
	rows := make([]view.FlowRow, 1000)
	for i := range rows {
		rows[i] = view.FlowRow{Number: int64(i + 1), Name: fmt.Sprint("flow ", i+1), Tags: []string{fmt.Sprint("t", i%30)}}
	}
	runs := &fakeRuns{}
	pages := New(Config{Runs: runs, Now: func() time.Time { return noon }})
	l, err := pages.List(t.Context(), rows, url.Values{"page": {"20"}}, Want{Runs: true})
	if err != nil || l.Pages != 20 || len(l.Rows) != 50 || l.Rows[49].Number != 1000 || len(l.Tags) != maxTags || l.MoreTags != 10 || runs.listings != 1 {
		t.Errorf("page %d of %d with %d flows after %d listings, %v", l.Page, l.Pages, len(l.Rows), runs.listings, err)
	}
}

// outline has a step with two branches between two others.
func outline() *diagram.Outline {
	return &diagram.Outline{Steps: []diagram.Step{
		{Path: "first", Title: "first", Kind: "set"},
		{Path: "look", Title: "look", Kind: "parallel", Branches: []diagram.Branch{
			{Title: "crm", Steps: []diagram.Step{{Path: "look.1.http", Title: "http", Kind: "http"}}},
			{Title: "gifts", Steps: []diagram.Step{{Path: "look.2.http", Title: "http", Kind: "http"}}},
		}},
		{Path: "last", Title: "last", Kind: "set"},
	}}
}

func figuresOf(o *view.Overlay, path string) view.StepFigures {
	for _, f := range o.Steps {
		if f.Path == path {
			return f
		}
	}
	return view.StepFigures{}
}

func TestARunIsLaidOver(t *testing.T) {
	t.Parallel()
	r := &view.Run{RunRow: view.RunRow{ID: "r", Flow: 7, State: "failed"}, Ended: true, Rows: []view.StepRow{
		{Path: "first", In: 3, Out: 2, Times: 1, Took: time.Second, Each: []view.ItemRow{{Error: "caught"}, {}}},
		{Path: "look", In: 2, Times: 1, Error: "it failed"},
		{Path: "look.1.http", In: 2, Times: 2, Error: "no such person"},
		{Path: "look.2.http", In: 2, Out: 2, Times: 2},
	}, Failure: &view.Failure{Message: "no such person", Step: "look.1.http"}}
	o := OverRun(t.Context(), view.OverRun, r, outline())
	if f := figuresOf(o, "first"); f.State != "succeeded" || f.In != 3 || f.Out != 2 || f.Took != time.Second || f.Failures != 1 || f.Depth != 0 {
		t.Errorf("first: %+v", f)
	}
	if f := figuresOf(o, "look.1.http"); f.State != "failed" || f.Error != "no such person" || f.ErrorRun != "r" || f.Depth != 1 {
		t.Errorf("look.1.http: %+v", f)
	}
	if f := figuresOf(o, "look.2.http"); f.State != "succeeded" || f.Error != "" {
		t.Errorf("look.2.http: %+v", f)
	}
	if f := figuresOf(o, "last"); f.State != "" || f.Items || f.Unknown {
		t.Errorf("last: %+v", f)
	}
	r.Dropped = 3
	if o := OverRun(t.Context(), view.OverRun, r, outline()); !figuresOf(o, "last").Unknown || figuresOf(o, "first").Unknown || len(o.Notes) != 1 {
		t.Errorf("of an incomplete record: %+v, %q", figuresOf(o, "last"), o.Notes)
	}
	r.Ended, r.Failure = false, nil
	r.Rows = []view.StepRow{{Path: "first", Running: true, In: 3}, {Path: "look", Waiting: noon}}
	o = OverRun(t.Context(), view.OverRun, r, outline())
	if a, b := figuresOf(o, "first"), figuresOf(o, "look"); a.State != "running" || b.State != "waiting" {
		t.Errorf("a run that has not ended: %q, %q", a.State, b.State)
	}
}

func TestTheLastRunIsFound(t *testing.T) {
	t.Parallel()
	runs := &fakeRuns{archived: []queue.Record{run("good", 7, 2*time.Hour, queue.Succeeded, ""), run("bad", 7, 90*24*time.Hour, queue.TimedOut, "")}}
	for i := range 1200 {
		runs.stored = append(runs.stored, run(fmt.Sprint("other", i), 8, time.Duration(i)*time.Second, queue.Succeeded, ""))
	}
	pages := New(Config{Runs: runs, History: &fakeHistory{}, Now: func() time.Time { return noon }})
	find := func(failed, away bool, want string) {
		t.Helper()
		if id, err := pages.LastRun(t.Context(), 7, failed, away); err != nil || id != want {
			t.Errorf("failed %t, away %t: %q, %v; want %q", failed, away, id, err, want)
		}
	}
	find(false, false, "good")
	find(true, false, "bad")
	runs.stored = append(runs.stored, run("newer", 7, 1300*time.Second, queue.Running, ""))
	find(false, false, "newer")
	find(true, false, "bad")
	find(false, true, "good")
	runs.fails = fmt.Errorf("%w: refused", queue.ErrHistory)
	find(false, false, "newer")
	if _, err := pages.LastRun(t.Context(), 7, false, true); err == nil {
		t.Error("nothing answers, and a run is found")
	}
}

func TestRunsOfATimeAreLaidOver(t *testing.T) {
	t.Parallel()
	same := run("b", 7, 2*time.Hour, queue.Failed, "look.1.http")
	runs := &fakeRuns{
		stored:   []queue.Record{run("c", 7, time.Minute, queue.Failed, "first"), run("d", 8, time.Minute, queue.Failed, "first"), same},
		archived: []queue.Record{same, run("a", 7, 3*time.Hour, queue.Failed, "look.1.http"), run("old", 7, 48*time.Hour, queue.Failed, "last")},
	}
	h := &fakeHistory{stats: &history.Stats{
		Total:  history.Point{Runs: 10, Took: history.Times{Count: 10, P50: 20, P95: 50}},
		Values: map[string]map[string]int64{history.ByState: {"failed": 3, "timed_out": 1, "succeeded": 6}},
		Steps:  []history.StepStats{{Step: "first", Times: history.Times{Count: 10, P50: 1.5, P95: 3}}, {Step: "look", Times: history.Times{Count: 9, P50: 9, P95: 12}}},
	}}
	pages := New(Config{Runs: runs, History: h, Now: func() time.Time { return noon }})
	o, err := pages.OverTime(t.Context(), view.OverDay, 7, outline(), false)
	if err != nil {
		t.Fatal(err)
	}
	if o.Runs != 10 || o.Failed != 4 || o.P50 != 20*time.Millisecond || o.P95 != 50*time.Millisecond {
		t.Errorf("runs: %+v", o)
	}
	if f := figuresOf(o, "first"); f.Times != 10 || f.P50 != 1500*time.Microsecond || f.Failures != 1 || f.ErrorRun != "c" || f.State != "failed" || f.AtLeast {
		t.Errorf("first: %+v", f)
	}
	if f := figuresOf(o, "look"); f.Failures != 2 || f.ErrorRun != "b" || f.Times != 9 || f.State != "failed" {
		t.Errorf("look has the failures of the steps in it: %+v", f)
	}
	if f := figuresOf(o, "look.1.http"); f.Failures != 2 || !f.Unknown {
		t.Errorf("look.1.http: %+v", f)
	}
	if f := figuresOf(o, "look.2.http"); f.Failures != 0 || f.State != "" || !f.Unknown {
		t.Errorf("look.2.http: %+v", f)
	}
	if f := figuresOf(o, "last"); f.Failures != 0 || f.State != "" || f.Unknown {
		t.Errorf("last did not run: %+v", f)
	}
	if !strings.Contains(strings.Join(o.Notes, "\n"), "steps within others") {
		t.Errorf("notes: %q", o.Notes)
	}
	h.fails = fmt.Errorf("%w: refused", history.ErrUnavailable)
	if o, err := pages.OverTime(t.Context(), view.OverDay, 7, outline(), false); err != nil || !strings.Contains(o.None, "does not answer") {
		t.Errorf("while the history is away: %q, %v", o.None, err)
	}
}

func TestRunsOfATimeWithoutHistory(t *testing.T) {
	t.Parallel()
	runs := &fakeRuns{}
	for i := range 2 * listedRuns * redisListings {
		state, step := queue.Succeeded, ""
		if i%10 == 0 {
			state, step = queue.Failed, "first"
		}
		runs.stored = append(runs.stored, run(fmt.Sprint(i), int64(7+i%2), time.Duration(i)*time.Second, state, step))
	}
	o, err := New(Config{Runs: runs, Now: func() time.Time { return noon }}).OverTime(t.Context(), view.OverDay, 7, outline(), false)
	if err != nil {
		t.Fatal(err)
	}
	if want := int64(listedRuns * redisListings / 2); o.Runs != want || o.Failed != want/5 || o.P50 != time.Second {
		t.Errorf("%d runs, %d failed, median %s", o.Runs, o.Failed, o.P50)
	}
	if f := figuresOf(o, "first"); f.Failures != 500 || !f.AtLeast || !f.Unknown || f.ErrorRun != "0" {
		t.Errorf("first: %+v", f)
	}
	if text := strings.Join(o.Notes, "\n"); !strings.Contains(text, "no history") || !strings.Contains(text, "counted back to") || runs.listings != redisListings {
		t.Errorf("%d listings, notes %q", runs.listings, text)
	}
}
