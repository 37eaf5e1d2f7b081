package console

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// goTo returns what the script gets for a text.
func (b *browser) goTo(text string) string {
	b.t.Helper()
	r := httptest.NewRequestWithContext(b.t.Context(), http.MethodGet, Root+"/go", nil)
	r.URL.RawQuery = "q=" + text
	r.Header.Set("HX-Request", "true")
	w := b.do(r)
	if w.Code != http.StatusOK || strings.Contains(w.Body.String(), "<html") {
		b.t.Fatalf("go to %s: %d", text, w.Code)
	}
	return w.Body.String()
}

// Each user finds what the user may open and do.
func TestGoingAnywhereByRole(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	d.endRun()
	for text, who := range map[string]map[string]string{ // what is found, and by whom
		"hello":          {`href="/console/flows/1"`: "vor", `href="/console/flows/1/try"`: "or", `formaction="/console/flows/1/paused"`: "or"},
		"pause+default":  {`formaction="/console/go/queues/default"`: "or"},
		"crm":            {`href="/console/connections/crm"`: "r", `href="/console/access/keys/crm"`: "r", `href="/console/runs?filter=crm"`: "vor"},
		"client-a":       {`href="/console/access/clients/client-a"`: "r"},
		"vera":           {`href="/console/access/users/vera"`: "r"},
		"new":            {`href="/console/flows/new"`: "r", `href="/console/access/users#new-user"`: "r"},
		"":               {`href="/console/account"`: "vor", `href="/console/access/audit"`: "r", `href="/console/runs"`: "vor"},
		"dark":           {`data-theme-switch`: "vor"},
		d.run:            {`href="/console/runs/` + d.run + `"`: "vor"},
		d.run[24:]:       {`href="/console/runs/` + d.run + `"`: "vor"},
		"nothing+at+all": {`class="found" href="/console/flows`: "", "Search runs for": "vor"},
	} {
		for _, user := range []string{"vera", "olga", "root"} {
			page := d.signedIn(user).goTo(text)
			for part, may := range who {
				if strings.Contains(page, part) != strings.Contains(may, user[:1]) {
					t.Errorf("%s, %q: %s is found: %t", user, text, part, strings.Contains(page, part))
				}
			}
		}
	}
	if page := d.signedIn("root").page("/go?q=hello"); !strings.Contains(page, `value="hello"`) || !strings.Contains(page, `href="/console/flows/1"`) || strings.Contains(page, `class="found" type="button"`) {
		t.Error("the page without the script")
	}
}

// A queue is paused and resumed from there.
func TestQueuesArePausedFromAnywhere(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("olga")
	for _, paused := range []bool{true, false} {
		value := map[bool]string{true: "true", false: "false"}[paused]
		if page := b.goTo("queue+default"); strings.Contains(page, "Resume queue default") == paused {
			t.Errorf("before paused=%s: %s", value, page)
		}
		if w := b.post("/go/queues/default", "paused", value); w.Code != http.StatusSeeOther {
			t.Errorf("paused=%s: %d", value, w.Code)
		}
		all, err := d.config.Queue.Stats(t.Context())
		must(t, err)
		if all[0].Queue != "default" || all[0].Paused != paused {
			t.Errorf("paused=%s: %+v", value, all[0])
		}
	}
	if w := b.post("/go/queues/nowhere", "paused", "true"); w.Code != http.StatusNotFound {
		t.Errorf("an unknown queue: %d", w.Code)
	}
}
