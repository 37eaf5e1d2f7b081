package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/penstock/penstock/audit"
)

// The pages of the audit log, of an entry and of the check of the chain; what is wrong with a search; exports.
func TestAuditPages(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b, _ := d.withSession("root")
	token := b.token(b.page("/"))
	b.form("/vars", []string{"csrf", token, "name", "limit", "value", "<5>"})
	b.form("/vars", []string{"csrf", token, "name", "limit", "value", "6"})
	var entry *audit.Entry
	must(t, d.config.Store.Audit().Scan(t.Context(), audit.Range{}, func(e *audit.Entry) bool { entry = e; return false }))
	if entry == nil || entry.Operation != "putVar" || entry.Via != audit.ViaConsole || entry.Subject != "limit" || len(entry.Changes) != 1 {
		t.Fatalf("%+v", entry)
	}
	for path, parts := range map[string][]string{
		"/access/audit?kind=var&object=limit&who=root": {"Stored a variable", "variable", "Verify the chain"},
		"/access/audit?who=nobody":                     {"Nothing matches"},
		"/access/audit/" + entry.ID:                    {"&lt;5&gt;", "a session of the console", "all that was done to it", entry.Hash},
		"/access/audit/verify":                         {"The audit log is as it was written"},
		"/access/audit/export?kind=var&format=csv":     {"id,at,actor", "putVar"},
		"/access/audit/export?kind=var":                {`"operation":"putVar"`},
	} {
		page := b.page(path)
		for _, part := range parts {
			if !strings.Contains(page, part) {
				t.Errorf("%s has no %q", path, part)
			}
		}
	}
	for path, status := range map[string]int{"/access/audit?kind=cow": 400, "/access/audit?from=soon": 400, "/access/audit?cursor=x": 400, "/access/audit/1-1": 404, "/access/audit/x": 404} {
		if w := b.get(path); w.Code != status {
			t.Errorf("%s: %d, want %d", path, w.Code, status)
		}
	}
}

// A wrong password, and a write that the role does not permit, are entries.
func TestRefusalsOfTheConsoleAreEntries(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b, token := d.withSession("vera")
	if w := b.form("/vars", []string{"csrf", token, "name", "limit", "value", "5"}); w.Code != http.StatusForbidden {
		t.Fatalf("%d", w.Code)
	}
	found := 0
	must(t, d.config.Store.Audit().Scan(t.Context(), audit.Range{}, func(e *audit.Entry) bool {
		if e.Actor == "user:vera" && e.Outcome == audit.Refused && e.Act == "POST "+Root+"/vars" {
			found++
		}
		return true
	}))
	if found != 1 {
		t.Errorf("%d entries", found)
	}
	if query := (url.Values{"kind": {"var"}}).Encode(); exportObject(url.Values{"kind": {"var"}}) != "audit?"+query {
		t.Error("an export does not say what was chosen")
	}
}
