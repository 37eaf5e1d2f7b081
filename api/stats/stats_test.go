package stats_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/api"
	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/history"
	"github.com/penstock/penstock/queue"
)

// noon is the time of a test.
var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// newProduct returns a product whose history has three runs of flow 1, of which one failed, and one run of flow 2.
func newProduct(t *testing.T) *apitest.Product {
	t.Helper()
	h, err := history.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "history.db"), slog.New(slog.DiscardHandler))
	apitest.Fatal(t, err)
	t.Cleanup(func() { _ = h.Close() })
	var runs []history.Run
	for i, flow := range []int64{1, 1, 1, 2} {
		at := noon.Add(-time.Duration(i) * time.Hour)
		r := queue.Record{Spec: queue.Spec{Flow: flow, Version: "v1", Queue: "default", Principal: fmt.Sprint("key:k", i), Accepted: at}, Attempt: 1}
		r.State, r.Output, r.Steps = queue.Succeeded, []byte("[]"), []byte(`{"steps":[{"step":"look.up","us":2000}]}`)
		if i == 1 {
			r.State, r.Output = queue.TimedOut, nil
		}
		r.Times = queue.Times{Accepted: at, Started: at.Add(time.Millisecond), Finished: at.Add(10 * time.Millisecond)}
		run := history.Run{Archived: queue.Archive(r)}
		run.KeepFor(history.Keep{Runs: time.Hour}, at)
		runs = append(runs, run)
	}
	apitest.Fatal(t, h.Write(t.Context(), runs))
	p := apitest.NewProduct(t, func(c *api.Config) {
		c.Stats, c.Now = h, func() time.Time { return noon.Add(time.Minute) }
		c.History.Runs = c.Fleet.(*queue.Client)
	})
	p.Deploy(1, apitest.FlowPasses)
	p.Deploy(2, apitest.FlowPasses)
	return p
}

func TestStats(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	all := p.Want(p.Do("GET", "/v1/stats", "vera", ""), 200)
	if total := all["total"].(map[string]any); total["runs"] != 4.0 || fmt.Sprint(total["counts"]) != "map[succeeded:3 timed_out:1]" || all["width"] != "5m" {
		t.Errorf("all: %v by %v", total, all["width"])
	}
	for query, want := range map[string]string{
		"":                 "3 map[succeeded:2 timed_out:1] 5m",
		"from=90m":         "2 map[succeeded:1 timed_out:1] 1m",
		"from=7d&width=1d": "3 map[succeeded:2 timed_out:1] 1d",
		"by=principal":     "3 map[key:k0:1 key:k1:1 key:k2:1] 5m",
		"to=1h&from=2h1m":  "2 map[succeeded:1 timed_out:1] 1m",
		"from=2026-11-27T12:00:00%2B01:00&to=2026-11-27T11:30:00Z": "1 map[timed_out:1] 1m",
	} {
		got := p.Want(p.Do("GET", "/v1/flows/1/stats?"+query, "vera", ""), 200)
		total := got["total"].(map[string]any)
		if text := fmt.Sprint(total["runs"], " ", total["counts"], " ", got["width"]); text != want {
			t.Errorf("%s: %s, want %s", query, text, want)
		}
	}
	one := p.Want(p.Do("GET", "/v1/flows/1/stats?step="+url.QueryEscape("look.up"), "vera", ""), 200)
	step := one["total"].(map[string]any)["step"].(map[string]any)
	if step["count"] != 3.0 || step["p50_ms"].(float64) < 1.9 || step["p50_ms"].(float64) > 2.1 || len(one["steps"].([]any)) != 1 {
		t.Errorf("step: %v of %v", step, one["steps"])
	}
	for query, says := range map[string]string{
		"from=yesterday": "from must be a time", "from=1h&to=1h": "from must be before to", "by=colour": "state, code, principal, trigger",
		"width=2m": "width must be one of", "step=x": "no such parameter", "from=1h&from=2h": "more than once", "from=3650d&width=1h": "history: there are more", "from=9999999d": "from must be a time",
	} {
		if got := p.Want(p.Do("GET", "/v1/stats?"+query, "vera", ""), 400); got["code"] != "bad_query" || !strings.Contains(got["detail"].(string), says) {
			t.Errorf("%s: %v", query, got)
		}
	}
}

func TestStatsAreForTheStaff(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	for _, c := range []struct {
		who            string
		all, one, none int
	}{{"", 401, 401, 401}, {"ulf", 403, 404, 404}, {"vera", 200, 200, 404}} {
		for path, want := range map[string]int{"/v1/stats": c.all, "/v1/flows/1/stats": c.one, "/v1/flows/9/stats": c.none} {
			if got := p.Do("GET", path, c.who, ""); got.StatusCode != want {
				t.Errorf("%s by %q: %d, want %d", path, c.who, got.StatusCode, want)
			}
		}
	}
}

// away is a database that does not answer.
type away struct{}

func (away) Stats(context.Context, history.StatsQuery) (*history.Stats, error) {
	return nil, fmt.Errorf("%w: %w", history.ErrUnavailable, errors.New("connection refused"))
}

func TestWithoutHistory(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, apitest.FlowPasses)
	for _, path := range []string{"/v1/stats", "/v1/flows/1/stats"} {
		if got := p.Want(p.Do("GET", path, "vera", ""), 404); got["code"] != "no_history" || !strings.Contains(got["detail"].(string), "--history") {
			t.Errorf("%s: %v", path, got)
		}
	}
	p = apitest.NewProduct(t, func(c *api.Config) { c.Stats, c.History.Runs = away{}, c.Fleet.(*queue.Client) })
	if got := p.Want(p.Do("GET", "/v1/stats", "vera", ""), 503); got["detail"] != "the history of runs does not answer; try again later" {
		t.Errorf("while the history is away: %v", got["detail"])
	}
}
