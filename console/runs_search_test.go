package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/queue"
)

// submit starts a run of flow 1 that nobody executes, and returns its id.
func (d *testConsole) submit() string {
	d.t.Helper()
	ticket, err := d.config.Queue.Submit(d.t.Context(), queue.Submission{Spec: queue.Spec{Flow: 1, Version: "v", Queue: "default", Event: json.RawMessage(`{}`), Limit: time.Minute}})
	must(d.t, err)
	ticket.Close()
	return ticket.RunID()
}

func search(text string) string { return "/runs?" + url.Values{"filter": {text}}.Encode() }

func TestTheSearchBox(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("vera")
	for text, found := range map[string]bool{
		"state:queued": true, "state:failed,timed_out": false, "-state:failed flow:hello": true, "flow:1 since:1h": true, "until:1h": false, `flow:"say hello"`: true,
		"trigger:schedule": true, "trigger:webhook": false, "hello": true, "Say hello": true, `state eq "queued" or flow eq 7`: true,
	} {
		page := b.page(search(text))
		if strings.Contains(page, d.run) != found {
			t.Errorf("%s: found %t, want %t", text, !found, found)
		}
		if !strings.Contains(page, "looked at every run ") || strings.Contains(page, "Exactly 1 run matches") != found {
			t.Errorf("%s: the page does not say how far it looked", text)
		}
		if !found && !strings.Contains(page, "Widen the search") {
			t.Errorf("%s: nothing says what to widen", text)
		}
	}
	for text, parts := range map[string][]string{
		"stat:failed":          {"<mark>stat</mark>", "did you mean state?"},
		"x state:faild":        {"<mark>faild</mark>", "position 9", "did you mean failed?"},
		"zoe":                  {"needs a history of runs"},
		"label.order:17":       {"needs a history of runs"},
		"flow:hello zoe":       {"Remove", "words"},
		"hello":                {"These are the runs of the flow", url.Values{"filter": {`"hello"`}}.Encode()},
		"failure:" + d.failure: {"These runs are of the failure", Root + "/failures/" + d.failure},
	} {
		page := b.page(search(text))
		for _, part := range parts {
			if !strings.Contains(page, part) {
				t.Errorf("%s: the page lacks %q", text, part)
			}
		}
	}
}

// An id, or the part of it that lists show, leads straight to the run.
func TestPartsOfIDsLeadToTheRun(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("vera")
	other := d.submit()
	if d.run[:8] == other[:8] { // both were made within the same minute
		page := b.page(search(d.run[:8]))
		if !strings.Contains(page, "Several runs have an id with") || !strings.Contains(page, d.run) || !strings.Contains(page, other) {
			t.Error("the beginning of two ids does not list both runs")
		}
	}
	for _, text := range []string{d.run, strings.ToUpper(d.run), "  " + d.run + " ", d.run[24:], "…" + d.run[24:], d.run[:23]} {
		if to := b.get(search(text)).Header().Get("Location"); to != Root+"/runs/"+d.run {
			t.Errorf("%q leads to %q", text, to)
		}
	}
	for _, text := range []string{"0123456789ab", `"` + d.run[24:] + `"`} {
		if w := b.get(search(text)); w.Code != http.StatusOK {
			t.Errorf("%q: %d", text, w.Code)
		}
	}
}

// The fields of the time picker become a part of the search, in the time zone of the browser.
func TestThePickerOfTimes(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("vera")
	b.cookies[cookieZone] = url.QueryEscape("Europe/Berlin")
	to := b.get("/runs?filter=state%3Aqueued+since%3A1d&since=2026-07-01T09%3A00&until=").Header().Get("Location")
	u, err := url.Parse(to)
	if err != nil || u.Query().Get("filter") != "state:queued since:2026-07-01T09:00+02:00" || u.Query().Has("since") {
		t.Errorf("leads to %q, %v", to, err)
	}
	if page := b.page("/runs"); !strings.Contains(page, "Europe/Berlin") {
		t.Error("the page does not say the time zone")
	}
	b.cookies[cookieZone] = "nowhere"
	if page := b.page("/runs?filter=since:today"); !strings.Contains(page, "<b data-zone>UTC</b>") {
		t.Error("an unknown zone is not UTC")
	}
}

func TestLabelsAsColumns(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("vera")
	w := b.get("/runs?filter=flow%3Ahello&columns=chosen&column=order&column=%3Cb%3E&column=order&column=who&column=a&column=b&column=c")
	if to := w.Header().Get("Location"); to != Root+"/runs?filter=flow%3Ahello" || b.cookies[cookieColumns] != "order,who,a,b" {
		t.Errorf("leads to %q, columns %q", to, b.cookies[cookieColumns])
	}
	if page := b.page("/runs"); !strings.Contains(page, `<th scope="col" class="c-label">order</th>`) {
		t.Error("the list has no column of the label")
	}
	b.get("/runs?columns=chosen")
	if page := b.page("/runs"); strings.Contains(page, `class="c-label">order`) {
		t.Error("the column stays")
	}
}

// Users save searches for themselves; shared ones take the right to act on runs.
func TestSavedSearches(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	vera, olga := d.signedIn("vera"), d.signedIn("olga")
	if w := vera.post("/runs/searches", "name", "Mine", "filter", "state:queued"); w.Code != http.StatusSeeOther {
		t.Fatalf("save: %d", w.Code)
	}
	if page := vera.page(search("state:queued")); !strings.Contains(page, `<summary class="chip">Mine</summary>`) {
		t.Error("the search is not named")
	}
	if strings.Contains(olga.page("/runs"), "Mine") {
		t.Error("another user sees it")
	}
	if w := vera.post("/runs/searches", "name", "Ours", "filter", "state:failed", "shared", "yes"); w.Code != http.StatusForbidden {
		t.Errorf("a viewer shares a search: %d", w.Code)
	}
	if w := olga.post("/runs/searches", "name", "Ours", "filter", "state:failed", "shared", "yes"); w.Code != http.StatusSeeOther {
		t.Errorf("an operator cannot share a search: %d", w.Code)
	}
	if page := vera.page("/runs"); !strings.Contains(page, "shared by olga") || strings.Contains(page, "Delete the saved search Ours") {
		t.Error("a shared search is not shown as one that a viewer cannot delete")
	}
	if w := vera.post("/runs/searches/delete", "name", "Ours", "shared", "yes"); w.Code != http.StatusForbidden {
		t.Errorf("a viewer deletes a shared search: %d", w.Code)
	}
	if w := olga.post("/runs/searches/delete", "name", "Ours", "shared", "yes", "sure", "yes"); w.Code != http.StatusSeeOther {
		t.Errorf("delete: %d", w.Code)
	}
	for _, bad := range [][2]string{{"", "state:failed"}, {"x", ""}, {"x", "stat:failed"}, {strings.Repeat("x", 61), "x"}} {
		if w := vera.post("/runs/searches", "name", bad[0], "filter", bad[1]); w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%q is saved: %d", bad, w.Code)
		}
	}
	own, shared, err := d.config.Store.SavedSearches().List(t.Context(), "vera")
	if err != nil || len(own) != 1 || len(shared) != 0 {
		t.Errorf("%+v, %+v, %v", own, shared, err)
	}
	for _, built := range []string{"Failed today", "Uncertain", "Running now", "Waiting for an hour"} {
		if !strings.Contains(vera.page("/runs"), built) {
			t.Errorf("there is no search %s from the start", built)
		}
	}
}

// What the box completes is what the server knows.
func TestTheFieldsOfTheBox(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	var fields []struct {
		Name   string
		Values [][2]string
	}
	must(t, json.Unmarshal(d.signedIn("vera").get("/runs/fields.json").Body.Bytes(), &fields))
	got := map[string][][2]string{}
	for _, f := range fields {
		got[f.Name] = f.Values
	}
	if fmt.Sprint(got["flow"]) != "[[hello 1 Say hello]]" || len(got["state"]) != len(queue.States()) || len(got["code"]) == 0 || len(got["step"]) == 0 {
		t.Errorf("%v", got)
	}
}

// Newer runs are counted behind the first run of a list.
func TestNewerRuns(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("vera")
	at := hiddenURL(t, b.page(search("flow:hello")), "/runs/newer?")
	if got := b.page(at); strings.TrimSpace(got) != "" {
		t.Errorf("without newer runs: %s", got)
	}
	d.submit()
	d.submit()
	if got := b.page(at); !strings.Contains(got, "2 newer runs") || !strings.Contains(got, Root+"/runs?filter=flow%3Ahello") {
		t.Errorf("newer runs: %s", got)
	}
}

// hiddenURL returns the path of a hx-get that begins with a text.
func hiddenURL(t *testing.T, page, start string) string {
	t.Helper()
	_, rest, found := strings.Cut(page, `hx-get="`+Root+start)
	if !found {
		t.Fatalf("the page has no %s", start)
	}
	rest, _, _ = strings.Cut(rest, `"`)
	return start + strings.ReplaceAll(rest, "&amp;", "&")
}

// Chosen runs get a plan first. Without the right to act one can compare two.
func TestChosenRuns(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	vera, olga := d.signedIn("vera"), d.signedIn("olga")
	other := d.submit()
	w := vera.post("/runs/chosen", "action", "compare", "run", d.run, "run", other)
	if to := w.Header().Get("Location"); !strings.HasPrefix(to, Root+"/runs/compare?run=") {
		t.Errorf("compare: %d, %q", w.Code, to)
	}
	for _, form := range [][]string{{"action", "cancel", "run", d.run}, {"action", "cancel", "all", "yes", "filter", "state:queued"}} {
		if w := vera.post("/runs/chosen", form...); w.Code != http.StatusForbidden {
			t.Errorf("a viewer plans %v: %d", form, w.Code)
		}
	}
	plan := olga.post("/runs/chosen", "action", "cancel", "filter", "state:queued", "run", d.run, "run", "019aa7b6-0000-7000-8000-000000000000").Body.String()
	for _, part := range []string{"Cancel 1 run", "1 selected run is left out", `name="run" value="` + d.run + `"`} {
		if !strings.Contains(plan, part) {
			t.Errorf("the plan of one run lacks %q", part)
		}
	}
	if all := olga.post("/runs/chosen", "action", "cancel", "filter", "state:queued", "run", d.run, "all", "yes").Body.String(); !strings.Contains(all, "Cancel 2 runs") {
		t.Error("the plan of all runs is not of all")
	}
	for _, form := range [][]string{{"action", "cancel"}, {"action", "compare", "run", d.run}, {"action", "cancel", "all", "yes", "filter", "stat:x"}} {
		if w := olga.post("/runs/chosen", form...); w.Code != http.StatusBadRequest {
			t.Errorf("%v: %d", form, w.Code)
		}
	}
	w = olga.post("/runs/bulk", "action", "cancel", "run", d.run+" "+other)
	id := strings.TrimPrefix(w.Header().Get("Location"), Root+"/operations/")
	o, err := d.config.Operations.Read(t.Context(), id)
	must(t, err)
	if o.Total != 2 || !o.Chosen || o.Filter != "" || o.By != "user:olga" {
		t.Errorf("%+v", o)
	}
	if page := olga.page("/operations/" + id); !strings.Contains(page, "chosen one by one") {
		t.Error("the operation does not say which runs it is for")
	}
}

// A failure leads to its runs, and to the actions on those that are open.
func TestAFailureLeadsToItsRuns(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	page := d.signedIn("olga").page("/failures/" + d.failure)
	for _, part := range []string{Root + "/runs?filter=failure%3A" + d.failure, "/runs/bulk?action=resume&amp;filter=failure%3A" + d.failure + "+triage%3Aopen"} {
		if !strings.Contains(page, part) {
			t.Errorf("the page of a failure lacks %s", part)
		}
	}
	if page := d.signedIn("vera").page("/failures/" + d.failure); strings.Contains(page, "/runs/bulk") {
		t.Error("a viewer is offered to act")
	}
}

// Each page has the box, but that of the runs, which has its own.
func TestEveryPageHasTheBox(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("vera")
	for _, path := range []string{"/", "/flows", "/failures", "/runs"} {
		if n := strings.Count(b.page(path), "data-fields="); n != 1 {
			t.Errorf("%s has %d boxes", path, n)
		}
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, Root+"/signin", nil)
	if page := b.do(r).Body.String(); strings.Contains(page, "data-filter") {
		t.Error("who is not signed in is offered to search")
	}
}
