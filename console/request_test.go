package console

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/session"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

// A text of a run cannot begin a field of the event stream: each line is of the data, whatever ends the lines of a message.
func TestStreamsCarryAnyText(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b, _ := d.withSession("vera")
	record, err := d.config.Queue.Record(t.Context(), d.run)
	must(t, err)
	record.State = queue.Failed
	record.Error = &flows.Error{Code: "failed", Message: "a\revent: end\rdata: b\r\nevent: end\nid: 7\n\nretry: 1\r\r<x-evil>", Step: "s\rid: 8"}
	for _, query := range []string{"", "?compact"} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, Root+"/runs/"+d.run+"/live"+query, nil)
		r.AddCookie(&http.Cookie{Name: cookieSession, Value: b.cookies[cookieSession]})
		w := httptest.NewRecorder()
		req := d.newRequestState(consoleSite(), w, r)
		must(t, req.identify())
		l := &eventStream{req: req, control: http.NewResponseController(w), record: record, compact: query != ""}
		l.sendBody()
		if l.err != nil {
			t.Fatal(l.err)
		}
		text := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(w.Body.String())
		lines := strings.Split(strings.TrimSuffix(text, "\n\n"), "\n")
		if lines[0] != "event: run" {
			t.Errorf("%q: the first line is %q", query, lines[0])
		}
		for _, line := range lines[1:] {
			if !strings.HasPrefix(line, "data: ") {
				t.Errorf("%q: the line %q is not of the data", query, line)
			}
		}
		if !strings.Contains(text, "retry: 1") || strings.Contains(text, "<x-evil>") {
			t.Errorf("%q: the message is not shown, or is markup", query)
		}
	}
}

// The script gets errors and redirects in a form that it can show; a browser without it gets pages.
func TestAnswersForTheScript(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b, token := d.withSession("olga")
	send := func(pattern string, script bool) *httptest.ResponseRecorder {
		r := d.requestOf(pattern, nil)
		r.Header.Set(session.HeaderCSRF, session.MaskToken(token))
		if script {
			r.Header.Set("HX-Request", "true")
		}
		return b.do(r)
	}
	for _, pattern := range []string{"GET /access/keys", "GET /flows/9", "GET /nowhere", "POST /flows"} {
		page, part := send(pattern, false), send(pattern, true)
		if page.Code != part.Code || page.Code < 400 {
			t.Errorf("%s: %d, for the script %d", pattern, page.Code, part.Code)
		}
		if !strings.Contains(page.Body.String(), "<!doctype html>") || page.Header().Get("HX-Retarget") != "" {
			t.Errorf("%s: the page is %.80s", pattern, page.Body)
		}
		if strings.Contains(part.Body.String(), "<!doctype html>") || part.Header().Get("HX-Retarget") != "#trouble" {
			t.Errorf("%s: the part is %.80s, %v", pattern, part.Body, part.Header())
		}
		if vary := part.Header().Get("Vary"); !strings.Contains(vary, "HX-Request") {
			t.Errorf("%s: Vary %q, so that a cache takes one for the other", pattern, vary)
		}
	}
	if w := send("POST /runs/{run}/cancel", true); w.Code != http.StatusNoContent || w.Header().Get("HX-Redirect") != Root+"/runs/"+d.run || w.Header().Get("Location") != "" {
		t.Errorf("after a write: %d %v", w.Code, w.Header())
	}
	if w := send("POST /runs/{run}/cancel", false); w.Code != http.StatusSeeOther || w.Header().Get("Location") != Root+"/runs/"+d.run {
		t.Errorf("after a write: %d %v", w.Code, w.Header())
	}
}

// Large pages are compressed for browsers that take it, and are the same.
func TestCompression(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	for _, size := range []int{0, minGzipSize - 1, minGzipSize, 100_000} {
		for accepts, zipped := range map[string]bool{"": false, "br": false, "gzip, br": size >= minGzipSize} {
			w := httptest.NewRecorder()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, Root+"/", nil)
			r.Header.Set("Accept-Encoding", accepts)
			body := []byte(strings.Repeat("x", size))
			d.newRequestState(consoleSite(), w, r).send(http.StatusOK, body)
			var got io.Reader = bufio.NewReader(w.Body)
			if (w.Header().Get("Content-Encoding") == "gzip") != zipped {
				t.Errorf("%d bytes for %q: %v", size, accepts, w.Header())
				continue
			}
			if zipped {
				z, err := gzip.NewReader(got)
				must(t, err)
				got = z
			}
			if text, err := io.ReadAll(got); err != nil || !slices.Equal(text, body) {
				t.Errorf("%d bytes for %q came as %d, %v", size, accepts, len(text), err)
			}
		}
	}
}

// An internal error is a page that says nothing of it, and one line of the log; a browser that has gone gets none.
func TestInternalErrors(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	for name, tc := range map[string]struct {
		err    error
		status int
		silent bool
	}{
		"internal":       {errors.New("dial redis://:s3cret@10.0.0.1"), 500, false},
		"unavailable":    {errors.Join(queue.ErrUnavailable, errors.New("dial redis://:s3cret@10.0.0.1")), 503, false},
		"a fault":        {&fault{http.StatusTeapot, "Title", "Text"}, http.StatusTeapot, false},
		"not found":      {store.ErrNotFound, 404, false},
		"wrong":          {&store.InvalidError{Member: "name", Reason: "is required"}, 422, false},
		"too many tries": {&auth.Error{Code: auth.CodeSlowDown, Message: "s3cret"}, 500, false}, // the sign-in answers it itself
		"gone":           {context.Canceled, 200, true},
	} {
		w := httptest.NewRecorder()
		d.newRequestState(consoleSite(), w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, Root+"/", nil)).renderError(tc.err)
		if w.Code != tc.status || strings.Contains(w.Body.String(), "s3cret") || (w.Body.Len() == 0) != tc.silent {
			t.Errorf("%s: %d %.200s", name, w.Code, w.Body)
		}
	}
}

// The figures of the overview are those of the runs within its window; clocks that differ do not break the chart.
func TestSummarize(t *testing.T) {
	t.Parallel()
	now := time.Unix(1795280000, 0)
	run := func(age time.Duration, state queue.State, took time.Duration) queue.Record {
		var r queue.Record
		r.State, r.Times.Accepted = state, now.Add(-age)
		if state.Terminal() {
			r.Times.Started, r.Times.Finished = now.Add(-age), now.Add(took-age)
		}
		return r
	}
	got := summarize([]queue.Record{
		run(-5*time.Second, queue.Queued, 0), // accepted by a clock that is ahead
		run(0, queue.Running, 0),
		run(30*time.Second, queue.Succeeded, 10*time.Millisecond),
		run(5*time.Minute, queue.Failed, 20*time.Millisecond),
		run(10*time.Minute, queue.TimedOut, 30*time.Millisecond),
		run(overviewWindow-1, queue.Cancelled, 40*time.Millisecond),
		run(overviewWindow+time.Minute, queue.Succeeded, 50*time.Millisecond), // older than the window, counted in its first bar
	}, now, overviewWindow)
	if got.Runs != 7 || got.Failed != 2 || got.Open != 2 || got.Rate != 3.0/60 {
		t.Errorf("%d runs, %d failed, %d open, %v a second", got.Runs, got.Failed, got.Open, got.Rate)
	}
	sum := 0
	for _, bar := range got.Bars {
		sum += bar.Runs
	}
	if len(got.Bars) != overviewBars || sum != 7 || got.Bars[0].Runs != 2 || got.Bars[overviewBars-1].Runs != 2 {
		t.Errorf("bars %v", got.Bars)
	}
	if got.P50 <= 0 || got.P50 > got.P95 || got.P95 > got.P99 {
		t.Errorf("percentiles %v, %v, %v", got.P50, got.P95, got.P99)
	}
	if none := summarize(nil, now, time.Second); none.Rate != 0 || none.P99 != 0 {
		t.Errorf("without runs: %+v", none)
	}
}
