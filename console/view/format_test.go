package view

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/auth/keyusage"
	"github.com/penstock/penstock/store"
)

func TestDurationsAndAges(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-time.Second: "0 ms", 0: "0 ms", 999: "0 µs", 1500 * time.Nanosecond: "1 µs", 1500 * time.Microsecond: "1.5 ms", 12 * time.Millisecond: "12 ms",
		1234 * time.Millisecond: "1.23 s", 61 * time.Second: "1m 01s", 3*time.Hour + 4*time.Minute: "3h 04m",
	} {
		if got := Took(t.Context(), d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
	now := time.Unix(1795280000, 0)
	for d, want := range map[time.Duration]string{
		-time.Hour: "now", 0: "now", 59 * time.Second: "59s ago", time.Hour - 1: "59m ago", 47 * time.Hour: "47h ago", 48 * time.Hour: "2d ago", 90 * 24 * time.Hour: "23 Aug 2026",
	} {
		if got := ago(t.Context(), now.Add(-d), now); got != want {
			t.Errorf("%v ago: %q, want %q", d, got, want)
		}
	}
	if ago(t.Context(), time.Time{}, now) != "–" {
		t.Error("no time is shown as one")
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1234: "-1,234", -123: "-123"} {
		if got := count(t.Context(), n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
	for id, want := range map[string][2]string{"short": {"short", "short"}, "123456789012": {"123456789012", "123456789012"}, "1234567890123": {"12345678", "…234567890123"}} {
		if Short(id) != want[0] || tail(id) != want[1] {
			t.Errorf("%s: %q, %q", id, Short(id), tail(id))
		}
	}
	if got := clip("äöüß", 3); got != "äö…" || clip("äöü", 3) != "äöü" {
		t.Errorf("clipped to %q", got)
	}
}

// The addresses of lists are encoded: a filter that somebody typed cannot add a parameter, or leave the path.
func TestAddressesOfLists(t *testing.T) {
	t.Parallel()
	odd := `x&page=9#"><script>`
	l := RunList{Params: url.Values{"filter": {odd}, "order_by": {"-created_at"}, "cursor": {"c"}}, Order: "-created_at", Page: 2, PageSize: 10, Total: 25}
	for name, address := range map[string]string{
		"page": l.pageURL(3), "order": l.sortBy("flow"), "same order": l.sortBy("created_at"), "filter": l.with("state", "failed"), "audit": AuditList{Params: url.Values{"q": {odd}}}.url("/access/audit", "cursor", "1-2"),
		"key": KeyPath(&store.Key{Key: odd}), "client": ClientPath(&store.Client{Identifier: odd}), "user": userPath(&store.User{Name: odd}), "connection": connectionPath(odd),
	} {
		u, err := url.Parse(address)
		if err != nil || !strings.HasPrefix(u.Path, Root+"/") || u.Fragment != "" || strings.ContainsAny(address, `"<>`) {
			t.Errorf("%s: %s, %v", name, address, err)
			continue
		}
		if got := u.Query().Get("filter"); got != "" && got != odd && name != "filter" || u.Query().Get("page") == "9" {
			t.Errorf("%s: filter %q, page %q", name, got, u.Query().Get("page"))
		}
	}
	if u, _ := url.Parse(l.with("state", "failed")); u.Query().Get("filter") != "state:failed" || u.Query().Has("cursor") {
		t.Errorf("chosen %s", l.with("state", "failed"))
	}
	if RunsURL(url.Values{"filter": {"x"}}, map[string]string{"filter": ""}) != Root+"/runs" {
		t.Error("an empty filter stays in the address")
	}
	if l.last() != 3 || (RunList{PageSize: 10}).last() != 1 || (RunList{Page: 4, Next: "c"}).last() != 5 {
		t.Error("the last page is another")
	}
}

// The meter of a rotation says 100 % only when no call used the old secret.
func TestShareOfTheNewSecret(t *testing.T) {
	t.Parallel()
	for want, use := range map[string]keyusage.Use{"100 %": {Current: 7}, "99 %": {Current: 999_999, Previous: 1}, "0 %": {Previous: 3}, "50 %": {Current: 1, Previous: 1}} {
		if got := (KeySheet{Use: use}).share(); got != want {
			t.Errorf("%+v: %s, want %s", use, got, want)
		}
	}
	for off, want := range map[int64]string{0: "the same second", 40: "40 s behind", -40: "40 s ahead"} {
		if got := skew(t.Context(), &auth.ClockSkew{Off: off, Allowed: 300}); !strings.Contains(got, want) {
			t.Errorf("%d: %s", off, got)
		}
	}
}

// The navigation has the sections of the user's scopes; nobody has none of the others.
func TestSectionsOfAPage(t *testing.T) {
	t.Parallel()
	names := func(p Page) string {
		var all []string
		for _, s := range p.sections() {
			all = append(all, s.name)
		}
		return strings.Join(all, " ")
	}
	holds := func(scopes ...auth.Scope) Page {
		return Page{Site: ConsoleSite(), MayForSome: func(s auth.Scope) bool { return auth.Covers(scopes, s) }}
	}
	for want, p := range map[string]Page{
		"overview":                            {Site: ConsoleSite()},
		"overview runs failures":              holds(auth.ScopeReadRuns),
		"overview flows queues":               holds(auth.ScopeReadFlows, auth.ScopeReadQueues),
		"overview connections access refused": holds(auth.ScopeClients),
	} {
		if got := names(p); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
