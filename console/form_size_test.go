package console

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/console/session"
	"github.com/penstock/penstock/queue"
)

// An event of the size that the API takes can be replayed, whatever it takes in URL encoding.
func TestTheLargestEventCanBeReplayed(t *testing.T) {
	t.Parallel()
	const limit = 600_000
	d := newTestConsole(t, func(c *Config) { c.MaxBody = limit })
	event := `{"name":"` + strings.Repeat("<", limit-11) + `"}`
	ticket, err := d.config.Queue.Submit(t.Context(), queue.Submission{Spec: queue.Spec{Flow: 1, Version: d.helloVersion(), Queue: "default", Event: []byte(event), Limit: time.Minute}})
	must(t, err)
	ticket.Close()
	b, token := d.withSession("root")
	path := "/runs/" + ticket.RunID() + "/replay"
	if status, page := b.postAs(token, path, "version", "current", "event", event); status != http.StatusSeeOther {
		t.Errorf("replay: %d %.300s", status, page)
	}
	if status, page := b.postAs(token, path, "version", "current", "event", event[:9]+"typed"+event[9:]); status != http.StatusRequestEntityTooLarge ||
		!strings.Contains(page, "it has 600,005 bytes; the limit here is 600,000") || !strings.Contains(page, "typed&lt;") {
		t.Errorf("an event that is larger: %d %.300s", status, page)
	}
	status, page := b.postAs(token, "/flows/1/try", "event", event+"1")
	if status != http.StatusRequestEntityTooLarge || !strings.Contains(page, "It has 600,001 bytes; the limit here is 600,000") {
		t.Errorf("a try with an event that is larger: %d %.300s", status, page)
	}
}

// An event that its indentation makes larger than it may be is shown as it came.
func TestAnEventIsShownSoThatItCanBeSentBack(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t, func(c *Config) { c.MaxBody = 40 })
	req := &requestState{console: d.Console}
	for event, want := range map[string]string{`{"a":1}`: "{\n  \"a\": 1\n}", `[1,2,3,4,5,6,7,8,9]`: `[1,2,3,4,5,6,7,8,9]`} {
		if got := req.eventText([]byte(event)); got != want {
			t.Errorf("%s is shown as %s", event, got)
		}
	}
}

// A form that is larger than the server takes is told so, not that its page is out of date, also when its token is in a header.
func TestALargerFormIsToldItsSize(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t, func(c *Config) { c.MaxBody = 1000 })
	b, token := d.withSession("root")
	body := url.Values{"source": {strings.Repeat("x", int(d.maxForm()))}}.Encode()
	for _, header := range []string{"", session.MaskToken(token)} {
		for _, path := range []string{"/flows", "/flows/check", "/runs/" + d.run + "/replay"} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, Root+path, strings.NewReader(body))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if header != "" {
				r.Header.Set(session.HeaderCSRF, header)
			}
			w := b.do(r)
			if w.Code != http.StatusRequestEntityTooLarge || w.Header().Get("Penstock-Csrf") != "" || !strings.Contains(w.Body.String(), "It has 1,054,583 bytes; the limit here is 1,054,576") {
				t.Errorf("%s: %d %.400s", path, w.Code, w.Body)
			}
		}
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, Root+"/flows", strings.NewReader("source=x"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if w := b.do(r); w.Code != http.StatusForbidden {
		t.Errorf("a small form without a token: %d", w.Code)
	}
}

func (d *testConsole) helloVersion() string {
	d.t.Helper()
	head, err := d.config.Store.Flows().Deployment("1")
	must(d.t, err)
	return head.Version
}
