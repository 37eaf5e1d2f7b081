package console

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/console/steprecord"
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

// The time to the response counts only if it is plausible, because clocks may differ.
func TestPhases(t *testing.T) {
	t.Parallel()
	end := time.Date(2026, 11, 1, 0, 0, 1, 0, time.UTC)
	for took, want := range map[time.Duration]bool{2 * time.Millisecond: true, -time.Second: false, time.Minute: false} {
		all := phases(&queue.Record{Result: queue.Result{Times: queue.Times{Started: end.Add(-time.Second), Finished: end, Delivered: end.Add(took)}}}, &steprecord.Record{}, end)
		last := all[len(all)-1]
		if got := last.Name == "reply" && last.Took == took; got != want {
			t.Errorf("answered %v after the end: last phase %v", took, last)
		}
	}
}
