package history_test

import (
	"bufio"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/api"
	"github.com/penstock/penstock/api/apitest"
	historyapi "github.com/penstock/penstock/api/history"
	"github.com/penstock/penstock/history"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/queue"
)

// newProduct returns a product with a history into which its runs go.
func newProduct(t *testing.T) (*apitest.Product, *history.DB) {
	t.Helper()
	h, err := history.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "history.db"), slog.New(slog.DiscardHandler))
	apitest.Fatal(t, err)
	t.Cleanup(func() { _ = h.Close() })
	p := apitest.NewProductQueue(t, queue.Config{History: h}, func(c *api.Config) {
		c.History = historyapi.Config{History: h, Runs: c.Fleet.(*queue.Client)}
	})
	archiver := history.NewArchiver(history.ArchiverConfig{History: h, Source: p.Queue, Redis: p.Redis, Process: "test", Log: slog.New(slog.DiscardHandler), Keep: history.Keep{Runs: time.Hour}})
	apitest.Running(t, archiver.Run, func() error { return nil })
	return p, h
}

// archived runs a flow for an event, and returns the run once the history has it.
func archived(p *apitest.Product, h *history.DB, event string) string {
	p.T.Helper()
	id := p.Want(p.Do("POST", "/v1/flows/1/runs", "ann", event), 200)["run_id"].(string)
	testenv.Eventually(p.T, func() string {
		if _, err := h.Read(p.T.Context(), id); err != nil {
			return err.Error()
		}
		return ""
	})
	return id
}

// A run is found by its words, and once it is erased nothing of it is: not in lists, exports, the run or its events.
func TestErasedRunsAreGone(t *testing.T) {
	t.Parallel()
	p, h := newProduct(t)
	p.Deploy(1, apitest.FlowPasses)
	zoe, other := archived(p, h, `{"name":"Zoe Hill"}`), archived(p, h, `{"name":"Ada Hill"}`)
	found := func(query string) (ids []string) {
		t.Helper()
		for _, item := range p.Want(p.Do("GET", "/v1/runs?"+query, "ann", ""), 200)["items"].([]any) {
			ids = append(ids, item.(map[string]any)["run_id"].(string))
		}
		return ids
	}
	if ids := found("search=zoe+hill"); len(ids) != 1 || ids[0] != zoe {
		t.Errorf("found are %v, want %s", ids, zoe)
	}
	if ids := found("search=hill&filter=" + url.QueryEscape(`state eq "failed"`)); len(ids) != 0 {
		t.Errorf("found with a filter that does not fit: %v", ids)
	}
	if got := p.Want(p.Do("POST", "/v1/history/hold", "ann", `{"search":"ada"}`), 200); got["runs"] != 1.0 {
		t.Errorf("held: %v", got)
	}
	if got := p.Want(p.Do("POST", "/v1/history/erase", "ann", `{"search":"hill","dry_run":true}`), 200); got["runs"] != 2.0 || got["erased"] != 0.0 {
		t.Errorf("dry run: %v", got)
	}
	if got := p.Want(p.Do("POST", "/v1/history/erase", "ann", `{"search":"hill"}`), 200); got["erased"] != 1.0 || got["kept"] != 1.0 {
		t.Errorf("erased: %v", got)
	}
	if ids := found("search=hill"); len(ids) != 1 || ids[0] != other {
		t.Errorf("found after it are %v, want %s", ids, other)
	}
	if ids := found(""); len(ids) != 2 {
		t.Errorf("listed are %v: the fact that the erased run ran is lost", ids)
	}
	for _, path := range []string{"/v1/runs/" + zoe, "/v1/runs/" + zoe + "/input"} {
		if reply := p.Do("GET", path, "ann", ""); strings.Contains(reply.Text, "Zoe") {
			t.Errorf("%s has %s", path, reply.Text)
		}
	}
}

// Exports have whole runs, the oldest first, and go on behind a cursor.
func TestExport(t *testing.T) {
	t.Parallel()
	p, h := newProduct(t)
	p.Deploy(1, apitest.FlowPasses)
	want := []string{archived(p, h, `{"n":1}`), archived(p, h, `{"n":2}`), archived(p, h, `{"n":3}`)}
	type line struct {
		Cursor string
		Run    queue.Record
	}
	export := func(query, user string) (lines []line) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.URL+"/v1/history/export?"+query, nil)
		apitest.Fatal(t, err)
		r.SetBasicAuth(user, apitest.Password)
		w, err := p.HTTP.Do(r)
		apitest.Fatal(t, err)
		defer w.Body.Close()
		if w.StatusCode != 200 || w.Header.Get("Content-Type") != "application/x-ndjson" {
			text, _ := io.ReadAll(w.Body)
			t.Fatalf("%d %s: %s", w.StatusCode, w.Header.Get("Content-Type"), text)
		}
		for s := bufio.NewScanner(w.Body); s.Scan(); {
			var l line
			apitest.Fatal(t, json.Unmarshal(s.Bytes(), &l))
			lines = append(lines, l)
		}
		return lines
	}
	all := export("", "vera")
	if len(all) != 3 {
		t.Fatalf("%d lines", len(all))
	}
	for i, l := range all {
		if l.Run.ID != want[i] || !strings.Contains(string(l.Run.Event), string(rune('1'+i))) || len(l.Run.Output) == 0 {
			t.Errorf("line %d is %+v", i, l.Run)
		}
	}
	if rest := export("cursor="+all[0].Cursor, "vera"); len(rest) != 2 || rest[0].Run.ID != want[1] {
		t.Errorf("behind the first line are %+v", rest)
	}
	if none := export("filter="+url.QueryEscape("flow eq 2"), "vera"); len(none) != 0 {
		t.Errorf("of another flow: %+v", none)
	}
}

// Without a history the endpoints say how to get one, and a search does.
func TestNoHistory(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	for _, path := range []string{"/v1/history/hold", "/v1/history/erase"} {
		if got := p.Want(p.Do("POST", path, "ann", `{"search":"x"}`), 404); got["code"] != "no_history" {
			t.Errorf("%s: %v", path, got)
		}
	}
	p.Want(p.Do("GET", "/v1/history/export", "ann", ""), 404)
	for _, query := range []string{"search=x", "filter=" + url.QueryEscape(`labels contains "a=b"`)} {
		if got := p.Want(p.Do("GET", "/v1/runs?"+query, "ann", ""), 400); !strings.Contains(got["detail"].(string), "--history") {
			t.Errorf("%s: %v", query, got)
		}
	}
}

// A run that the history does not have yet is kept, and told.
func TestErasureKeepsWhatIsNotArchived(t *testing.T) {
	t.Parallel()
	h, err := history.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "history.db"), slog.New(slog.DiscardHandler))
	apitest.Fatal(t, err)
	t.Cleanup(func() { _ = h.Close() })
	p := apitest.NewProductQueue(t, queue.Config{History: h}, func(c *api.Config) {
		c.History = historyapi.Config{History: h, Runs: c.Fleet.(*queue.Client)}
	})
	p.Deploy(1, apitest.FlowPasses)
	id := p.Want(p.Do("POST", "/v1/flows/1/runs", "ann", `{"n":1}`), 200)["run_id"].(string)
	testenv.Eventually(t, func() string { // it is settled
		if n, err := p.Redis.LLen(t.Context(), "penstock:{default}:ended").Result(); err != nil || n != 1 {
			return "it is not settled"
		}
		return ""
	})
	if got := p.Want(p.Do("POST", "/v1/history/erase", "ann", `{"filter":"flow eq 1"}`), 200); got["runs"] != 1.0 || got["erased"] != 0.0 || got["kept"] != 1.0 {
		t.Errorf("erased: %v", got)
	}
	got := p.Want(p.Do("POST", "/v1/history/erase", "ann", `{"search":"zoe"}`), 200)
	if n, _ := got["not_looked_at"].(map[string]any); got["runs"] != 0.0 || n["open"] != 0.0 || n["waiting"] != 1.0 {
		t.Errorf("erased by words: %v", got)
	}
	p.Want(p.Do("GET", "/v1/runs/"+id, "ann", ""), 200)
	apitest.Fatal(t, h.Close())
	p.Want(p.Do("POST", "/v1/history/erase", "ann", `{"search":"zoe"}`), 503)
	p.Want(p.Do("POST", "/v1/history/hold", "ann", `{"search":"zoe"}`), 503)
	log := p.Do("GET", "/v1/audit", "ann", "").Text
	if strings.Contains(log, "zoe") || strings.Count(log, `"status":503`) != 2 || !strings.Contains(log, "0 runs erased, chosen by search") {
		t.Errorf("the audit log is %s", log)
	}
	if page := p.Want(p.Do("GET", "/v1/runs?search=zoe", "ann", ""), 200); page["next_cursor"] != nil || page["looked_back_to"] != nil || page["warning"] == nil {
		t.Errorf("the list is %v", page)
	}
}
