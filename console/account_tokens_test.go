package console

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/penstock/penstock/auth/personal"
	"github.com/penstock/penstock/store"
)

// A user makes a token on the own page, which shows it once, and revokes it.
func TestPersonalTokensOnTheAccountPage(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	vera, err := d.config.Store.Users().User(t.Context(), "vera")
	must(t, err)
	if !vera.Is(store.RoleAPIUser) {
		if page := d.signedIn("vera").page("/account"); strings.Contains(page, "Personal tokens") {
			t.Error("a user who may not use the API is offered tokens")
		}
		_, err = d.config.Store.Users().Change(t.Context(), "vera", func(u *store.User) error {
			u.Roles = append(u.Roles, store.RoleAPIUser)
			return nil
		})
		must(t, err)
	}
	b := d.signedIn("vera")
	page := b.page("/account")
	if !strings.Contains(page, "Personal tokens") || strings.Contains(page, "users:admin") {
		t.Errorf("the page offers %s", page)
	}
	w := b.post("/account/tokens", "name", "lap<b>top", "days", "7", "scope", "runs:read")
	text := regexp.MustCompile(personal.Pattern).FindString(w.Body.String())
	if w.Code != http.StatusOK || !personal.WellFormed(text) {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	page = b.page("/account")
	if strings.Contains(page, text) || !strings.Contains(page, "lap&lt;b&gt;top") || strings.Contains(page, "lap<b>") {
		t.Error("the page shows the token again, or its name as it is")
	}
	if w := b.post("/account/tokens", "name", "more", "days", "7", "scope", "users:admin"); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("a scope of others: %d", w.Code)
	}
	if w := b.post("/account/tokens", "name", "more", "days", "400", "scope", "runs:read"); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("400 days: %d", w.Code)
	}
	id := regexp.MustCompile(`/account/tokens/([A-Z0-9]+)/revoke`).FindStringSubmatch(page)
	if len(id) == 0 {
		t.Fatal("the page has no way to revoke the token")
	}
	if w := b.post("/account/tokens/" + id[1] + "/revoke"); w.Code != http.StatusSeeOther {
		t.Errorf("revoke: %d", w.Code)
	}
	if _, err := d.config.Authority.Personal().Find(t.Context(), text); err == nil {
		t.Error("the token was not revoked")
	}
}
