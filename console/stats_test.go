package console

import (
	"context"
	"fmt"
	"html"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/console/flowpage"
	"github.com/penstock/penstock/history"
	"github.com/penstock/penstock/queue"
)

// withStats gives a console a history with three runs of flow 1, one of which failed, that ended in the last hour, and one
// that ended a week before.
func withStats(t *testing.T) func(*Config) {
	t.Helper()
	h, err := history.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "history.db"), slog.New(slog.DiscardHandler))
	must(t, err)
	t.Cleanup(func() { _ = h.Close() })
	var runs []history.Run
	now := time.Now()
	for i, ago := range []time.Duration{10 * time.Minute, 10 * time.Minute, 20 * time.Minute, 7*24*time.Hour + 10*time.Minute} {
		at := now.Add(-ago)
		r := queue.Record{Spec: queue.Spec{Flow: 1, Version: "v1", Queue: "default", Principal: "key:crm", Accepted: at}, Attempt: 1}
		r.State, r.Output, r.Steps = queue.Succeeded, []byte("[]"), []byte(`{"steps":[{"step":"fetch","us":30000}]}`)
		if i == 2 {
			r.State, r.Output = queue.TimedOut, nil
		}
		r.Times = queue.Times{Accepted: at, Started: at.Add(time.Millisecond), Finished: at.Add(40 * time.Millisecond)}
		run := history.Run{Archived: queue.Archive(r)}
		run.KeepFor(history.Keep{Runs: time.Hour}, at)
		runs = append(runs, run)
	}
	must(t, h.Write(t.Context(), runs))
	return func(c *Config) { c.Stats = h }
}

func TestChart(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t, withStats(t))
	b, _ := d.withSession("vera")
	for path, parts := range map[string][]string{
		"/":                                 {"3 runs in 24 hours", "3 times as many as a week before", "Say hello deployed", `id="chart"`, `id="latest"`},
		"/?range=7d":                        {"3 runs in 7 days", `hx-get="/console/chart?range=7d"`},
		"/?range=never":                     {"3 runs in 24 hours"},
		"/flows/1":                          {`href="/console/flows/1/stats"`},
		"/flows/1/stats?range=1h":           {"3 runs in 1 hour", "2 runs\np50", "1 run\n1 failed", "whole run:", "<code>fetch</code>", "was deployed", "key:crm", "async"},
		"/flows/1/stats?times=step%3Afetch": {"step fetch:", "p50 30 ms", "range=24h&amp;times=step%3Afetch"},
		"/flows/1/stats?times=wait":         {"wait:", "p50 1.0 ms"},
		"/flows/1/stats?times=other":        {"whole run:"},
		"/chart?flow=1&range=1h":            {"3 runs in 1 hour", "was deployed"},
		"/chart?flow=99":                    {"0 runs in 24 hours"},
	} {
		page := b.page(path)
		for _, part := range parts {
			if !strings.Contains(html.UnescapeString(page), html.UnescapeString(part)) {
				t.Errorf("%s has no %q", path, part)
			}
		}
	}
	if page := b.page("/overview"); strings.Contains(page, `id="chart"`) || !strings.Contains(page, `id="latest"`) {
		t.Error("the part of the overview that is refreshed has the chart, or not the latest runs")
	}
}

// A bar leads to the runs behind it.
func TestABarLeadsToItsRuns(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t, withStats(t))
	b, _ := d.withSession("vera")
	_, rest, _ := strings.Cut(b.page("/flows/1/stats?range=1h"), "2 runs\n")
	page := b.page("/flows/1/stats?range=1h")
	before := page[:len(page)-len(rest)]
	link := before[strings.LastIndex(before, `href="`)+len(`href="`):]
	at, err := url.Parse(html.UnescapeString(link[:strings.Index(link, `"`)]))
	must(t, err)
	from := time.Now().Add(-10 * time.Minute).UTC().Truncate(time.Minute)
	filter := at.Query().Get("filter")
	if want := "finished_at lt \"" + from.Add(time.Minute).Format(time.RFC3339) + "\" and flow eq 1"; !strings.HasSuffix(filter, want) && !strings.HasSuffix(filter, "finished_at lt \""+from.Format(time.RFC3339)+"\" and flow eq 1") {
		t.Errorf("filter is %s, want %s", filter, want)
	}
	if w := b.get(strings.TrimPrefix(at.String(), Root)); w.Code != http.StatusOK || strings.Contains(w.Body.String(), `aria-invalid`) {
		t.Errorf("%s: %d", at, w.Code)
	}
}

// away is a history that does not answer.
type away struct{ flowpage.History }

func (away) Stats(context.Context, history.StatsQuery) (*history.Stats, error) {
	return nil, fmt.Errorf("%w: connection refused", history.ErrUnavailable)
}

func TestChartWithoutHistory(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b, _ := d.withSession("vera")
	if strings.Contains(b.page("/")+b.page("/flows/1"), "/stats") || b.get("/flows/1/stats").Code != http.StatusNotFound || b.get("/chart").Code != http.StatusNotFound {
		t.Error("there is a chart without a history")
	}
	d.config.Stats = away{}
	if page := b.page("/"); strings.Contains(page, `id="chart"`) {
		t.Error("there is a chart while the history does not answer")
	}
	if w := b.get("/flows/1/stats"); w.Code != http.StatusServiceUnavailable {
		t.Errorf("statistics while the history does not answer: %d", w.Code)
	}
}
