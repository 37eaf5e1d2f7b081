package console

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/audit"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/auth/clientusage"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/internal/limits"
	"github.com/penstock/penstock/store"
)

// hostile is a text that would be a script on a page that does not escape it.
const hostile = `"><script>alert(1)</script>'`

const shopFlows = `flow: 10
slug: shop
name: 'Shop "><script>alert(1)</script>'''
trigger:
  http:
    - name: list
      get: /shop/orders/{kind}
      summary: 'Orders "><script>alert(1)</script>'''
      description: 'They are in "><script>alert(1)</script>'' form.'
      params:
        kind: {enum: ['"><script>alert(1)</script>'''], description: '"><script>alert(1)</script>'''}
      scopes: {"orders:read": '"><script>alert(1)</script>'''}
      auth: [bearer]
    - name: purge
      delete: /shop/orders/{kind}
      params: {kind: {type: string}}
      scopes: {"orders:purge": Delete all}
      auth: [bearer]
      response: one
steps:
  - transform: '{id: 7}'
tests:
  - name: '"><script>alert(1)</script>'''
    event: {operation: list}
    params: {kind: '"><script>alert(1)</script>'''}
    output: [{id: 7}]
---
flow: 11
slug: payroll
name: Payroll
trigger:
  http:
    get: /payroll
    scopes: {"payroll:read": Read salaries}
    auth: [bearer]
steps:
  - transform: '{id: 7}'
---
flow: 12
slug: greet
name: Greet
trigger: {webhook: {schema: {type: object, properties: {name: {type: string}}}}}
output_schema: {type: object, properties: {message: {type: string}}}
steps:
  - transform: '{message: "hello"}'
---
flow: 13
slug: signed-only
name: Signed only
trigger:
  http:
    get: /signed
    scopes: {"orders:read": Read}
    auth: [key]
steps:
  - transform: '{id: 7}'
`

// portalTest is a console with the developers dora and eve. dora may read orders and run flow 12, and each has a client.
type portalTest struct{ *testConsole }

func newPortal(t *testing.T, change ...func(*Config)) *portalTest {
	t.Helper()
	d := newTestConsole(t, change...)
	for source := range strings.SplitSeq(shopFlows, "---\n") {
		flow, err := flows.Parse("shop.yaml", []byte(source), steps.Catalogue())
		must(t, err)
		_, err = d.config.Store.Flows().Deploy(t.Context(), flow)
		must(t, err)
	}
	hash, err := d.config.Hasher.Hash(t.Context(), testSecret)
	must(t, err)
	for _, name := range []string{"dora", "eve"} {
		_, err := d.config.Store.Users().Create(t.Context(), store.User{
			Name: name, Hash: hash, Roles: []store.Role{store.RoleDeveloper}, Scopes: []string{"orders:read", "flows:run:12"},
			Profile: store.Profile{Email: name + "@example.org"},
		})
		must(t, err)
		_, err = d.config.Store.Clients().Create(t.Context(), store.Client{
			Identifier: "client-of-" + name, Name: "The client of " + name, Hash: hash, Owner: name, Scopes: []string{"orders:read"}, Expires: "2099-12-31",
		})
		must(t, err)
	}
	return &portalTest{d}
}

// at sends a request below Developers with a form; nil: GET.
func (b *browser) at(path string, form url.Values) *httptest.ResponseRecorder {
	b.t.Helper()
	if form == nil {
		return b.do(httptest.NewRequestWithContext(b.t.Context(), http.MethodGet, Developers+path, nil))
	}
	r := httptest.NewRequestWithContext(b.t.Context(), http.MethodPost, Developers+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(r)
}

// shows gets a page of the portal.
func (b *browser) shows(path string) string {
	b.t.Helper()
	w := b.at(path, nil)
	if w.Code != http.StatusOK {
		b.t.Fatalf("GET %s: %d %s", path, w.Code, w.Body)
	}
	return w.Body.String()
}

// send posts a form with a CSRF token.
func (b *browser) send(path string, values ...string) *httptest.ResponseRecorder {
	b.t.Helper()
	form := url.Values{"csrf": {b.token(b.shows("/"))}}
	for i := 0; i < len(values); i += 2 {
		form.Add(values[i], values[i+1])
	}
	return b.at(path, form)
}

func (p *portalTest) developer(name string) *browser {
	p.t.Helper()
	b := p.browser()
	w := b.at("/signin", url.Values{"csrf": {b.token(b.shows("/signin"))}, "user": {name}, "password": {testSecret}})
	if w.Code != http.StatusSeeOther {
		p.t.Fatalf("sign in as %s: %d", name, w.Code)
	}
	return b
}

// paths fills the routes of a method with objects of eve.
func (p *portalTest) paths(method string) []string {
	fill := strings.NewReplacer("{$}", "", "{flow}", "shop", "{operation}", "shop_list", "{client}", "client-of-eve")
	var all []string
	for _, r := range p.developerRoutes() {
		if m, path, _ := strings.Cut(r.pattern, " "); m == method {
			all = append(all, fill.Replace(path))
		}
	}
	return all
}

func TestTheSitesAreApart(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	for _, name := range []string{"root", "olga", "vera", "ann", "nobody"} {
		b := p.browser()
		if w := b.at("/signin", url.Values{"csrf": {b.token(b.shows("/signin"))}, "user": {name}, "password": {testSecret}}); w.Code != http.StatusUnauthorized {
			t.Errorf("%s, who is no developer, signs in: %d", name, w.Code)
		}
	}
	if w := p.browser().signIn("dora", testSecret); w.Code != http.StatusUnauthorized {
		t.Errorf("a developer signs in to the console: %d", w.Code)
	}
	dora := p.developer("dora")
	for path := range p.routePaths(http.MethodGet) { // with the cookie, which a browser would not send there
		if w := dora.get(path); w.Code != http.StatusSeeOther {
			t.Errorf("a developer at %s of the console: %d", path, w.Code)
		}
	}
	for path := range p.routePaths(http.MethodPost) {
		if w := dora.form(path, []string{"csrf", dora.token(dora.shows("/"))}); w.Code != http.StatusSeeOther {
			t.Errorf("a developer posts to %s of the console: %d", path, w.Code)
		}
	}
	root := p.signedIn("root")
	for _, path := range p.paths(http.MethodGet) {
		if w := root.at(path, nil); w.Code != http.StatusSeeOther || !strings.HasPrefix(w.Header().Get("Location"), Developers+"/signin") {
			t.Errorf("an administrator at %s: %d", path, w.Code)
		}
	}
}

func TestADeveloperSeesWhatWasGranted(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	dora := p.developer("dora")
	list := dora.shows("/")
	for text, want := range map[string]bool{
		"/shop/orders/{kind}": true, "/v1/flows/12/runs": true, "Greet": true, "orders:read": true,
		"Payroll": false, "payroll": false, "orders:purge": false, ">DELETE<": false, "Signed only": false, "Say hello": false,
	} {
		if strings.Contains(list, text) != want {
			t.Errorf("the list has %q: %t", text, !want)
		}
	}
	if found := dora.shows("/?q=get+ORDERS"); !strings.Contains(found, "/shop/orders/{kind}") || strings.Contains(found, "Greet") {
		t.Error("the search does not find orders alone")
	}
	absent := p.statusAndTitle(dora, "/apis/no-such-api")
	for _, path := range []string{"/apis/payroll", "/apis/11", "/apis/signed-only", "/apis/hello", "/apis/shop/shop_purge", "/apis/payroll/payroll_get", "/apis/shop/nothing"} {
		if got := p.statusAndTitle(dora, path); got != absent {
			t.Errorf("%s differs from what does not exist: %s", path, got)
		}
	}
	for _, path := range []string{"/apis/shop", "/apis/10", "/apis/greet", "/apis/shop/shop_list", "/apis/greet/greet_run"} {
		dora.shows(path)
	}
	_, err := p.config.Store.Users().Change(t.Context(), "dora", func(u *store.User) error { u.Scopes = []string{"flows:run:12"}; return nil })
	must(t, err)
	dora = p.developer("dora") // a narrower grant ends sessions as it ends tokens
	if w := dora.at("/apis/shop", nil); w.Code != http.StatusNotFound {
		t.Errorf("after the grant was narrowed: %d", w.Code)
	}
	if page := dora.shows("/clients/client-of-dora"); !strings.Contains(page, "You were not granted: orders:read") {
		t.Error("the page does not tell what the client lost")
	}
}

func (p *portalTest) statusAndTitle(b *browser, path string) string {
	w := b.at(path, nil)
	_, title, _ := strings.Cut(w.Body.String(), "<h1>")
	title, _, _ = strings.Cut(title, "</div>")
	return http.StatusText(w.Code) + title
}

func TestClientsOfOthersDoNotExist(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	dora := p.developer("dora")
	before, err := p.config.Store.Clients().Client(t.Context(), "client-of-eve")
	must(t, err)
	for _, other := range []string{"client-of-eve", "client-a", "no-such-client"} { // client-a is the administrators'
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			for _, path := range p.paths(method) {
				if !strings.Contains(path, "client-of-eve") {
					continue
				}
				path = strings.Replace(path, "client-of-eve", other, 1)
				w := dora.at(path, nil)
				if method == http.MethodPost {
					w = dora.send(path, "name", "Taken over", "token_ttl_minutes", "5", "scope", "orders:read")
				}
				if w.Code != http.StatusNotFound || strings.Contains(w.Body.String(), "The client of eve") {
					t.Errorf("%s %s: %d", method, path, w.Code)
				}
			}
		}
	}
	after, err := p.config.Store.Clients().Client(t.Context(), "client-of-eve")
	must(t, err)
	if before.Name != after.Name || before.Hash != after.Hash || before.Epoch != after.Epoch || before.Assertion != after.Assertion {
		t.Errorf("the client of another has changed: %+v", after)
	}
	if list := dora.shows("/clients"); strings.Contains(list, "client-of-eve") || !strings.Contains(list, "The client of dora") {
		t.Error("the list is not that of one's own clients")
	}
}

func TestWritesOfThePortalTakeAToken(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	eve, dora := p.developer("eve"), p.developer("dora")
	for _, path := range p.paths(http.MethodPost) {
		for what, token := range map[string]string{"none": "", "that of another": dora.token(dora.shows("/"))} {
			if w := eve.at(path, url.Values{"csrf": {token}, "name": {"x"}, "token_ttl_minutes": {"5"}}); w.Code != http.StatusForbidden {
				t.Errorf("POST %s with the token %s: %d", path, what, w.Code)
			}
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, Developers+path, strings.NewReader("csrf="+eve.token(eve.shows("/"))))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		if w := eve.do(r); w.Code != http.StatusForbidden {
			t.Errorf("POST %s from another site: %d", path, w.Code)
		}
	}
}

func TestAClientFromMakingToDeleting(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	dora, clients := p.developer("dora"), p.config.Store.Clients()
	if form := dora.shows("/clients/new"); !strings.Contains(form, `value="dora@example.org"`) {
		t.Error("the reminders are not for the developer by default")
	}
	fields := []string{"name", hostile, "token_ttl_minutes", "7", "assertion_expires_on", "2099-12-31", "time_zone", "Europe/Paris", "scope", "orders:read", "reminder_emails", "a@example.org b@example.org"}
	w := dora.send("/clients", fields...)
	made := p.newest("dora", "client-of-dora")
	secret := between(w.Body.String(), `data-copy="`, `"`)
	if w.Code != http.StatusCreated || made.Owner != "dora" || made.TokenTTL != 7 || made.TimeZone != "Europe/Paris" || len(made.Remind) != 2 || !slices.Equal(made.Scopes, []string{"orders:read"}) {
		t.Fatalf("made: %d %+v", w.Code, made)
	}
	if right, err := p.config.Hasher.Matches(t.Context(), made.Hash, secret, nil); err != nil || !right || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("the secret %q is not on the page: %v", secret, err)
	}
	path := "/clients/" + made.Identifier
	if page := dora.shows(path); strings.Contains(page, secret) {
		t.Error("the secret is shown again")
	}
	w = dora.send(path+"/assertion", "csrf", "")
	if w.Code != http.StatusCreated || !strings.HasPrefix(w.Body.String(), "eyJ") || !strings.Contains(w.Header().Get("Content-Disposition"), made.Identifier+"-assertion.txt") || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("assertion: %d %v", w.Code, w.Header())
	}
	if page := dora.shows(path); strings.Contains(page, w.Body.String()) {
		t.Error("the assertion is shown again")
	}
	w = dora.send(path + "/token")
	token, err := p.config.Store.Tokens().Find(t.Context(), w.Body.String())
	if err != nil || token.Owner != "dora" || !slices.Equal(token.Scopes, []string{"orders:read"}) {
		t.Errorf("token: %d %+v, %v", w.Code, token, err)
	}
	if w := dora.send(path+"/secret", "secret", "another secret of mine"); w.Code != http.StatusCreated || !strings.Contains(w.Body.String(), "another secret of mine") {
		t.Errorf("rotate: %d", w.Code)
	}
	if w := dora.send(path, "name", "Renamed", "token_ttl_minutes", "9", "disabled", "on"); w.Code != http.StatusSeeOther {
		t.Errorf("change: %d %s", w.Code, w.Body)
	}
	if c, err := clients.Client(t.Context(), made.Identifier); err != nil || c.Name != "Renamed" || !c.Disabled || c.Owner != "dora" || len(c.Scopes) != 0 {
		t.Errorf("changed: %+v, %v", c, err)
	}
	if w := dora.send(path + "/invalidate"); w.Code != http.StatusSeeOther {
		t.Errorf("invalidate: %d", w.Code)
	}
	if w := dora.send(path + "/delete"); w.Code != http.StatusSeeOther {
		t.Errorf("delete: %d", w.Code)
	}
	if _, err := clients.Client(t.Context(), made.Identifier); err == nil {
		t.Error("the client is still there")
	}
	p.wantAudited(made.Identifier, "", "/{client}/assertion", "/{client}/token", "/{client}/secret", "/{client}", "/{client}/invalidate", "/{client}/delete")
}

// newest returns the client of a user that is not the other one.
func (p *portalTest) newest(owner, other string) *store.Client {
	p.t.Helper()
	all, err := p.config.Store.Clients().Owned(p.t.Context(), owner)
	must(p.t, err)
	for _, c := range all {
		if c.Identifier != other {
			return c
		}
	}
	p.t.Fatal("no client was made")
	return nil
}

func (p *portalTest) wantAudited(object string, acts ...string) {
	p.t.Helper()
	var got []string
	must(p.t, p.config.Store.Audit().Scan(p.t.Context(), audit.Range{Oldest: true}, func(e *audit.Entry) bool {
		if e.Object == object && e.Actor == "user:dora" {
			got = append(got, strings.TrimPrefix(e.Act, "POST "+Developers+"/clients"))
		}
		return true
	}))
	if !slices.Equal(got, acts) {
		p.t.Errorf("the audit log has %q, want %q", got, acts)
	}
}

func between(text, from, to string) string {
	_, text, _ = strings.Cut(text, from)
	text, _, _ = strings.Cut(text, to)
	return text
}

func TestAClientHasNoMoreThanItsMaker(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	dora := p.developer("dora")
	for what, fields := range map[string][]string{
		"a scope of the server": {"scope", "users:admin"},
		"another own scope":     {"scope", "payroll:read"},
		"all flows":             {"more_scopes", "flows:run"},
		"another flow":          {"more_scopes", "flows:run:10"},
		"no scope":              {"scope", "nonsense"},
		"no name":               {"name", ""},
		"a short secret":        {"secret", "short"},
		"a bad day":             {"assertion_expires_on", "tomorrow"},
		"no time zone":          {"time_zone", "Moon/Base"},
		"a bad address":         {"reminder_emails", "nobody"},
		"a bad key":             {"public_key", "PEM"},
		"no life":               {"token_ttl_minutes", "0"},
	} {
		form := map[string]string{"name": "CRM", "token_ttl_minutes": "5", fields[0]: fields[1]}
		var values []string
		for name, value := range form {
			values = append(values, name, value)
		}
		w := dora.send("/clients", values...)
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "Not saved") || what != "no name" && !strings.Contains(w.Body.String(), `value="CRM"`) {
			t.Errorf("%s: %d", what, w.Code)
		}
		if w := dora.send("/clients/client-of-dora", values...); w.Code != http.StatusBadRequest && fields[0] != "secret" {
			t.Errorf("a change to %s: %d", what, w.Code)
		}
	}
	if w := dora.send("/clients", "name", "Narrow", "token_ttl_minutes", "5", "more_scopes", "orders:read:10", "owner", "eve"); w.Code != http.StatusCreated {
		t.Errorf("a narrower scope: %d", w.Code)
	}
	if made := p.newest("dora", "client-of-dora"); made.Owner != "dora" || !slices.Equal(made.Scopes, []string{"orders:read:10"}) {
		t.Errorf("made %+v", made)
	}
	for range store.MaxOwned - 2 {
		must(t, func() error {
			_, err := p.config.Store.Clients().Create(t.Context(), store.Client{Identifier: store.NewIdentifier(), Name: "n", Hash: "h", Owner: "dora"})
			return err
		}())
	}
	if w := dora.send("/clients", "name", "One too many", "token_ttl_minutes", "5"); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "20 clients") {
		t.Errorf("one too many: %d", w.Code)
	}
}

// Texts of flows and of other people are on the pages as texts.
func TestThePortalEscapesTexts(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	dora := p.developer("dora")
	_, err := p.config.Store.Clients().Change(t.Context(), "client-of-dora", func(c *store.Client) error { c.Name = hostile; return nil })
	must(t, err)
	for _, path := range []string{"/", "/?q=" + url.QueryEscape(hostile), "/apis/shop", "/apis/shop/shop_list", "/clients", "/clients/client-of-dora", "/clients/new"} {
		page := dora.shows(path)
		if strings.Contains(page, "<script>") {
			t.Errorf("%s has a script of others", path)
		}
		if path != "/clients/new" && !strings.Contains(page, "&lt;script&gt;") {
			t.Errorf("%s does not show the text", path)
		}
	}
	w := dora.send("/clients", "name", hostile, "token_ttl_minutes", "5", "scope", hostile)
	if w.Code != http.StatusBadRequest || strings.Contains(w.Body.String(), "<script>") {
		t.Errorf("the form with a mistake: %d", w.Code)
	}
}

func TestThePortalEndsWithTheUser(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	for what, edit := range map[string]func(*store.User) error{
		"disabled":         func(u *store.User) error { u.Disabled = true; return nil },
		"no developer":     func(u *store.User) error { u.Roles = []store.Role{store.RoleAPIUser}; return nil },
		"a narrower grant": func(u *store.User) error { u.Scopes = nil; return nil },
		"a changed role":   func(u *store.User) error { u.Roles = []store.Role{store.RoleViewer}; return nil },
	} {
		must(t, func() error {
			_, err := p.config.Store.Users().Change(t.Context(), "dora", func(u *store.User) error {
				u.Disabled, u.Roles, u.Scopes = false, []store.Role{store.RoleDeveloper}, []string{"orders:read", "flows:run:12"}
				return nil
			})
			return err
		}())
		dora := p.developer("dora")
		_, err := p.config.Store.Users().Change(t.Context(), "dora", edit)
		must(t, err)
		if w := dora.at("/clients", nil); w.Code != http.StatusSeeOther {
			t.Errorf("%s: %d", what, w.Code)
		}
	}
}

func TestAdministratorsGrantInTheConsole(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	root := p.signedIn("root")
	w := root.post("/access/users", "name", "dan", "password", testSecret, "role", "developer", "own_scope", "orders:read", "more_scopes", "flows:run:12 runs:read")
	dan, err := p.config.Store.Users().User(t.Context(), "dan")
	if err != nil || w.Code != http.StatusSeeOther {
		t.Fatalf("%d, %v", w.Code, err)
	}
	want := []auth.Scope{"orders:read", "flows:run:12", "runs:read"}
	if got := auth.DeveloperScopes(dan); !auth.CoversAll(got, want) || len(got) != len(want) {
		t.Errorf("dan was granted %q", got)
	}
	for _, more := range []string{"users:admin", "flows:read", "flows:write:12", "nothing:asks"} {
		if w := root.post("/access/users/dan", "role", "developer", "more_scopes", more); w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s was granted: %d", more, w.Code)
		}
	}
	if w := root.post("/access/users", "name", "vic", "password", testSecret, "role", "viewer", "more_scopes", "flows:run"); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("a viewer was granted flows:run: %d", w.Code)
	}
}

func TestTheChangelogOfAnAPI(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	for _, source := range []string{
		strings.Replace(shopFlows[:strings.Index(shopFlows, "---\n")], "scopes: {\"orders:read\"", "deprecated: true\n      scopes: {\"orders:read\"", 1),
		strings.Replace(strings.Replace(shopFlows[:strings.Index(shopFlows, "---\n")], "get: /shop/orders/{kind}", "get: /shop/all/{kind}", 1), "/shop/orders/{kind}", "/shop/old/{kind}", 1),
	} {
		flow, err := flows.Parse("shop.yaml", []byte(source), steps.Catalogue())
		must(t, err)
		_, err = p.config.Store.Flows().Deploy(t.Context(), flow)
		must(t, err)
	}
	dora := p.developer("dora")
	page := dora.shows("/apis/shop/changes")
	for text, want := range map[string]bool{
		"GET /shop/all/{kind}": true, "The operation is new.": true, "GET /shop/orders/{kind}": true, "The operation was removed.": true,
		"1 breaking change": true, "It is deprecated.": true, "The first version.": true, "/shop/old/": false, "DELETE": false, "<script>": false,
	} {
		if strings.Contains(page, text) != want {
			t.Errorf("the changelog has %q: %t", text, !want)
		}
	}
	for _, path := range []string{"/apis/payroll/changes", "/apis/hello/changes", "/apis/nothing/changes"} {
		if w := dora.at(path, nil); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// fakeUsage has the same calls for each client.
type fakeUsage struct{}

func (fakeUsage) Use(context.Context, string) (all, today clientusage.Use, err error) {
	return clientusage.Use{Calls: 1234, Refused: 56, Failed: 7, Last: time.Now()}, clientusage.Use{Calls: 89}, nil
}

func TestUseAndLimitsAreShown(t *testing.T) {
	t.Parallel()
	p := newPortal(t, func(c *Config) {
		c.ClientUsage = fakeUsage{}
		c.RateIP = limits.Rates{"GET /shop/orders/{kind}": {Limit: 10, Window: time.Second}}
		c.RateClient = limits.Rates{"runs:12": {Limit: 600, Window: time.Minute}}
	})
	dora := p.developer("dora")
	for path, wanted := range map[string][]string{
		"/clients/client-of-dora": {">1,234<", ">89 today (UTC)<", ">56<", ">7<"},
		"/apis/shop/shop_list":    {"10 calls in 1 second", "not limited", "1 minute, then 504"},
		"/apis/greet/greet_run":   {"600 calls in 1 minute", "not limited"},
	} {
		page := dora.shows(path)
		for _, text := range wanted {
			if !strings.Contains(page, text) {
				t.Errorf("%s does not show %q", path, text)
			}
		}
	}
}

// The last day of assertions is not in the past when it is set, and what is over may stay.
func TestClientsDoNotBeginExpired(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	dora := p.developer("dora")
	form := func(name, day string) []string {
		return []string{"name", name, "token_ttl_minutes", "7", "assertion_expires_on", day, "time_zone", "UTC", "scope", "orders:read"}
	}
	yesterday, today := p.clock.now().AddDate(0, 0, -1).UTC().Format(time.DateOnly), p.clock.now().UTC().Format(time.DateOnly)
	if w := dora.send("/clients", form("late", yesterday)...); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "The last day of its assertions is over") {
		t.Errorf("yesterday: %d", w.Code)
	}
	if w := dora.send("/clients", form("today", today)...); w.Code != http.StatusCreated {
		t.Errorf("today: %d %s", w.Code, w.Body)
	}
	_, err := p.config.Store.Clients().Change(t.Context(), "client-of-dora", func(c *store.Client) error { c.Expires, c.TimeZone = yesterday, "UTC"; return nil })
	must(t, err)
	if w := dora.send("/clients/client-of-dora", form("renamed", yesterday)...); w.Code != http.StatusSeeOther {
		t.Errorf("a client that has expired is renamed: %d", w.Code)
	}
	if w := dora.send("/clients/client-of-dora", form("renamed", "2001-01-01")...); w.Code != http.StatusBadRequest {
		t.Errorf("an earlier day: %d", w.Code)
	}
}

// Scopes that allow nothing are not offered.
func TestScopesOfMissingFlowsAreNotShown(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	_, err := p.config.Store.Users().Change(t.Context(), "dora", func(u *store.User) error {
		u.Scopes = []string{"orders:read", "orders:read:10", "flows:run:12", "flows:run:9999", "orders:read:9998", "gone:read"}
		return nil
	})
	must(t, err)
	page := p.developer("dora").shows("/")
	for scope, want := range map[string]bool{"orders:read<": true, "orders:read:10": true, "flows:run:12": true, "flows:run:9999": false, "orders:read:9998": false, "gone:read": false} {
		if strings.Contains(page, scope) != want {
			t.Errorf("the page has %s: %t", scope, !want)
		}
	}
}

// An operation with a body has one in its form and its samples, also without tests.
func TestSamplesHaveABody(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	flow, err := flows.Parse("f.yaml", []byte("flow: 41\nslug: notes\ntrigger:\n  http:\n    - {post: /notes, name: known, scopes: {\"orders:read\": Read}, schema: {type: object, properties: {note: {type: string}}}}\n"+
		"    - {put: /notes, name: open, scopes: {\"orders:read\": Read}}\nsteps: [{set: {a: 1}}]\n"), steps.Catalogue())
	must(t, err)
	_, err = p.config.Store.Flows().Deploy(t.Context(), flow)
	must(t, err)
	dora := p.developer("dora")
	if page := dora.shows("/apis/notes/notes_known"); !strings.Contains(page, "--data-raw") || !strings.Contains(page, "&#34;note&#34;: &#34;text&#34;") {
		t.Error("the sample has no body in the form of the schema")
	}
	if page := dora.shows("/apis/notes/notes_open"); !strings.Contains(page, "--data-raw &#39;{}&#39;") {
		t.Error("the sample has no body")
	}
}
