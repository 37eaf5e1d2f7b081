package console

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/console/session"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

// mayReach has the users who may reach each route, written out independently of the scopes: v is vera, a viewer, o is
// olga, an operator, and r is root, an administrator. A new route needs a line.
var mayReach = map[string]string{ // read only
	"GET /{$}":        "vor",
	"GET /overview":   "vor",
	"GET /chart":      "vor",
	"GET /session":    "vor",
	"GET /authorize":  "vor",
	"POST /authorize": "vor",
	"POST /signout":   "vor",

	"GET /account":                         "vor",
	"POST /account/password":               "vor",
	"POST /account/preferences":            "vor",
	"POST /account/totp":                   "vor",
	"POST /account/totp/confirm":           "vor",
	"POST /account/totp/codes":             "vor",
	"POST /account/totp/off":               "vor",
	"POST /account/sessions/end":           "vor",
	"POST /account/sessions/{session}/end": "vor",
	"POST /account/tokens":                 "vor",
	"POST /account/tokens/{token}/revoke":  "vor",

	"GET /go":                 "vor",
	"POST /go/queues/{queue}": "or",

	"GET /folders":           "vor",
	"GET /folders/{folder}":  "vor",
	"POST /folders/{folder}": "r",

	"GET /runs":                    "vor",
	"GET /runs/newer":              "vor",
	"GET /runs/fields.json":        "vor",
	"POST /runs/searches":          "vor",
	"POST /runs/searches/delete":   "vor",
	"POST /runs/chosen":            "vor",
	"GET /runs/compare":            "vor",
	"GET /runs/bulk":               "or",
	"POST /runs/bulk":              "or",
	"GET /operations":              "vor",
	"GET /operations/{operation}":  "vor",
	"GET /runs/{run}":              "vor",
	"GET /runs/{run}/live":         "vor",
	"GET /runs/{run}/json":         "vor",
	"GET /runs/{run}/steps":        "vor",
	"GET /runs/{run}/picture":      "vor",
	"GET /runs/{run}/test":         "r",
	"GET /runs/{run}/{part}":       "vor",
	"GET /runs/{run}/files/{file}": "vor",
	"POST /runs/{run}/cancel":      "or",
	"GET /runs/{run}/replay":       "or",
	"POST /runs/{run}/replay":      "or",
	"POST /runs/{run}/triage":      "or",
	"GET /runs/{run}/resume":       "or",
	"POST /runs/{run}/resume":      "or",

	"GET /runs/{run}/task": "vor",

	"GET /build/catalogue.json": "r",
	"POST /build/data":          "r",
	"POST /build/preview":       "r",

	"GET /failures":            "vor",
	"GET /failures/{failure}":  "vor",
	"POST /failures/{failure}": "or",

	"GET /flows":                                         "vor",
	"GET /flows/new":                                     "r",
	"GET /flows/schema.json":                             "vor",
	"POST /flows/check":                                  "vor",
	"POST /flows/review":                                 "r",
	"POST /flows/diff":                                   "r",
	"POST /flows":                                        "r",
	"GET /flows/{flow}":                                  "vor",
	"GET /flows/{flow}/stats":                            "vor",
	"GET /flows/{flow}/versions":                         "vor",
	"GET /flows/{flow}/try":                              "or",
	"POST /flows/{flow}/try":                             "or",
	"GET /flows/{flow}/call":                             "vor",
	"GET /flows/{flow}/deliveries":                       "vor",
	"GET /flows/{flow}/deliveries/{delivery}":            "vor",
	"POST /flows/{flow}/deliveries/{delivery}/redeliver": "or",
	"GET /flows/{flow}/deliveries/{delivery}/redeliver":  "or",
	"GET /flows/{flow}/deliveries/{delivery}/sample":     "r",
	"GET /flows/{flow}/webhooks":                         "vor",
	"GET /flows/{flow}/webhooks/{webhook}":               "vor",
	"POST /flows/{flow}/webhooks/{webhook}/redeliver":    "or",
	"POST /flows/{flow}/webhook-endpoints/{endpoint}":    "or",
	"POST /flows/{flow}/recording":                       "or",
	"POST /operations/{operation}/stop":                  "or",
	"POST /captures":                                     "or",
	"GET /captures/{capture}":                            "or",
	"GET /captures/{capture}/flow":                       "r",
	"POST /captures/{capture}/close":                     "or",
	"POST /flows/{flow}/call":                            "or",
	"POST /flows/{flow}/enabled":                         "r",
	"POST /flows/{flow}/paused":                          "or",
	"POST /flows/{flow}/rehearsals":                      "r",
	"POST /flows/{flow}/rollback":                        "r",
	"GET /proposals":                                     "vor",
	"POST /flows/{flow}/proposal/approve":                "r",
	"POST /flows/{flow}/proposal/reject":                 "r",
	"POST /flows/{flow}/delete":                          "r",

	"GET /access/keys":               "r",
	"POST /access/keys":              "r",
	"GET /access/keys/{key}":         "r",
	"POST /access/keys/{key}":        "r",
	"POST /access/keys/{key}/access": "r",
	"POST /access/keys/{key}/secret": "r",
	"POST /access/keys/{key}/rotate": "r",
	"POST /access/keys/{key}/settle": "r",
	"POST /access/keys/{key}/delete": "r",

	"GET /access/clients":                      "r",
	"POST /access/clients":                     "r",
	"GET /access/clients/{client}":             "r",
	"POST /access/clients/{client}":            "r",
	"POST /access/clients/{client}/secret":     "r",
	"POST /access/clients/{client}/assertion":  "r",
	"POST /access/clients/{client}/token":      "r",
	"POST /access/clients/{client}/invalidate": "r",
	"POST /access/clients/{client}/delete":     "r",

	"GET /access/users":                "r",
	"POST /access/users":               "r",
	"GET /access/users/{user}":         "r",
	"POST /access/users/{user}":        "r",
	"POST /access/users/{user}/delete": "r",
	"GET /access/audit":                "r",
	"GET /access/audit/{entry}":        "r",
	"GET /access/audit/export":         "r",
	"GET /access/audit/verify":         "r",

	"GET /connections":                   "r",
	"POST /connections":                  "r",
	"GET /connections/new":               "r",
	"GET /connections/{name}":            "r",
	"POST /connections/{name}/test":      "r",
	"POST /connections/{name}/authorise": "r",
	"GET /authorised":                    "r",
	"POST /connections/{name}/delete":    "r",
	"POST /secrets":                      "r",
	"POST /secrets/{name}/delete":        "r",
	"POST /secrets/{name}/test":          "r",
	"POST /vars":                         "r",
	"POST /vars/{name}/delete":           "r",

	"GET /refused":  "r",
	"POST /refused": "r",

	"GET /workers":             "vor",
	"GET /workers/now":         "vor",
	"GET /lines":               "vor",
	"GET /lines/now":           "vor",
	"GET /queues":              "vor",
	"GET /queues/{path...}":    "vor",
	"POST /queues/{path...}":   "or",
	"DELETE /queues/{path...}": "or",
}

func TestEveryRouteIsInTheTable(t *testing.T) {
	t.Parallel()
	var patterns []string
	for _, r := range newTestConsole(t).routes() {
		patterns = append(patterns, r.pattern)
		if mayReach[r.pattern] == "" {
			t.Errorf("%s: nothing says who may reach it", r.pattern)
		}
	}
	for pattern := range mayReach {
		if !slices.Contains(patterns, pattern) {
			t.Errorf("%s is no route", pattern)
		}
	}
}

// requestOf returns a request to a route, with existing objects in its path.
func (d *testConsole) requestOf(pattern string, form url.Values) *http.Request {
	fill := strings.NewReplacer("{$}", "", "{run}", d.run, "{part}", "event.json", "{flow}", "1", "{key}", "crm", "{client}", "client-a",
		"{user}", "ann", "{path...}", "api/queues", "{name}", "crm", "{delivery}", "1", "{webhook}", d.delivery, "{endpoint}", d.endpoint, "{failure}", d.failure, "{capture}", d.capture, "{operation}", d.operation, "{session}", "none", "{token}", "none", "{queue}", "default")
	method, path, _ := strings.Cut(fill.Replace(pattern), " ")
	r := httptest.NewRequestWithContext(d.t.Context(), method, Root+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// endRun ends the run that waits, so that its stream ends, and takes its task out of the list, as a worker would.
func (d *testConsole) endRun() {
	d.t.Helper()
	_, err := d.config.Queue.Cancel(d.t.Context(), d.run, []byte(`{"code":"cancelled"}`))
	must(d.t, err)
	must(d.t, d.redis.Del(d.t.Context(), "asynq:{default}:pending").Err())
}

// withSession returns a browser with a new session of a user, without the sign-in form, and the session's CSRF token.
func (d *testConsole) withSession(user string) (*browser, string) {
	d.t.Helper()
	u, err := d.config.Store.Users().User(d.t.Context(), user)
	must(d.t, err)
	s, err := d.sessions.Begin(d.t.Context(), user, u.Epoch, session.Origin{})
	must(d.t, err)
	b := d.browser()
	b.cookies[cookieSession] = s.Token
	return b, s.CSRF
}

// state returns what the store holds, besides caches, to see whether a request has changed anything.
func (d *testConsole) state() map[string]string {
	d.t.Helper()
	all := map[string]string{}
	for _, pattern := range []string{"penstock:{store}:*", "penstock:console:consent:*"} {
		for _, key := range d.redis.Keys(d.t.Context(), pattern).Val() {
			if !strings.HasSuffix(key, ":processes") { // announcements of this process
				all[key] = d.redis.Dump(d.t.Context(), key).Val()
			}
		}
	}
	if len(all) == 0 {
		d.t.Fatal("the store is empty")
	}
	return all
}

// Each user reaches the routes of the table and no others; what is refused is refused by its role, before anything else.
// The administrator comes last, who deletes what is there.
func TestRoutesByRole(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	d.endRun()
	for _, user := range []string{"vera", "olga", "root"} {
		before := d.state()
		for _, pattern := range slices.Sorted(maps.Keys(mayReach)) {
			may := strings.Contains(mayReach[pattern], user[:1])
			if user == "root" && pattern == "POST /access/users/{user}/delete" {
				continue // see TestUsersHaveProfiles
			}
			b, token := d.withSession(user)
			r := d.requestOf(pattern, nil)
			r.Header.Set(session.HeaderCSRF, session.MaskToken(token))
			w := b.do(r)
			refused := w.Code == http.StatusForbidden && (strings.Contains(w.Body.String(), errForbidden.Title) || strings.Contains(w.Body.String(), errForbidden.Text))
			if refused == may || !may && w.Code != http.StatusForbidden {
				t.Errorf("%s, %s: %d, may reach it: %t", user, pattern, w.Code, may)
			}
			if w.Code >= http.StatusInternalServerError {
				t.Errorf("%s, %s: %d %.200s", user, pattern, w.Code, w.Body)
			}
		}
		after := d.state()
		for _, state := range []map[string]string{before, after} {
			delete(state, "penstock:{store}:audit") // has who looked at deliveries, and who was refused
			delete(state, "penstock:{store}:audit:head")
		}
		if user == "vera" && !maps.Equal(before, after) {
			t.Error("a viewer has changed the store")
		}
	}
}

// A write without the token of its own session, or from another origin, changes nothing, at every route.
func TestForgedWritesChangeNothing(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b, token := d.withSession("root")
	_, foreign := d.withSession("root")
	own := session.MaskToken(token)
	before := d.state()
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for _, pattern := range slices.Sorted(maps.Keys(mayReach)) {
		if strings.HasPrefix(pattern, "GET ") {
			continue
		}
		for name, forge := range map[string]struct {
			csrf   string
			change func(*http.Request)
		}{
			"no token":                {"", nil},
			"the token of another":    {session.MaskToken(foreign), nil},
			"the token, not masked":   {token, nil},
			"the session's cookie":    {session.MaskToken(b.cookies[cookieSession]), nil},
			"the token in the URL":    {"", func(r *http.Request) { r.URL.RawQuery = "csrf=" + own }},
			"the token in a cookie":   {"", func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "csrf", Value: own}) }},
			"a wrong header":          {own, header(session.HeaderCSRF, session.MaskToken(foreign))},
			"JSON without the header": {own, header("Content-Type", "application/json")},
			"text, as forms may send": {own, header("Content-Type", "text/plain")},
			"another site":            {own, header("Sec-Fetch-Site", "cross-site")},
			"a sibling site":          {own, header("Sec-Fetch-Site", "same-site")},
			"another origin":          {own, header("Origin", "https://evil.example")},
			"an opaque origin":        {own, header("Origin", "null")},
			"another port":            {own, header("Origin", "http://example.com:8081")},
		} {
			form := url.Values{}
			if forge.csrf != "" {
				form.Set("csrf", forge.csrf)
			}
			r := d.requestOf(pattern, form)
			if forge.change != nil {
				forge.change(r)
			}
			if w := b.do(r); w.Code != http.StatusForbidden {
				t.Errorf("%s, %s: %d", pattern, name, w.Code)
			}
		}
	}
	if !maps.Equal(before, d.state()) {
		t.Error("a forged write has changed the store")
	}
	b.page("/") // nor has one ended the session
}

// Nothing is reached without a session, with one that has ended, or with that of a user without a role here.
func TestRoutesWithoutASession(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	ann, annsToken := d.withSession("ann")
	before := d.state()
	for name, b := range map[string]*browser{"nobody": d.browser(), "an API user": ann} {
		for pattern := range mayReach {
			r := d.requestOf(pattern, url.Values{"csrf": {session.MaskToken(annsToken)}})
			script := d.requestOf(pattern, url.Values{"csrf": {session.MaskToken(annsToken)}})
			script.Header.Set("HX-Request", "true")
			if w := b.do(r); w.Code != http.StatusSeeOther || !strings.HasPrefix(w.Header().Get("Location"), Root+"/signin") {
				t.Errorf("%s, %s: %d %s", name, pattern, w.Code, w.Header().Get("Location"))
			}
			if w := b.do(script); w.Code != http.StatusUnauthorized || w.Header().Get("HX-Redirect") != Root+"/signin" || w.Body.Len() > 0 {
				t.Errorf("%s, %s by the script: %d %v", name, pattern, w.Code, w.Header())
			}
		}
	}
	if !maps.Equal(before, d.state()) {
		t.Error("somebody without a session has changed the store")
	}
}

// A method that a path has no route for does nothing, also with a session and its token.
func TestOtherMethods(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b, token := d.withSession("root")
	before := d.state()
	tried := 0
	for pattern := range mayReach {
		_, path, _ := strings.Cut(pattern, " ")
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"} {
			r := d.requestOf(method+" "+path, nil)
			if _, at := d.mux.Handler(r); at != Root+"/" {
				continue // there is a route
			}
			tried++
			r.Header.Set(session.HeaderCSRF, session.MaskToken(token))
			if w := b.do(r); w.Code != http.StatusNotFound {
				t.Errorf("%s %s: %d", method, path, w.Code)
			}
		}
	}
	if tried < 4*len(mayReach) {
		t.Errorf("%d requests were tried", tried)
	}
	if !maps.Equal(before, d.state()) {
		t.Error("another method has changed the store")
	}
}

// Each response has the headers that keep other sites and caches away from it, whatever its status.
func TestSecurityHeadersOfRoutes(t *testing.T) {
	t.Parallel()
	for issuer, hsts := range map[string]string{"http://localhost:8080": "", "https://penstock.example.org": "max-age=31536000"} {
		d := newTestConsole(t, func(c *Config) { c.Issuer = issuer })
		d.endRun()
		nonces := map[string]bool{}
		for pattern := range mayReach {
			if !strings.HasPrefix(pattern, "GET ") {
				pattern = strings.Replace(pattern, "POST ", "GET ", 1) // 404 pages have them too
			}
			b, _ := d.withSession("root")
			h := b.do(d.requestOf(pattern, nil)).Header()
			for name, want := range map[string]string{
				"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin", "Cache-Control": "no-store",
				"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin", "Strict-Transport-Security": hsts,
				"Access-Control-Allow-Origin": "",
			} {
				if got := h.Get(name); got != want {
					t.Errorf("%s: %s is %q, want %q", pattern, name, got, want)
				}
			}
			policy := h.Get("Content-Security-Policy")
			for _, part := range []string{"default-src 'none'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'", "script-src 'self'"} {
				if !strings.Contains(policy, part) || strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") {
					t.Errorf("%s: policy %q", pattern, policy)
				}
			}
			if nonces[policy] {
				t.Errorf("%s: a nonce comes twice", pattern)
			}
			nonces[policy] = true
		}
	}
}

// Signing in makes a new session and ends that of the browser before it, so that no session survives unseen.
func TestSigningInReplacesTheSession(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.browser()
	form := b.token(b.page("/signin"))
	other, _ := d.withSession("olga") // in another window of the same browser, in between
	old := other.cookies[cookieSession]
	b.cookies[cookieSession] = old
	if w := b.form("/signin", []string{"user", "vera", "password", testSecret, "csrf", form}); w.Code != http.StatusSeeOther {
		t.Fatalf("sign in: %d", w.Code)
	}
	if b.cookies[cookieSession] == old {
		t.Error("the session is the same")
	}
	b.wantSignedIn("the new session", true)
	other.wantSignedIn("the old session", false)
}

// A session that the browser was given before, by whomever, is not the one after signing in.
func TestSessionFixation(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.browser()
	b.cookies[cookieSession] = "a-token-of-the-attacker"
	if w := b.signIn("vera", testSecret); w.Code != http.StatusSeeOther {
		t.Fatalf("sign in: %d", w.Code)
	}
	attacker := d.browser()
	attacker.cookies[cookieSession] = "a-token-of-the-attacker"
	attacker.wantSignedIn("the attacker", false)
	b.wantSignedIn("the user", true)
}

// The updates of a run end with the session, and with the rights of its user.
func TestStreamsEndWithTheSession(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*testConsole, *browser){
		"signed out": func(d *testConsole, b *browser) { must(d.t, d.sessions.End(d.t.Context(), b.cookies[cookieSession])) },
		"too old":    func(d *testConsole, _ *browser) { d.clock.advance(session.LifeLimit) },
		"disabled": func(d *testConsole, _ *browser) {
			_, err := d.config.Store.Users().Change(d.t.Context(), "vera", func(u *store.User) error { u.Disabled = true; return nil })
			must(d.t, err)
		},
		"role lost": func(d *testConsole, _ *browser) {
			_, err := d.config.Store.Users().Change(d.t.Context(), "vera", func(u *store.User) error { u.Roles = []store.Role{store.RoleAPIUser}; return nil })
			must(d.t, err)
		},
		"deleted": func(d *testConsole, _ *browser) { must(d.t, d.config.Store.Users().Delete(d.t.Context(), "vera")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newTestConsole(t)
			b, _ := d.withSession("vera")
			r := d.requestOf("GET /runs/{run}/live", nil)
			r.AddCookie(&http.Cookie{Name: cookieSession, Value: b.cookies[cookieSession]})
			record, err := d.config.Queue.Record(t.Context(), d.run)
			must(t, err)
			l := &eventStream{req: d.newRequestState(consoleSite(), httptest.NewRecorder(), r), record: record}
			if err := l.refresh(t.Context()); err != nil || l.record.State != queue.Queued {
				t.Fatalf("at first: %v, %v", l.record.State, err)
			}
			end(d, b)
			if err := l.refresh(t.Context()); err == nil {
				t.Error("the stream goes on")
			}
		})
	}
}

// Downloads are files of the console's naming, kept by no cache, and made for those who may only.
func TestDownloads(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	root := d.signedIn("root")
	if w := root.post("/access/clients/client-a/assertion"); w.Code != http.StatusConflict {
		t.Errorf("an assertion without an expiry date: %d", w.Code)
	}
	_, err := d.config.Store.Clients().Change(t.Context(), "client-a", func(c *store.Client) error { c.Expires = "2999-12-31"; return nil })
	must(t, err)
	var texts []string
	for _, kind := range []string{"assertion", "token", "token"} {
		w := root.post("/access/clients/client-a/" + kind)
		h := w.Header()
		if w.Code != http.StatusCreated || h.Get("Content-Disposition") != `attachment; filename="client-a-`+kind+`.txt"` || h.Get("Content-Type") != "text/plain; charset=utf-8" ||
			h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", kind, w.Code, h)
		}
		texts = append(texts, w.Body.String())
	}
	if texts[1] == texts[2] || !strings.HasPrefix(texts[1], store.TokenPrefix) || strings.Count(texts[0], ".") != 2 {
		t.Errorf("downloads %q", texts)
	}
	for _, object := range []string{"client-x", "..", "client-a\r\nSet-Cookie: x", `client-a";x="`} {
		w := root.post("/access/clients/" + url.PathEscape(object) + "/token")
		if w.Code != http.StatusNotFound && w.Code != http.StatusTemporaryRedirect && w.Code != http.StatusMovedPermanently || w.Header().Get("Content-Disposition") != "" {
			t.Errorf("%s: %d %v", object, w.Code, w.Header())
		}
	}
	n, err := d.config.Store.Audit().Len(t.Context())
	must(t, err)
	if n != len(texts) {
		t.Errorf("%d entries of the audit log, want one for each download", n)
	}
}
