package console

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/store"
)

var proposalID = regexp.MustCompile(`name="id" value="([0-9a-f]{32})"`)

// With a second approval, what one user saves waits on the page of the flow until another one approves it.
func TestSecondApproval(t *testing.T) {
	t.Parallel()
	d := newConsoleOn(t, func(c *store.Config) { c.SecondApproval = true })
	_, err := d.config.Store.Users().Create(t.Context(), store.User{Name: "rita", Hash: apitest.Hash(t, testSecret), Roles: []store.Role{store.RoleAdmin}})
	must(t, err)
	before := d.config.Store.Flows().VersionNow(1)
	root, rita := d.signedIn("root"), d.signedIn("rita")
	changed := strings.Replace(helloFlow, "name:", "description: <b>new</b>\nname:", 1)
	if w := root.post("/flows", "flow", "1", "base", before, "source", changed); w.Code != http.StatusSeeOther || w.Header().Get("Location") != Root+"/proposals" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if d.config.Store.Flows().VersionNow(1) != before {
		t.Fatal("it has taken effect")
	}
	own := root.page("/flows/1")
	if !strings.Contains(own, "Somebody else has to approve it.") || strings.Contains(own, "/proposal/approve") || !strings.Contains(own, "Take back") {
		t.Error("the author may approve")
	}
	if page := rita.page("/flows"); !strings.Contains(page, "1 change waits for approval") {
		t.Error("the list does not say what waits")
	}
	page := rita.page("/proposals")
	found := proposalID.FindStringSubmatch(page)
	if found == nil || !strings.Contains(page, "user:root") || !strings.Contains(page, "&lt;b&gt;new") {
		t.Fatal(page)
	}
	if w := root.post("/flows/1/proposal/approve", "id", found[1]); w.Code != http.StatusForbidden {
		t.Errorf("the author approves: %d", w.Code)
	}
	if w := rita.post("/flows/1/proposal/approve", "id", strings.Repeat("0", 32)); w.Code != http.StatusConflict {
		t.Errorf("approves what was not seen: %d", w.Code)
	}
	if w := rita.post("/flows/1/proposal/approve", "id", found[1]); w.Code != http.StatusSeeOther {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	now := d.config.Store.Flows().VersionNow(1)
	if now == before {
		t.Error("it has not taken effect")
	}
	// A rollback waits, too, and is taken back.
	if w := root.post("/flows/1/rollback", "version", before, "base", now); w.Header().Get("Location") != Root+"/proposals" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	id := proposalID.FindStringSubmatch(root.page("/flows/1"))
	if w := root.post("/flows/1/proposal/reject", "id", id[1]); w.Code != http.StatusSeeOther || d.config.Store.Flows().VersionNow(1) != now {
		t.Errorf("%d", w.Code)
	}
	if !strings.Contains(root.page("/proposals"), "Nothing waits for approval") {
		t.Error("it still waits")
	}
}
