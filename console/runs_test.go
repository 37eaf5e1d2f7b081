package console

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/blob"
	"github.com/penstock/penstock/queue"
)

func TestRunsAreFilteredAsInTheAPI(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("vera")
	for filter, found := range map[string]bool{
		`state eq "queued"`:                        true,
		`state eq "failed"`:                        false,
		`flow eq 1 and not state eq "failed"`:      true,
		`created_at ge "2001-01-01" and flow eq 1`: true,
		`queue in ("slow")`:                        false,
	} {
		page := b.page("/runs?filter=" + url.QueryEscape(filter))
		if strings.Contains(page, d.run) != found {
			t.Errorf("%s: found %t, want %t", filter, !found, found)
		}
	}
	if page := b.page("/runs?filter=stat+eq+1"); !strings.Contains(page, "position 1") || !strings.Contains(page, "created_at") {
		t.Error("a mistake in the filter is not explained")
	}
	if w := b.get("/runs?filter=" + d.run); w.Header().Get("Location") != Root+"/runs/"+d.run {
		t.Errorf("a run's id leads to %q", w.Header().Get("Location"))
	}
	if page := b.page("/runs?filter=&order_by=&page="); !strings.Contains(page, d.run) {
		t.Error("parameters that a form leaves empty hide the runs")
	}
}

func TestARunCanBeCancelledAndReplayed(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("olga")
	if w := b.post("/runs/" + d.run + "/cancel"); w.Code != http.StatusSeeOther {
		t.Fatalf("cancel: %d", w.Code)
	}
	page := b.page("/runs/" + d.run)
	for _, part := range []string{"cancelled", "the run was cancelled by olga", "The run was cancelled.", "Ada"} {
		if !strings.Contains(page, part) {
			t.Errorf("the page does not say %q", part)
		}
	}
	w := b.post("/runs/"+d.run+"/replay", "version", "current")
	again, err := d.config.Queue.Record(t.Context(), strings.TrimPrefix(w.Header().Get("Location"), Root+"/runs/"))
	must(t, err)
	if again.ReplayOf != d.run || again.Principal != "user:olga" || string(again.Event) != `{"name":"Ada"}` || again.State != queue.Queued {
		t.Errorf("replay %+v", again)
	}
	if page := b.page("/runs/compare?run=" + d.run + "&run=" + again.ID); !strings.Contains(page, "No difference.") {
		t.Error("two runs with one event differ")
	}
}

// The page of a run leads to its files, and a replay has copies of them.
func TestFilesOfARun(t *testing.T) {
	t.Parallel()
	files, err := blob.New(blob.Config{Backend: new(blob.Memory), MaxSize: 1 << 20})
	must(t, err)
	d := newTestConsole(t, func(c *Config) { c.Files = files })
	flow, found := d.config.Store.Flows().Find("1")
	if !found {
		t.Fatal("no flow 1")
	}
	s := queue.SubmissionOf(flow)
	s.ID, s.Accepted = queue.NewRunID(s.Queue), time.Now()
	info, err := files.Put(t.Context(), s.ID, 0, strings.NewReader("<script>content"))
	must(t, err)
	described := flows.NewFile(info, `ä "b"<i>.html`, "text/html").Value()
	s.Event = flows.EncodeJSON(map[string]any{"name": "x", "all": []any{described, described}, "gone": map[string]any{"file": "blob:" + strings.Repeat("0", 32)}})
	ticket, err := d.config.Queue.Submit(t.Context(), s)
	must(t, err)
	ticket.Close()
	b := d.signedIn("olga")
	at := "/runs/" + s.ID + "/files/" + info.ID
	if page := b.page("/runs/" + s.ID); strings.Count(page, Root+at+`"`) != 1 || strings.Contains(page, "<i>") {
		t.Error("the page does not lead to the file")
	}
	w := b.get(at)
	if h := w.Header(); w.Code != http.StatusOK || w.Body.String() != "<script>content" || h.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(h.Get("Content-Disposition"), "attachment; filename*=utf-8''%C3%A4%20") {
		t.Errorf("%d %s %v", w.Code, w.Body, h)
	}
	for _, path := range []string{"/runs/" + d.run + "/files/" + info.ID, "/runs/" + s.ID + "/files/" + strings.Repeat("0", 32), "/runs/nobody/files/" + info.ID} {
		if w := b.get(path); w.Code != http.StatusNotFound || w.Header().Get("Content-Disposition") != "" {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	w = b.post("/runs/"+s.ID+"/replay", "version", "current")
	again, err := d.config.Queue.Record(t.Context(), strings.TrimPrefix(w.Header().Get("Location"), Root+"/runs/"))
	must(t, err)
	copies := filesOf(again.Event)
	if len(copies) != 2 || copies[0].ID == info.ID || copies[0].Name != `ä "b"<i>.html` {
		t.Fatalf("files of the replay: %+v", copies)
	}
	must(t, files.Delete(t.Context(), s.ID, info.ID))
	if w := b.get("/runs/" + again.ID + "/files/" + copies[0].ID); w.Body.String() != "<script>content" {
		t.Errorf("the copy: %d %s", w.Code, w.Body)
	}
}

func TestALiveRunEndsItsStream(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("olga")
	server := httptest.NewServer(d)
	t.Cleanup(server.Close)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+Root+"/runs/"+d.run+"/live", nil)
	must(t, err)
	r.AddCookie(&http.Cookie{Name: cookieSession, Value: b.cookies[cookieSession]})
	answer, err := http.DefaultClient.Do(r)
	must(t, err)
	defer answer.Body.Close()
	if kind := answer.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Fatalf("type %q", kind)
	}
	text := make([]byte, 1)
	_, err = answer.Body.Read(text) // the first picture: the stream follows the run
	must(t, err)
	b.post("/runs/" + d.run + "/cancel")
	var all strings.Builder
	for err == nil {
		var n int
		chunk := make([]byte, 4096)
		n, err = answer.Body.Read(chunk)
		all.Write(chunk[:n])
	}
	if !strings.HasSuffix(all.String(), "event: end\ndata:\n\n") || !strings.Contains(all.String(), "the run was cancelled by olga") {
		t.Errorf("the stream ends with %q", all.String()[max(0, all.Len()-200):])
	}
}

func TestStepsAreRows(t *testing.T) {
	t.Parallel()
	var a stepRecord
	must(t, json.Unmarshal([]byte(`{"steps": [
		{"step": "switch.1.a", "kind": "set", "in": 1, "out": 1, "at": "2026-01-01T00:00:02Z", "us": 1000000},
		{"step": "switch.1.a", "kind": "set", "in": 2, "out": 1, "at": "2026-01-01T00:00:04Z", "us": 1000000, "error": "no"},
		{"step": "switch", "kind": "switch", "in": 3, "out": 2, "at": "2026-01-01T00:00:04Z", "us": 3000000},
		{"step": "last", "kind": "log", "in": 2, "out": 2, "at": "2026-01-01T00:00:05Z", "us": 1000000}
	]}`), &a))
	rows := a.rows(d0, noAggregation)
	want := []view.StepRow{
		{Path: "switch", Name: "switch", Kind: "switch", In: 3, Out: 2, Times: 1},
		{Path: "switch.1.a", Name: "1.a", Kind: "set", Depth: 1, In: 3, Out: 2, Times: 2, Error: "no"},
		{Path: "last", Name: "last", Kind: "log", In: 2, Out: 2, Times: 1},
	}
	bars := [][]view.Bar{
		{{From: 0, Width: 75}},
		{{From: 0, Width: 25}, {From: 50, Width: 25, Failed: true}},
		{{From: 75, Width: 25}},
	}
	if len(rows) != len(want) {
		t.Fatalf("rows %+v", rows)
	}
	for i, r := range rows {
		for j, bar := range r.Bars {
			if bar != bars[i][j] {
				t.Errorf("bar %d of %s: %+v, want %+v", j, r.Path, bar, bars[i][j])
			}
		}
		w := want[i]
		if r.Path != w.Path || r.Name != w.Name || r.Depth != w.Depth || r.In != w.In || r.Out != w.Out || r.Times != w.Times || r.Error != w.Error {
			t.Errorf("row %+v, want %+v", r, w)
		}
	}
}

func TestRunningRuns(t *testing.T) {
	t.Parallel()
	var a stepRecord
	tell := func(attempt int, kind, data string) {
		a.apply(queue.Event{Attempt: attempt, Kind: kind, Data: json.RawMessage(data)})
	}
	tell(1, "step_started", `{"step": "a", "kind": "http", "in": 1, "at": "2026-01-01T00:00:00Z"}`)
	if rows := a.rows(d0, noAggregation); len(rows) != 1 || !rows[0].Running {
		t.Errorf("while a runs: %+v", rows)
	}
	tell(1, "step", `{"step": "a", "kind": "http", "in": 1, "out": 1, "at": "2026-01-01T00:00:01Z", "us": 1000000}`)
	tell(1, "step_started", `{"step": "b", "kind": "http", "in": 1, "at": "2026-01-01T00:00:01Z"}`)
	if rows := a.rows(d0, noAggregation); len(rows) != 2 || rows[0].Running || !rows[1].Running {
		t.Errorf("while b runs: %+v", rows)
	}
	tell(2, "step_started", `{"step": "a", "kind": "http", "in": 1, "at": "2026-01-01T00:00:09Z"}`)
	if rows := a.rows(d0, noAggregation); len(rows) != 1 || rows[0].Path != "a" {
		t.Errorf("in the second attempt: %+v", rows)
	}
}

func noAggregation(string) bool { return false }

// The results of single items are placed on the run's timeline, with their input and output as far as recorded.
func TestItemRows(t *testing.T) {
	t.Parallel()
	steps := `{"steps":[
		{"step":"split","kind":"split","in":1,"out":3,"at":"2026-11-01T00:00:00.001Z","us":1000,"items":[{"id":1},{"id":2},{"id":3}]},
		{"step":"send","kind":"http","in":3,"out":3,"at":"2026-11-01T00:00:00.010Z","us":9000,"attempts":3,"replayed":1,"items":["a","b","c"],
		 "each":[{"item":0,"after_us":0,"us":4500,"attempts":1,"out":1},{"item":1,"after_us":10,"us":20,"replayed":true,"out":2},
		  {"item":2,"after_us":4500,"us":4500,"attempts":2,"out":0,"error":"answered 500"}]}]}`
	a := decodeSteps(&queue.Record{Steps: json.RawMessage(steps)})
	run := view.Run{Rows: a.rows(time.Now(), noAggregation)}
	run.WithItems()
	got := run.Rows[1].Each
	want := []view.ItemRow{
		{Label: "0", Starts: time.Millisecond, Took: 4500 * time.Microsecond, Attempts: 1, Out: 1,
			Input: json.RawMessage(`{"id":1}`), Output: json.RawMessage(`["a"]`), Bar: view.Bar{From: 10, Width: 45}},
		{Item: 1, Label: "1", Starts: 1010 * time.Microsecond, Took: 20 * time.Microsecond, Replayed: true, Out: 2,
			Input: json.RawMessage(`{"id":2}`), Output: json.RawMessage(`["b","c"]`), Bar: view.Bar{From: 10.1, Width: 0.2}},
		{Item: 2, Label: "2", Starts: 5500 * time.Microsecond, Took: 4500 * time.Microsecond, Attempts: 2, Error: "answered 500",
			Input: json.RawMessage(`{"id":3}`), Bar: view.Bar{From: 55, Width: 45, Failed: true}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// The time to the response counts only if it is plausible, because clocks may differ.
func TestPhases(t *testing.T) {
	t.Parallel()
	end := time.Date(2026, 11, 1, 0, 0, 1, 0, time.UTC)
	for took, want := range map[time.Duration]bool{2 * time.Millisecond: true, -time.Second: false, time.Minute: false} {
		all := phases(&queue.Record{Result: queue.Result{Times: queue.Times{Started: end.Add(-time.Second), Finished: end, Delivered: end.Add(took)}}}, end)
		last := all[len(all)-1]
		if got := last.Name == "reply" && last.Took == took; got != want {
			t.Errorf("answered %v after the end: last phase %v", took, last)
		}
	}
}
