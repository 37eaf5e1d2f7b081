package console

import (
	"context"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/console/session"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/history"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/queue"
)

// While Redis is away a user who was signed in before goes on reading what the history has, and cannot change anything; the pages say so.
func TestPagesWhileRedisIsAway(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t, withArchive(t))
	b := d.signedIn("vera")
	token := b.token(b.page("/"))
	var archived string
	_, _, err := d.config.Queue.ListArchived(t.Context(), queue.List{Most: 1}, func(r *queue.Record) { archived = r.ID })
	must(t, err)
	stranger := d.browser()
	d.server.Kill()
	for path, part := range map[string]string{
		"/":                 "3 runs in 24 hours",
		"/runs":             "listed are the ended runs that the history has",
		"/flows":            "Say hello",
		"/flows/1":          "Hello, ${ .name }",
		"/flows/1/stats":    "3 runs in 24 hours",
		"/runs/" + archived: "Steps",
	} {
		page := b.page(path)
		if !strings.Contains(page, `data-trouble="redis"`) || !strings.Contains(page, part) {
			t.Errorf("%s does not say that Redis is away, or has no %q", path, part)
		}
	}
	for path, parts := range map[string][]string{"/runs": {"At least 4 runs match", "in the history alone"}, "/runs?filter=flow:7": {"No match so far"}} {
		page := b.page(path)
		for _, part := range parts {
			if !strings.Contains(page, part) || strings.Contains(page, "looked at every run") || strings.Contains(page, "Exactly") {
				t.Errorf("%s: no %q, or it says that every run was looked at: %s", path, part, regexp.MustCompile(`(?s)<p class="answer.*?</p>`).FindString(page))
			}
		}
	}
	for _, path := range []string{"/failures", "/lines", "/workers"} {
		if w := b.get(path); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), `data-trouble="redis"`) {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if w := b.form("/flows/1/paused", []string{"csrf", token, "paused", "true"}); w.Code != http.StatusServiceUnavailable {
		t.Errorf("a write: %d", w.Code)
	}
	if w := b.get("/health"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `data-trouble="redis"`) || strings.Contains(w.Body.String(), "<html") {
		t.Errorf("the health: %d %s", w.Code, w.Body)
	}
	b.clock.advance(session.KnownFor + time.Second)
	if w := b.get("/runs"); w.Code != http.StatusServiceUnavailable {
		t.Errorf("a session that was not seen for an hour: %d", w.Code)
	}
	if w := stranger.get("/runs"); w.Code != http.StatusSeeOther {
		t.Errorf("a browser without a session: %d", w.Code)
	}
	stranger.cookies[cookieSession] = "another"
	if w := stranger.get("/runs"); w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "listed are") {
		t.Errorf("a session that is not known: %d", w.Code)
	}
	d.server.Restart()
	testenv.Until(t, "Redis answers", func() bool { return d.redis.Ping(t.Context()).Err() == nil })
}

// A session that was ended is not known any more.
func TestASessionThatEndedIsForgotten(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("vera")
	b.page("/flows")
	cookie := b.cookies[cookieSession]
	b.post("/signout")
	b.cookies[cookieSession] = cookie
	d.server.Kill()
	if w := b.get("/flows"); w.Code != http.StatusServiceUnavailable {
		t.Errorf("after signing out: %d", w.Code)
	}
}

// While Redis does not answer it is asked once a second, and each request waits for a bounded time only.
func TestProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p probe
		hang := make(chan struct{})
		var asked atomic.Int32
		question := func() bool { asked.Add(1); <-hang; return true }
		begun := time.Now()
		if p.ask(question) || time.Since(begun) != probeLimit {
			t.Errorf("Redis that hangs: after %s", time.Since(begun))
		}
		if begun = time.Now(); p.ask(question) || time.Since(begun) != 0 || asked.Load() != 1 {
			t.Errorf("a second caller waits %s; asked %d times", time.Since(begun), asked.Load())
		}
		close(hang)
		synctest.Wait()
		if !p.ask(question) || asked.Load() != 1 {
			t.Error("it has answered meanwhile")
		}
		<-time.After(2 * probeInterval) // of the bubble's clock
		if !p.ask(func() bool { asked.Add(1); return true }) || asked.Load() != 2 {
			t.Errorf("asked %d times", asked.Load())
		}
	})
}

func TestHealthTellsWhatIsAway(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t, func(c *Config) { c.History = awayPinger{} })
	b := d.signedIn("vera")
	testenv.Until(t, "the history was checked", func() bool { return strings.Contains(b.page("/health"), `data-trouble="history"`) })
	if page := b.page("/health"); !strings.Contains(page, `data-trouble="workers"`) || !strings.Contains(page, `href="/console/workers"`) {
		t.Errorf("without a worker: %s", page)
	}
	if w := d.browser().get("/health"); w.Code != http.StatusUnauthorized || w.Body.Len() != 0 {
		t.Errorf("without a session: %d %s", w.Code, w.Body)
	}
}

type awayPinger struct{}

func (awayPinger) Ping(context.Context) error { return history.ErrUnavailable }

// A form is done once. The second time it leads to where the first one led; one that failed may come again.
func TestAFormIsDoneOnce(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("olga")
	token := b.token(b.page("/"))
	send := func(once, event string) *httptest.ResponseRecorder {
		return b.form("/flows/1/try", []string{"csrf", token, view.FieldOnce, once, "event", event})
	}
	first, second, third := send("a", `{"name":"x"}`), send("a", `{"name":"x"}`), send("b", `{"name":"x"}`)
	if first.Code != http.StatusSeeOther || second.Code != http.StatusSeeOther || first.Header().Get("Location") != second.Header().Get("Location") {
		t.Errorf("first %d %s, second %d %s", first.Code, first.Header().Get("Location"), second.Code, second.Header().Get("Location"))
	}
	if third.Header().Get("Location") == first.Header().Get("Location") {
		t.Error("another form did nothing")
	}
	if wrong, right := send("c", `{`), send("c", `{}`); wrong.Code < 400 || right.Code != http.StatusSeeOther {
		t.Errorf("one that failed: %d, then %d", wrong.Code, right.Code)
	}
	other := d.signedIn("root")
	for path := range changesNothing { // the editor's form goes to some of them before it is saved
		_, path, _ = strings.Cut(path, " ")
		path = strings.NewReplacer("{flow}", "1", "{name}", "none").Replace(path)
		for range 2 {
			if w := other.post(path, view.FieldOnce, "d", "source", "flow: 1\nsteps: [{set: {a: 1}}]"); w.Code == http.StatusConflict || w.Code == http.StatusSeeOther {
				t.Errorf("POST %s: %d %s", path, w.Code, w.Header().Get("Location"))
			}
		}
	}
	if w := other.post("/flows/1/try", view.FieldOnce, "a", "event", "{}"); w.Header().Get("Location") == first.Header().Get("Location") {
		t.Error("the form of another user counts")
	}
	page := b.page("/flows/1/try")
	if n := strings.Count(page, `name="`+view.FieldOnce+`"`); n == 0 {
		t.Error("the form has no token")
	}
}

// An error has the id of its request.
func TestErrorsHaveTheirRequest(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("vera")
	for _, part := range []string{"", "true"} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, Root+"/nowhere", nil)
		r.Header.Set("HX-Request", part)
		for name, value := range b.cookies {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
		w := httptest.NewRecorder()
		w.Header().Set("X-Request-Id", "request-17")
		b.ServeHTTP(w, r)
		if w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "<code>request-17</code>") || !strings.Contains(w.Body.String(), `data-copy="request-17"`) {
			t.Errorf("HX-Request %q: %d %s", part, w.Code, w.Body)
		}
	}
}

// Pages of production do not speak of dev.
func TestProductionDoesNotSpeakOfDev(t *testing.T) {
	t.Parallel()
	for _, dev := range []bool{false, true} {
		d := newTestConsole(t, func(c *Config) { c.Dev = dev })
		page := d.browser().page("/signin")
		root := d.signedIn("root")
		for path := range d.routePaths(http.MethodGet) {
			if !dev && !strings.HasPrefix(path, "/queues") {
				page += root.get(path).Body.String()
			}
		}
		if got := strings.Contains(page, "penstock dev"); got != dev {
			t.Errorf("dev %v: the pages speak of it: %v", dev, got)
		}
	}
}

// withArchive gives a console the history of withStats, from which its queue reads runs.
func withArchive(t *testing.T) func(*Config) {
	t.Helper()
	stats := withStats(t)
	return func(c *Config) {
		stats(c)
		h, ok := c.Stats.(*history.DB)
		client, single := c.Redis.(*redis.Client)
		if !ok || !single {
			t.Fatal("the history or Redis is another one")
		}
		conn, err := redisconn.Parse("redis://" + client.Options().Addr)
		must(t, err)
		c.Queue, err = queue.NewClient(queue.Config{Redis: conn, Log: c.Log, History: h})
		must(t, err)
		t.Cleanup(func() { _ = c.Queue.Close() })
		c.History = h
	}
}
