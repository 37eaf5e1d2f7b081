package console

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/failure"
)

func TestFailuresAreShownAndChanged(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	viewer, b := d.signedIn("vera"), d.signedIn("olga")
	path := "/failures/" + d.failure
	for _, part := range []string{"order N &lt;b&gt;is&lt;/b&gt; not paid", "charge", "step_failed", Root + path, "/flows/1"} {
		if !strings.Contains(viewer.page("/failures"), part) {
			t.Errorf("the list lacks %s", part)
		}
	}
	if page := viewer.page(path); !strings.Contains(page, "/runs/run-a") || strings.Contains(page, "Resolve") {
		t.Errorf("a viewer sees %s", page)
	}
	if page := b.page(path); !strings.Contains(page, "Resolve") || !strings.Contains(page, "Mute for a day") {
		t.Error("an operator is not offered to act")
	}
	b.post(path, "state", "muted")
	if page := b.page(path); !strings.Contains(page, "Muted until") || !strings.Contains(page, ">Open<") {
		t.Errorf("muted: %s", page)
	}
	b.post(path, "state", "resolved")
	if page := b.page("/failures"); strings.Contains(page, path) || !strings.Contains(page, "No failure is open") {
		t.Error("a resolved failure is among the open ones")
	}
	if !strings.Contains(b.page("/failures?state=resolved"), path) {
		t.Error("a resolved failure is not listed")
	}
	_, err := d.config.Failures.Record(t.Context(), []failure.Run{{ID: "run-b", Flow: 1, Step: "charge", Code: "step_failed", Message: "order 7 <b>is</b> not paid", Ended: time.Now().Add(time.Minute)}})
	must(t, err)
	if !strings.Contains(b.page("/failures"), "came back") {
		t.Error("the page does not say that it came back")
	}
	if w := b.post(path, "state", "gone"); w.Code != http.StatusNotFound {
		t.Errorf("an unknown state: %d", w.Code)
	}
	for _, none := range []string{"/failures/1-0123456789abcdef", "/failures/x"} {
		if w := b.get(none); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", none, w.Code)
		}
	}
}
