package console

import (
	"context"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/audit"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/auth/keyusage"
	"github.com/penstock/penstock/console/session"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/store"
)

func TestWhoMayWhat(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t, withStats(t))
	for user, role := range map[string]store.Role{"root": store.RoleAdmin, "olga": store.RoleOperator, "vera": store.RoleViewer} {
		b, scopes := d.signedIn(user), auth.UserScopes([]store.Role{role})
		for path, scope := range d.routePaths(http.MethodGet) {
			may := scope == "" || auth.Covers(scopes, scope)
			if strings.HasPrefix(path, "/runs/compare") || path == "/authorised" && may || path == "/authorize" && may || strings.HasPrefix(path, "/connections/new") || path == "/runs/"+d.run+"/live" || path == "/runs/bulk" && may || path == "/runs/"+d.run+"/resume" && may || may && user != "root" && strings.HasPrefix(path, "/captures/") {
				continue // they take more than their path, or are for one user
			}
			if may && slices.Contains([]string{"/json", "/steps", "/task", "/test"}, strings.TrimPrefix(path, "/runs/"+d.run)) {
				continue // of a step, or of a run that has ended; run_page_test.go has them
			}
			if path == "/captures/"+d.capture+"/flow" && may {
				continue // nothing has come to it; TestAFlowOfACapture has a request
			}
			if path == "/access/audit/{entry}" && may {
				continue // there is no entry of this id; TestAuditPages has one
			}
			if strings.Contains(path, "/files/") && may {
				continue // there is no file; TestFilesOfARun has one
			}
			if w := b.get(path); (w.Code == http.StatusOK) != may || !may && w.Code != http.StatusForbidden {
				t.Errorf("%s at %s: %d, allowed: %t", user, path, w.Code, may)
			}
		}
		token := b.token(b.page("/"))
		for path, scope := range d.routePaths(http.MethodPost) {
			if scope == "" || auth.Covers(scopes, scope) {
				continue
			}
			if w := b.form(path, []string{"csrf", token}); w.Code != http.StatusForbidden {
				t.Errorf("%s could POST to %s: %d", user, path, w.Code)
			}
		}
	}
}

// TestWhoMayWrite compares the routes with an independent list of the writes of each role.
func TestWhoMayWrite(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	const own = "/account/password /account/totp /account/totp/confirm /account/totp/codes /account/totp/off /account/preferences /account/sessions/end /account/sessions/none/end /account/tokens /account/tokens/none/revoke "
	may := map[string]string{
		"vera": own + "/signout /authorize /flows/check /runs/searches /runs/searches/delete /runs/chosen",
		"olga": own + "/runs/searches /runs/searches/delete /runs/chosen /runs/bulk /operations/" + d.operation + "/stop /signout /authorize /flows/check /flows/1/paused /flows/1/try /flows/1/call /runs/" + d.run + "/cancel /runs/" + d.run + "/replay /runs/" + d.run + "/triage /runs/" + d.run + "/resume /queues/api/queues" +
			" /flows/1/webhooks/" + d.delivery + "/redeliver /flows/1/webhook-endpoints/" + d.endpoint + " /failures/" + d.failure +
			" /go/queues/default /flows/1/recording /flows/1/deliveries/1/redeliver /captures /captures/" + d.capture + "/close",
	}
	for user, list := range may {
		b, allowed := d.signedIn(user), strings.Fields(list)
		token := b.token(b.page("/"))
		for path := range d.routePaths(http.MethodPost) {
			if slices.Contains(allowed, path) {
				continue
			}
			if w := b.form(path, []string{"csrf", token}); w.Code != http.StatusForbidden {
				t.Errorf("%s could POST to %s: %d", user, path, w.Code)
			}
		}
	}
}

// Only users who operate queues may read the INFO of Redis.
func TestAViewerDoesNotReadTheInfoOfRedis(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	for user, want := range map[string]int{"vera": http.StatusForbidden, "olga": http.StatusOK, "root": http.StatusOK} {
		b := d.signedIn(user)
		for _, path := range []string{"/queues/api/redis_info", "/queues/api/redis%5finfo"} {
			w := b.get(path)
			if w.Code != want || strings.Contains(w.Body.String(), "redis_version") != (want == http.StatusOK) {
				t.Errorf("%s, %s: %d", user, path, w.Code)
			}
		}
		if w := b.get("/queues/api/queues"); w.Code != http.StatusOK {
			t.Errorf("%s, queues: %d", user, w.Code)
		}
	}
}

func TestWhatOneMayNotDoIsAbsent(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	vera, root := d.signedIn("vera"), d.signedIn("root")
	for path, gone := range map[string][]string{
		"/":              {"/console/access", "/console/connections", "/console/refused"},
		"/flows":         {"/console/flows/new", `role="switch"`},
		"/flows/1":       {"Save and deploy", "Delete this flow", "/console/flows/1/try"},
		"/flows/1/call":  {"Write the requests", ">crm<"},
		"/runs/" + d.run: {"/cancel", "/replay"},
	} {
		seen, all := vera.page(path), root.page(path)
		for _, part := range gone {
			if strings.Contains(seen, part) {
				t.Errorf("%s shows a viewer %s", path, part)
			}
			if !strings.Contains(all, part) && part != "/replay" { // the run has not ended
				t.Errorf("%s does not show an administrator %s", path, part)
			}
		}
	}
}

func TestNobodyGetsInWithoutASession(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.browser()
	for path := range d.routePaths(http.MethodGet) {
		if w := b.get(path); w.Code != http.StatusSeeOther || !strings.HasPrefix(w.Header().Get("Location"), Root+"/signin") {
			t.Errorf("GET %s: %d %s", path, w.Code, w.Header().Get("Location"))
		}
	}
	for path := range d.routePaths(http.MethodPost) {
		if w := b.form(path, nil); w.Code != http.StatusSeeOther {
			t.Errorf("POST %s: %d", path, w.Code)
		}
	}
	if w := b.get("/nowhere"); w.Code != http.StatusSeeOther {
		t.Errorf("GET /nowhere: %d", w.Code)
	}
}

func TestEveryWriteNeedsTheToken(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b, other := d.signedIn("root"), d.signedIn("root")
	foreign := other.token(other.page("/"))
	for path := range d.routePaths(http.MethodPost) {
		for _, token := range []string{"", "AAAA", foreign} {
			if w := b.form(path, []string{"csrf", token}); w.Code != http.StatusForbidden {
				t.Errorf("POST %s with the token %q: %d", path, token, w.Code)
			}
		}
	}
	for path := range d.routePaths(http.MethodDelete) {
		if w := b.do(httptest.NewRequest(http.MethodDelete, Root+path, nil)); w.Code != http.StatusForbidden {
			t.Errorf("DELETE %s without a token: %d", path, w.Code)
		}
	}
	r := httptest.NewRequest(http.MethodPost, Root+"/signout", nil)
	r.Header.Set(session.HeaderCSRF, b.token(b.page("/")))
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if w := b.do(r); w.Code != http.StatusForbidden {
		t.Errorf("a write from another site: %d", w.Code)
	}
	b.page("/") // the session is still there
}

var (
	inlineScript  = regexp.MustCompile(`<script(?:[^>]*)>[^<]`)
	inlineHandler = regexp.MustCompile(`<[^>]+ on[a-z]+=`)
	inlineStyle   = regexp.MustCompile(`<[^>]+ style=|<style`)
	elsewhere     = regexp.MustCompile(`(?:src|href|action)="(?:https?:)?//`)
)

func TestPagesKeepToThemselves(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("root")
	for path := range d.routePaths(http.MethodGet) {
		w := b.get(path)
		policy := w.Header().Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: policy %q", path, policy)
		}
		if w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s may be kept: %s", path, w.Header().Get("Cache-Control"))
		}
		page := w.Body.String()
		for what, pattern := range map[string]*regexp.Regexp{"script": inlineScript, "handler": inlineHandler, "style": inlineStyle, "foreign address": elsewhere} {
			if found := pattern.FindString(page); found != "" && strings.Contains(w.Header().Get("Content-Type"), "html") {
				t.Errorf("%s has an inline %s: %s", path, what, found)
			}
		}
	}
}

func TestSecretsStayWhereTheyAre(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("root")
	for path := range d.routePaths(http.MethodGet) {
		if strings.Contains(b.get(path).Body.String(), testSecret) {
			t.Errorf("%s shows a secret", path)
		}
	}
	if w := b.post("/access/keys/crm/secret", "which", "secret"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), testSecret) {
		t.Errorf("an administrator who asks for the secret of a key gets %d", w.Code)
	}
	if w := b.post("/access/keys/crm/secret", "which", "old secret"); w.Code != http.StatusNotFound || strings.Contains(w.Body.String(), testSecret) {
		t.Errorf("the old secret of a key that has none: %d", w.Code)
	}
	var last audit.Entry
	must(t, d.config.Store.Audit().Scan(t.Context(), audit.Range{}, func(e *audit.Entry) bool {
		last = *e
		return false
	}))
	if last.Act != "POST /console/access/keys/{key}/secret" || last.Object != "crm" {
		t.Errorf("the audit log ends with %+v", last)
	}
	shown := b.post("/access/clients", "name", "B", "scope", "flows:run").Body.String()
	m := regexp.MustCompile(`data-copy="([a-z0-9]{26})"`).FindStringSubmatch(shown)
	if m == nil {
		t.Fatal("the secret of a new client is not shown")
	}
	id := regexp.MustCompile(`client-[a-z0-9]{20}`).FindString(shown)
	if strings.Contains(b.page("/access/clients/"+id), m[1]) {
		t.Error("the secret of a client is shown again")
	}
}

const scopedFlow = `flow: 2
name: people
trigger:
  http:
    get: /people
    scopes: {"people:read": Read the people, "people:list": List them}
steps:
  - set: {n: 1}
`

// The forms of users, keys and clients offer the scopes that flows ask for, and keep those that are no longer asked for.
func TestOwnScopesAreChosen(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("root")
	checkbox := func(name, scope string, checked bool) string {
		box := `<input type="checkbox" name="` + name + `" value="` + scope + `"`
		if checked {
			box += " checked"
		}
		return box + ">"
	}
	pages := map[string]string{"/access/users/ann": "own_scope", "/access/keys/crm": "own_scope", "/access/clients/client-a": "scope"}
	for path := range pages {
		if strings.Contains(b.page(path), "Scopes of your flows") {
			t.Errorf("%s offers scopes though no flow asks for any", path)
		}
	}
	flow, err := flows.Parse("people.yaml", []byte(scopedFlow), steps.Catalogue())
	must(t, err)
	_, err = d.config.Store.Flows().Deploy(t.Context(), flow)
	must(t, err)
	for path, name := range pages {
		for _, at := range []string{path, path[:strings.LastIndexByte(path, '/')]} {
			if page := b.page(at); !strings.Contains(page, checkbox(name, "people:read", false)) || !strings.Contains(page, "Read the people") || !strings.Contains(page, checkbox(name, "people:list", false)) {
				t.Errorf("%s does not offer the scopes of the flow", at)
			}
		}
		form := []string{name, "people:read", "role", "api_user", "name", "x", "flows", "all"}
		if w := b.post(path, form...); w.Code != http.StatusSeeOther {
			t.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
		if page := b.page(path); !strings.Contains(page, checkbox(name, "people:read", true)) || !strings.Contains(page, checkbox(name, "people:list", false)) {
			t.Errorf("%s does not show the scope that was granted", path)
		}
		if name == "own_scope" {
			if w := b.post(path, name, "people:write", "role", "api_user", "flows", "all"); w.Code != http.StatusUnprocessableEntity {
				t.Errorf("%s: a scope that no flow asks for: %d", path, w.Code)
			}
		}
	}
	must(t, d.config.Store.Flows().Delete(t.Context(), 2))
	if page := b.page("/access/users/ann"); !strings.Contains(page, checkbox("own_scope", "people:read", true)) || strings.Contains(page, "people:list") {
		t.Error("a scope that is still held disappears from the form with its flow: saving would take it away")
	}
}

func TestUsersHaveProfiles(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("root")
	if w := b.post("/access/users", "name", "eve", "password", "four words are enough", "role", "viewer", "email", "eve@example.org", "first_name", "Eve", "last_name", "Łuk"); w.Code != http.StatusSeeOther {
		t.Fatalf("create: %d %s", w.Code, w.Body)
	}
	if page := b.page("/access/users"); !strings.Contains(page, "Eve Łuk") {
		t.Error("the list does not name the person")
	}
	if page := b.page("/access/users/eve"); !strings.Contains(page, `value="eve@example.org"`) || !strings.Contains(page, `value="Łuk"`) {
		t.Error("the page does not show the profile")
	}
	if w := b.post("/access/users/eve", "role", "viewer", "email", "not an address"); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("a wrong address: %d", w.Code)
	}
	if w := b.post("/access/users/eve", "role", "viewer", "first_name", "Eva"); w.Code != http.StatusSeeOther {
		t.Errorf("change: %d", w.Code)
	}
	user, err := d.config.Store.Users().User(t.Context(), "eve")
	must(t, err)
	if want := (store.Profile{FirstName: "Eva"}); user.Profile != want {
		t.Errorf("profile %+v, want %+v", user.Profile, want)
	}
}

func TestAnAdministratorCannotLockThemselvesOut(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("root")
	for _, w := range []*httptest.ResponseRecorder{
		b.post("/access/users/root/delete"),
		b.post("/access/users/root", "role", "viewer"),
		b.post("/access/users/root", "role", "admin", "disabled", "on"),
	} {
		if w.Code != http.StatusConflict {
			t.Errorf("status %d", w.Code)
		}
	}
	if w := b.post("/access/users/root", "role", "admin", "password", "another-password"); w.Code != http.StatusSeeOther {
		t.Fatalf("change one's own password: %d %s", w.Code, w.Body)
	}
	b.page("/") // the session goes on
}

// The page of a key with two secrets shows the share of calls with the new one, and the old one can be invalidated
// early.
func TestChangeover(t *testing.T) {
	t.Parallel()
	var meter *keyusage.Counter
	d := newTestConsole(t, func(c *Config) { meter = c.KeyUsage.(*keyusage.Counter) })
	root := d.signedIn("root")
	if page := root.page("/access/keys/crm"); strings.Contains(page, "Calls since") {
		t.Error("a key with one secret shows a meter")
	}
	root.post("/access/keys/crm/rotate", "overlap_hours", "24")
	key, err := d.config.Store.Keys().Key(t.Context(), "crm")
	must(t, err)
	if page := root.page("/access/keys/crm"); !strings.Contains(page, "none yet, with either secret") {
		t.Error("the meter does not begin at 0")
	}
	for range 199 {
		meter.Count(key, false)
	}
	meter.Count(key, true)
	ctx, stop := context.WithCancel(t.Context())
	stop() // what was counted is written at the end
	must(t, meter.Run(ctx))
	if w := root.post("/access/keys/crm/rotate", "overlap_hours", "24"); w.Code != http.StatusConflict {
		t.Errorf("another rotation while the old secret counts: %d", w.Code)
	}
	page := root.page("/access/keys/crm")
	for _, want := range []string{"99 % on the new secret", "1 call with the old one", "the last"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	root.post("/access/keys/crm/settle", "sure", "yes")
	if key, err = d.config.Store.Keys().Key(t.Context(), "crm"); err != nil || key.Previous != "" || !key.PreviousUntil.IsZero() {
		t.Errorf("the old secret still counts until %v, %v", key.PreviousUntil, err)
	}
}
