package console

import (
	"net/http"
	"strings"
	"testing"

	"github.com/penstock/penstock/internal/webhook"
)

func TestWebhooksAreShownSentAgainAndSwitched(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("olga")
	page := b.page("/flows/1/webhooks")
	for _, part := range []string{"order.paid", "https://example.org/in", "pending", d.delivery, "Disable"} {
		if !strings.Contains(page, part) {
			t.Errorf("the page lacks %s", part)
		}
	}
	if one := b.page("/flows/1/webhooks/" + d.delivery); !strings.Contains(one, "12.5") || !strings.Contains(one, "Send again") || strings.Contains(page+one, "hunter2") {
		t.Errorf("the page of a webhook: %s", one)
	}
	if page := b.page("/flows/1/webhooks?state=failed"); strings.Contains(page, d.delivery) || !strings.Contains(page, "No webhook is failed") {
		t.Error("a state does not filter")
	}
	b.post("/flows/1/webhook-endpoints/"+d.endpoint, "enabled", "false")
	if page := b.page("/flows/1/webhooks"); !strings.Contains(page, "by hand") || !strings.Contains(page, "Enable") {
		t.Error("the page does not show that the endpoint is disabled")
	}
	if w := b.post("/flows/1/webhooks/" + d.delivery + "/redeliver"); w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), "The endpoint is disabled") {
		t.Errorf("sent again to a disabled endpoint: %d", w.Code)
	}
	b.post("/flows/1/webhook-endpoints/"+d.endpoint, "enabled", "true")
	if w := b.post("/flows/1/webhooks/" + d.delivery + "/redeliver"); w.Code != http.StatusSeeOther {
		t.Errorf("sent again: %d", w.Code)
	}
	if one, err := d.config.Webhooks.Delivery(t.Context(), 1, d.delivery); err != nil || one.State != webhook.Pending {
		t.Errorf("%+v, %v", one, err)
	}
	if w := b.get("/flows/1/webhooks/msg_none"); w.Code != http.StatusNotFound {
		t.Errorf("an unknown one: %d", w.Code)
	}
	if viewer := d.signedIn("vera").page("/flows/1/webhooks/" + d.delivery); strings.Contains(viewer, "Send again") {
		t.Error("a viewer is offered to send again")
	}
}
