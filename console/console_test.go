package console

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/auth/keyusage"
	"github.com/penstock/penstock/auth/personal"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/internal/deliveries"
	"github.com/penstock/penstock/internal/failure"
	"github.com/penstock/penstock/internal/limits"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/internal/rejectlog"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/internal/webhook"
	"github.com/penstock/penstock/operation"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

// testSecret is every password and secret in the tests. It may appear only on pages that show it on purpose.
const testSecret = "correct-horse-battery"

// helloFlow is flow 1.
const helloFlow = `flow: 1
slug: hello
name: Say hello
trigger: webhook
steps:
  - set: {message: "Hello, ${ .name }"}
`

// testConsole is a console with a real store and queue, and the users root, olga (operator), vera (viewer) and ann (API
// user).
type testConsole struct {
	*Console
	t         *testing.T
	redis     *redis.Client
	server    *testenv.RedisServer
	clock     *testClock
	run       string // a run of flow 1 that waits
	capture   string // token of a capture of root
	operation string // id of one that has ended

	delivery, endpoint string // a webhook of flow 1, and where it goes
	failure            string // of flow 1
}

// testClock is a clock that advances only by advance.
type testClock struct {
	mu sync.Mutex
	at time.Time
}

func (c *testClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *testClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func newTestConsole(t *testing.T, change ...func(*Config)) *testConsole {
	t.Helper()
	return newConsoleOn(t, func(*store.Config) {}, change...)
}

// newConsoleOn is newTestConsole with settings of the store.
func newConsoleOn(t *testing.T, set func(*store.Config), change ...func(*Config)) *testConsole {
	t.Helper()
	server, log := testenv.Redis(t), slog.New(slog.DiscardHandler)
	conn, err := redisconn.Parse(server.URL())
	must(t, err)
	sealer, err := store.NewSealer(store.NewMasterKey())
	must(t, err)
	client := server.Client()
	stored := store.Config{Redis: client, Sealer: sealer, Catalogue: steps.Catalogue(), Log: log}
	set(&stored)
	s, err := store.Open(t.Context(), stored)
	must(t, err)
	q, err := queue.NewClient(queue.Config{Redis: conn, Log: log})
	must(t, err)
	t.Cleanup(func() { _ = q.Close() })
	hasher := apitest.Hasher(t)
	kept, err := rejectlog.New(rejectlog.Config{Redis: client, Log: log})
	must(t, err)
	arrived, err := deliveries.New(deliveries.Config{Redis: client, Log: log})
	must(t, err)
	meter, err := keyusage.New(keyusage.Config{Redis: client, Log: log})
	must(t, err)
	webhooks, err := webhook.New(webhook.Config{Redis: client})
	must(t, err)
	attempts, err := limits.NewAttempts(limits.AttemptsConfig{Redis: client, Key: []byte("a test's")})
	must(t, err)
	authority, err := auth.NewAuthority(auth.AuthorityConfig{Store: s, Hasher: hasher, Guard: auth.NewBruteForceGuard(attempts), Issuer: "http://localhost", Personal: personal.New(client), Authorize: "http://localhost" + Root + "/authorize"})
	must(t, err)
	d := &testConsole{t: t, redis: client, server: server, clock: &testClock{at: time.Now()}}
	config := Config{
		Store: s, Queue: q, Redis: client,
		Operations: operation.NewExecutor(operation.Config{Store: operation.NewStore(client), Queue: q, Flows: s.Flows(), Log: log}),
		Catalogue:  steps.Catalogue(), Hasher: hasher,
		Authority: authority, RejectLog: kept, Deliveries: arrived, KeyUsage: meter, Webhooks: webhooks, Failures: failure.New(client, d.clock.now), Log: log, Now: d.clock.now,
	}
	for _, c := range change {
		c(&config)
	}
	d.Console, err = New(config)
	must(t, err)
	d.createFixtures()
	return d
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (d *testConsole) createFixtures() {
	d.t.Helper()
	ctx := d.t.Context()
	hash := apitest.Hash(d.t, testSecret)
	for name, role := range map[string]store.Role{"root": store.RoleAdmin, "olga": store.RoleOperator, "vera": store.RoleViewer, "ann": store.RoleAPIUser} {
		_, err := d.config.Store.Users().Create(ctx, store.User{Name: name, Hash: hash, Roles: []store.Role{role}})
		must(d.t, err)
	}
	flow, err := flows.Parse("hello.yaml", []byte(helloFlow), steps.Catalogue())
	must(d.t, err)
	_, err = d.config.Store.Flows().Deploy(ctx, flow)
	must(d.t, err)
	d.delivery = webhook.IDOf("1")
	_, err = d.config.Webhooks.Accept(ctx, webhook.Message{ID: d.delivery, Flow: 1, Run: "r", URL: "https://example.org/in?token=hunter2", Secrets: []string{"s"}, Type: "order.paid", Data: []byte(`{"total":12.5}`)})
	must(d.t, err)
	endpoints, err := d.config.Webhooks.Endpoints(ctx, 1)
	must(d.t, err)
	d.endpoint = endpoints[0].ID
	failed, err := d.config.Failures.Record(ctx, []failure.Run{{ID: "run-a", Flow: 1, Step: "charge", Code: "step_failed", Message: "order 12 <b>is</b> not paid", Ended: time.Now().Add(-time.Minute)}})
	must(d.t, err)
	d.failure = failed[0].Failure
	_, err = d.config.Store.Keys().Create(ctx, store.Key{Key: "crm", Secret: testSecret, APIAccess: true})
	must(d.t, err)
	_, err = d.config.Store.Clients().Create(ctx, store.Client{Identifier: "client-a", Name: "A", Hash: hash, Scopes: []string{"flows:run"}})
	must(d.t, err)
	_, err = d.config.Store.Connections().Put(ctx, store.Connection{
		Name: "crm", Type: "basic", Hosts: []string{"crm.example.org"}, Settings: map[string]string{"username": "u", "password": testSecret},
	})
	must(d.t, err)
	must(d.t, d.config.Store.Secrets().Put(ctx, "hook", testSecret))
	ticket, err := d.config.Queue.Submit(ctx, queue.Submission{Spec: queue.Spec{Flow: 1, Version: flow.Version, Queue: "default", Event: json.RawMessage(`{"name":"Ada"}`), Limit: time.Minute}})
	must(d.t, err)
	ticket.Close()
	d.run = ticket.RunID()
	capture, err := d.config.Deliveries.OpenCapture(ctx, "user:root", time.Hour)
	must(d.t, err)
	d.capture = capture.Token
	o, err := d.config.Operations.Create(ctx, operation.About{Action: operation.Ignore, Rate: 1, By: "user:olga", Created: d.clock.now()}, nil)
	must(d.t, err)
	d.operation = o.ID
	must(d.t, d.redis.LPush(ctx, "penstock:{hooks}:1:rejected", `{"delivery":1,"at_ms":1795953600000,"method":"POST","verdict":"rejected","status":401,"why":"<why>","findings":[{"word":"secret","secret":"hook","text":"it is not stored"}],"ip":"192.0.2.1"}`).Err())
	must(d.t, d.redis.HSet(ctx, "penstock:{hooks}:1:content", 1, `{"headers":{"Content-Type":["application/json"],"X-Note":["<note>"]},"body":"{\"name\":\"<Ada>\"}"}`).Err())
}

// browser is a client of the console with cookies.
type browser struct {
	*testConsole
	cookies map[string]string
}

func (d *testConsole) browser() *browser { return &browser{d, map[string]string{}} }

// signedIn returns a browser with a session of the user.
func (d *testConsole) signedIn(user string) *browser {
	d.t.Helper()
	b := d.browser()
	if w := b.signIn(user, testSecret); w.Code != http.StatusSeeOther {
		d.t.Fatalf("sign in as %s: %d %s", user, w.Code, w.Body)
	}
	return b
}

func (b *browser) do(r *http.Request) *httptest.ResponseRecorder {
	b.t.Helper()
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	return w
}

func (b *browser) get(path string) *httptest.ResponseRecorder {
	return b.do(httptest.NewRequestWithContext(b.t.Context(), http.MethodGet, Root+path, nil))
}

// page gets a page with status 200.
func (b *browser) page(path string) string {
	b.t.Helper()
	w := b.get(path)
	if w.Code != http.StatusOK {
		b.t.Fatalf("GET %s: %d %s", path, w.Code, w.Body)
	}
	return w.Body.String()
}

var csrfField = regexp.MustCompile(`name="csrf" (?:value|content)="([^"]+)"`)

// token returns the CSRF token of a page.
func (b *browser) token(page string) string {
	b.t.Helper()
	m := csrfField.FindStringSubmatch(page)
	if m == nil {
		b.t.Fatal("the page has no token")
	}
	return m[1]
}

// post sends a form with pairs of names and values and a CSRF token.
func (b *browser) post(path string, values ...string) *httptest.ResponseRecorder {
	b.t.Helper()
	return b.form(path, append(values, "csrf", b.token(b.page("/account"))))
}

func (b *browser) form(path string, values []string) *httptest.ResponseRecorder {
	form := url.Values{}
	for i := 0; i < len(values); i += 2 {
		form.Add(values[i], values[i+1])
	}
	r := httptest.NewRequestWithContext(b.t.Context(), http.MethodPost, Root+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(r)
}

func (b *browser) signIn(user, secret string) *httptest.ResponseRecorder {
	b.t.Helper()
	token := b.token(b.page("/signin"))
	return b.form("/signin", []string{"user", user, "password", secret, "csrf", token})
}

// routePaths returns the paths of all routes of a method, filled with existing objects.
func (d *testConsole) routePaths(method string) map[string]auth.Scope {
	fill := strings.NewReplacer("{$}", "", "{run}", d.run, "{part}", "event.json", "{flow}", "1", "{key}", "crm", "{client}", "client-a",
		"{user}", "vera", "{path...}", "api/queues", "{name}", "crm", "{delivery}", "1", "{webhook}", d.delivery, "{endpoint}", d.endpoint, "{failure}", d.failure, "{capture}", d.capture, "{operation}", d.operation, "{token}", "none", "{session}", "none", "{queue}", "default", "{folder}", "~")
	paths := map[string]auth.Scope{}
	for _, r := range d.routes() {
		if m, path, _ := strings.Cut(r.pattern, " "); m == method && !strings.HasSuffix(path, "/live") {
			paths[fill.Replace(path)] = r.scope
		}
	}
	return paths
}
