package console

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/penstock/penstock/audit"
	"github.com/penstock/penstock/internal/deliveries"
	"github.com/penstock/penstock/internal/entrylog"
)

// The list shows verdicts and reasons; the page of a delivery its content, and the test that it makes. Looking is audited.
func TestDeliveryPages(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("olga")
	list := b.page("/flows/hello/deliveries")
	for _, want := range []string{"Delivery 1", "rejected", "verify.secret, hook", "it is not stored", "/hooks/hello", "Headers and bodies are not recorded", "Record for an hour"} {
		if !strings.Contains(list, want) {
			t.Errorf("the list lacks %q", want)
		}
	}
	page := b.page("/flows/1/deliveries/1")
	for _, want := range []string{"&lt;note&gt;", "&lt;Ada&gt;", "Redeliver", "output: [{&#34;message&#34;:&#34;Hello, &lt;Ada&gt;&#34;}]"} {
		if !strings.Contains(page, want) {
			t.Errorf("the delivery lacks %q", want)
		}
	}
	looked := 0
	must(t, d.config.Store.Audit().Scan(t.Context(), audit.Range{}, func(e *audit.Entry) bool {
		if e.Actor == "user:olga" && e.Object == "flow:1/delivery:1" {
			looked++
		}
		return true
	}))
	if looked != 1 {
		t.Errorf("the audit log has %d looks", looked)
	}
	if try := b.page("/flows/1/try?delivery=1"); !strings.Contains(try, "&lt;Ada&gt;") {
		t.Error("the delivery is not there to try")
	}
	if w := b.get("/flows/1/deliveries/2"); w.Code != http.StatusNotFound {
		t.Errorf("an unknown delivery: %d", w.Code)
	}
	w := b.post("/flows/1/deliveries/1/redeliver")
	run, err := d.config.Queue.Record(t.Context(), strings.TrimPrefix(w.Header().Get("Location"), Root+"/runs/"))
	if err != nil || string(run.Event) != `{"name":"\u003cAda\u003e"}` && string(run.Event) != `{"name":"<Ada>"}` || run.Principal != "user:olga" {
		t.Errorf("redelivered: %d %s: %v", w.Code, run.Event, err)
	}
	b.post("/flows/1/recording", "on", "true")
	if list = b.page("/flows/1/deliveries"); !strings.Contains(list, "Stop and delete") {
		t.Error("the recording is not shown")
	}
	b.post("/flows/1/recording", "on", "false")
	if page = b.page("/flows/1/deliveries/1"); strings.Contains(page, "note") || !strings.Contains(page, "are not kept") {
		t.Error("content is shown after it was deleted")
	}
	if vera := d.signedIn("vera").page("/flows/1/deliveries"); strings.Contains(vera, "Record for an hour") {
		t.Error("a viewer is offered to record")
	}
}

// oldDeliveries is a history with deliveries of one millisecond.
type oldDeliveries struct {
	entrylog.History
	numbers int64 // the first has 1
	fail    error
}

const oldAt = 1_790_000_000_000 // unix ms

func (h *oldDeliveries) Entries(_ context.Context, _ string, r entrylog.Range, most int) (entries []entrylog.Entry, err error) {
	for n := h.numbers; n > 0 && len(entries) < most; n-- {
		place := entrylog.Place{At: oldAt, Seq: n}
		if (r.After == entrylog.Place{}) || place.Compare(r.After) < 0 {
			entries = append(entries, entrylog.Entry{Place: place, Text: fmt.Appendf(nil, `{"delivery":%d,"at_ms":%d,"verdict":"accepted"}`, n, oldAt)})
		}
	}
	return entries, h.fail
}

// Older deliveries are on further pages, each once, and a warning says when the history is away.
func TestPagesOfDeliveries(t *testing.T) {
	t.Parallel()
	h := &oldDeliveries{numbers: 110} // a page has 50
	d := newTestConsole(t, func(c *Config) {
		var err error
		c.Deliveries, err = deliveries.New(deliveries.Config{Redis: c.Redis, Log: slog.New(slog.DiscardHandler), History: h})
		must(t, err)
	})
	b := d.signedIn("vera")
	const first = "/flows/1/deliveries"
	older := regexp.MustCompile(`href="[^"]*(/flows/1/deliveries\?after=[^"]*)"`)
	seen := map[string]int{}
	for path, pages := first, 1; path != ""; pages++ {
		page := b.page(path)
		for _, row := range regexp.MustCompile(`>Delivery \d+<`).FindAllString(page, -1) {
			seen[row]++
		}
		if polls := strings.Contains(page, "data-poll"); polls != (path == first) || pages > 3 {
			t.Fatalf("page %d, %s: polls %v", pages, path, polls)
		}
		if path = ""; older.MatchString(page) {
			path = older.FindStringSubmatch(page)[1]
		}
	}
	if seen[">Delivery 1<"]--; len(seen) != int(h.numbers) { // the one that Redis has is another one
		t.Errorf("%d deliveries are listed, want %d", len(seen), h.numbers)
	}
	for row, times := range seen {
		if times != 1 {
			t.Errorf("%s is there %d times", row, times)
		}
	}
	if w := b.get(first + "?after=x"); w.Code != http.StatusNotFound {
		t.Errorf("no position: %d", w.Code)
	}
	h.fail = errors.New("away")
	if page := b.page(first); !strings.Contains(page, "Deliveries are missing") || !strings.Contains(page, ">Delivery 1<") {
		t.Error("nothing says that the history is away")
	}
}

// A capture is shown to the one who opened it.
func TestCapturePages(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("olga")
	if !strings.Contains(b.page("/flows"), "Capture a webhook") {
		t.Error("captures are not offered")
	}
	path := strings.TrimPrefix(b.post("/captures").Header().Get("Location"), Root)
	if page := b.page(path); !strings.Contains(page, "/hooks"+path) || !strings.Contains(page, "Nothing has come yet") {
		t.Errorf("a capture: %s", page)
	}
	if w := d.signedIn("root").get(path); w.Code != http.StatusNotFound {
		t.Errorf("a capture of another: %d", w.Code)
	}
	b.post(path + "/close")
	if w := b.get(path); w.Code != http.StatusNotFound {
		t.Errorf("after its end: %d", w.Code)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, Root+path, nil)
	r.Header.Set("HX-Request", "true")
	if w := b.do(r); w.Code != http.StatusOK || strings.Contains(w.Body.String(), "data-poll") {
		t.Errorf("the open page after its end: %d %s", w.Code, w.Body)
	}
}

// A request of an unknown sender becomes a new flow with what its headers tell, and with itself as a test.
func TestAFlowOfACapture(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("root")
	path := strings.TrimPrefix(b.post("/captures").Header().Get("Location"), Root)
	add := func(header http.Header, body string, candidates ...deliveries.Candidate) {
		t.Helper()
		content := deliveries.NewContent(header, "", []byte(body), "", &deliveries.Secrets{})
		must(t, d.config.Deliveries.AddCaptured(t.Context(), strings.TrimPrefix(path, "/captures/"), &deliveries.Captured{At: d.clock.now(), Method: "POST", Candidates: candidates, Content: *content}))
	}
	signed := http.Header{"Content-Type": {"application/json"}, "X-Acme-Signature": {"t=1795953600,v1=" + strings.Repeat("5f", 32)}}
	add(signed, `{"a":1}`)
	add(http.Header{"Content-Type": {"application/json"}}, `{"b":2}`, deliveries.Candidate{Sender: "stripe", Title: "Stripe", Lines: "trigger:\n  webhook:\n    verify:\n      scheme: stripe\n      secret: stripe_secret\n"})
	page := b.page(path)
	for _, part := range []string{"header: X-Acme-Signature", "format: &#34;t={timestamp},v1={signature}&#34;", path + "/flow?request=1", path + "/flow?request=2&amp;sender=stripe"} {
		if !strings.Contains(page, part) {
			t.Errorf("the capture lacks %s", part)
		}
	}
	for query, parts := range map[string][]string{
		"?request=1":               {"header: X-Acme-Signature", "secret: webhook_2_secret", "event: {&#34;a&#34;:1}", "output: [{&#34;a&#34;:1}]", "Nothing is saved yet", "data-unsaved"},
		"?request=2&sender=stripe": {"scheme: stripe", "A webhook of Stripe", "event: {&#34;b&#34;:2}"},
		"?request=2":               {"trigger: webhook"},
	} {
		page := b.page(path + "/flow" + query)
		for _, part := range parts {
			if !strings.Contains(page, part) {
				t.Errorf("the flow of %s lacks %s", query, part)
			}
		}
	}
	for _, query := range []string{"", "?request=0", "?request=3", "?request=x"} {
		if w := b.get(path + "/flow" + query); w.Code != http.StatusNotFound {
			t.Errorf("%q: %d", query, w.Code)
		}
	}
}

// Storing the secret of a webhook leads back to where it was missing, and nowhere else.
func TestStoringASecretLeadsBack(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("root")
	page := b.page("/connections?secret=acme&to=" + Root + "/flows/1/deliveries")
	if !strings.Contains(page, `name="to" value="`+Root+`/flows/1/deliveries"`) || !strings.Contains(page, `value="acme"`) {
		t.Error("the form does not know the secret, or the way back")
	}
	if to := b.post("/secrets", "name", "acme", "value", "x", "to", Root+"/flows/1/deliveries").Header().Get("Location"); to != Root+"/flows/1/deliveries" {
		t.Errorf("it leads to %s", to)
	}
	if to := b.post("/secrets", "name", "acme2", "value", "x", "to", "https://evil.example.org/").Header().Get("Location"); !strings.HasPrefix(to, Root) {
		t.Errorf("it leads to %s", to)
	}
}
