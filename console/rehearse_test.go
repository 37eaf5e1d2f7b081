package console

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/penstock/penstock/queue/rehearsal"
)

// The editor shows what its text would do otherwise in recorded runs, and says who may see it.
func TestRehearseAFlow(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	run := d.failedPayment()
	var err error
	d.config.Rehearser, err = rehearsal.New(rehearsal.Config{
		Runs: d.config.Queue, Flows: d.config.Store.Flows(), Connection: func(context.Context, string) (string, error) { return "basic", nil },
	})
	must(t, err)
	journal := "penstock:{default}:journal:" + run
	must(t, d.redis.HSet(t.Context(), journal, "charge.0", `r{"items":[{"status":200}],"of":1}`, "notify.0", `r{"items":[{"status":204}],"of":1}`).Err())
	b := d.signedIn("root")
	if page := b.page("/flows/8"); !strings.Contains(page, `hx-post="/console/flows/8/rehearsals"`) {
		t.Error("the editor offers no rehearsal")
	}
	same := b.post("/flows/8/rehearsals", "source", strings.ReplaceAll(payFlow, "\n", "\r\n"))
	if same.Code != http.StatusOK || !strings.Contains(same.Body.String(), "Nothing would differ in 1 run.") {
		t.Errorf("the deployed text: %d %s", same.Code, same.Body)
	}
	changed := strings.Replace(payFlow, "notify\", json: {}", "notify\", json: {b: <b>}", 1)
	page := b.post("/flows/8/rehearsals", "source", changed).Body.String()
	for _, part := range []string{"1 of 1 run would differ.", "effect changed", "<code>notify</code>", "<code>body.b</code>", "&#34;&lt;b&gt;&#34;", "/console/runs/" + run} {
		if !strings.Contains(page, part) {
			t.Errorf("the report does not say %q", part)
		}
	}
	if w := b.post("/flows/8/rehearsals", "source", "flow: 8\nsteps: [{sett: {}}]"); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("a mistake: %d", w.Code)
	}
	if w := b.post("/flows/8/rehearsals", "source", "flow: 9\nsteps: [{set: {a: 1}}]"); w.Code != http.StatusConflict {
		t.Errorf("another flow: %d", w.Code)
	}
	if page := d.signedIn("vera").page("/flows/8"); strings.Contains(page, "rehearsals") {
		t.Error("a viewer is offered a rehearsal")
	}
}
