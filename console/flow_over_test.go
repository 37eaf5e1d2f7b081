package console

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
)

// The page of a flow lays a run, or the runs of a time, over its picture: as a page, and for the script the part that changes.
func TestRunsAreLaidOverTheFlow(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t, withStats(t))
	b := d.signedIn("vera")
	page := b.page("/flows/1")
	has(t, page, `class="box k-set"`, `href="/console/flows/1?over=24h"`, `<div id="figures"></div>`)
	if strings.Contains(page, "is-none") {
		t.Error("something is laid over the picture that nobody asked for")
	}
	has(t, b.page("/flows/1?over=24h"), "<b>3</b> runs ended", "<b>1</b> failed", "Steps in the last 24 hours", `class="box k-set over is-none"`, `data-step="set"`)
	has(t, b.page("/flows/1?over=7d"), "<b>3</b> runs ended", "Steps in the last 7 days")
	has(t, b.page("/flows/1?over=last"), "queued", `href="/console/runs/`+d.run+`"`, "did not run")
	if page := b.page("/flows/1?over=nobody"); strings.Contains(page, "is-none") {
		t.Error("something unknown is laid over the picture")
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, Root+"/flows/1?over=24h", nil)
	r.Header.Set("HX-Request", "true")
	r.Header.Set("HX-Target", "figures")
	part := b.do(r).Body.String()
	has(t, part, `id="figures"`, `id="over"`, `id="over-facts"`, `hx-swap-oob="true"`)
	if strings.Contains(part, "<html") || strings.Contains(part, "k-set over") {
		t.Error("the script gets the page, or the picture, too")
	}
}

// A run is laid over the version that it executes, also when the flow has another one since.
func TestThePictureOfARun(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("vera")
	has(t, b.page("/runs/"+d.run), `href="/console/runs/`+d.run+`/picture"`)
	next, err := flows.Parse("hello.yaml", []byte(helloFlow+"  - filter: \"true\"\n"), steps.Catalogue())
	must(t, err)
	_, err = d.config.Store.Flows().Deploy(t.Context(), next)
	must(t, err)
	d.stored("state", "succeeded", "steps", `{"steps":[{"step":"set","kind":"set","in":1,"out":1,"us":2500,"at":"2026-11-30T12:00:00Z"}]}`)
	page := b.page("/runs/" + d.run + "/picture")
	has(t, page, `k-set over is-succeeded`, "2.5 ms · 1 → 1", `href="/console/runs/`+d.run+`/steps?step=set"`)
	if strings.Contains(page, "k-filter") {
		t.Error("the picture is of a version that the run has not executed")
	}
	has(t, b.page("/flows/1?over=last"), "the picture is of another one", "k-filter over is-none")
	if w := b.get("/runs/01a00000-0000-7000-8000-000000000000/picture"); w.Code != http.StatusNotFound {
		t.Errorf("the picture of no run: %d", w.Code)
	}
}

// The list is searched without script by sending the form, and as one types by a script, which gets the table.
func TestTheListOfFlows(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t, withStats(t))
	tagged, err := flows.Parse("two.yaml", []byte("flow: 2\nname: Other\ntags: [crm, nightly]\nsteps: [{set: {a: 1}}]\n"), steps.Catalogue())
	must(t, err)
	_, err = d.config.Store.Flows().Deploy(t.Context(), tagged)
	must(t, err)
	b := d.signedIn("vera")
	has(t, b.page("/flows"), "Say hello", "Other", `href="/console/flows?tag=nightly"`, `href="/console/flows?sort=-errors"`, "2 flows", `href="/console/runs/`+d.run+`"`)
	page := b.page("/flows?q=HELLO&sort=-p95")
	has(t, page, "Say hello", "1 of 2 flows", `aria-sort="descending"`, `value="HELLO"`)
	if strings.Contains(page, ">Other<") {
		t.Error("a flow is listed that has not the word")
	}
	has(t, b.page("/flows?tag=nightly"), ">Other<")
	has(t, b.page("/flows?q=nobody"), "No flow matches")
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, Root+"/flows?q=hel&tag=", nil)
	r.Header.Set("HX-Request", "true")
	w := b.do(r)
	if part := w.Body.String(); strings.Contains(part, "<html") || !strings.Contains(part, "Say hello") || strings.Contains(part, ">Other<") {
		t.Errorf("the part is %.300s", part)
	}
	if at := w.Header().Get("HX-Replace-Url"); at != "/console/flows?q=hel" {
		t.Errorf("the address becomes %q", at)
	}
}
