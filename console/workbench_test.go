package console

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

// deploy deploys a flow with a source.
func (d *testConsole) deploy(source string) {
	d.t.Helper()
	flow, err := d.config.Store.Flows().Parse("test", []byte(source))
	must(d.t, err)
	_, err = d.config.Store.Flows().Deploy(d.t.Context(), flow)
	must(d.t, err)
}

// hookedFlow is flow 7, which GitHub calls.
const hookedFlow = `flow: 7
slug: hooked
trigger: {webhook: {verify: {scheme: github, secret: hook_of_nobody}, headers: [x-github-event], params: [team]}}
steps: [{filter: '$headers["x-github-event"] == "issues"'}, {name: look, http: {get: "https://example.org/"}}, {set: {title: "${ .title }"}}]
`

// The page says what to enter at the sender, and whether a secret is stored, but never its value.
func TestWhatToEnterAtTheSender(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t, func(c *Config) { c.Issuer = "https://penstock.example.org" })
	d.deploy(hookedFlow)
	vera := d.signedIn("vera")
	has(t, vera.page("/flows/7/deliveries"), "https://penstock.example.org/hooks/hooked", "GitHub", "not stored", "X-Hub-Signature-256", "<code>issues</code>", "Payload URL")
	if page := vera.page("/flows/7/deliveries"); strings.Contains(page, "the address at which you opened the console") {
		t.Error("an address that senders reach is said to be unreachable")
	}
	must(t, d.config.Store.Secrets().Put(t.Context(), "hook_of_nobody", testSecret))
	if page := vera.page("/flows/7/deliveries"); !strings.Contains(page, ">stored<") || strings.Contains(page, testSecret) {
		t.Error("a stored secret is not told, or shown")
	}
	has(t, vera.page("/flows/1/deliveries?sender=stripe"), "No sender may call this URL yet", "scheme: stripe")
}

// A recorded delivery becomes a test in the editor for those who may write flows and see what is recorded. Nothing is deployed.
func TestADeliveryBecomesTheSample(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	root := d.signedIn("root")
	page := root.page("/flows/1/deliveries/1/sample")
	has(t, page, "Nothing is saved yet", "name: &#34;delivery 1&#34;", "&lt;Ada&gt;", "data-unsaved")
	head, err := d.config.Store.Flows().Deployment("1")
	must(t, err)
	source, err := d.config.Store.Flows().Source(t.Context(), 1, head.Version)
	must(t, err)
	if strings.Contains(string(source), "delivery 1") {
		t.Error("it is deployed")
	}
	if w := d.signedIn("olga").get("/flows/1/deliveries/1/sample"); w.Code != http.StatusForbidden {
		t.Errorf("an operator: %d", w.Code)
	}
}

// Before a delivery is sent again the page says what that does; it does nothing itself.
func TestTheConsequencesOfARedelivery(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("olga")
	has(t, b.page("/flows/1/deliveries/1/redeliver"), "it is not attached to an earlier run", "The delivery became no run", "no steps that reach other systems")
	d.deploy(strings.Replace(hookedFlow, "flow: 7", "flow: 1", 1))
	has(t, b.page("/flows/1/deliveries/1/redeliver"), "These steps reach other systems", "<code>look</code>")
	runs := 0
	_, _, err := d.config.Queue.List(t.Context(), queue.List{Most: 10}, func(*queue.Record) { runs++ })
	must(t, err)
	if runs != 1 { // that of the fixture
		t.Errorf("looking at it made a run: %d", runs)
	}
}

// A dry run executes the flow with mocks and records nothing; headers and parameters are those that the flow reads.
func TestADryRun(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	d.deploy(hookedFlow)
	b := d.signedIn("olga")
	form := []string{"event", `{"title":"a"}`, "header.x-github-event", "issues", "header.x-other", "no", "mocks", `{"look":{"title":"<b>"}}`, "dry", "yes"}
	has(t, b.post("/flows/7/try", form...).Body.String(), "Nothing was sent", "&lt;b&gt;")
	has(t, b.post("/flows/7/try", append([]string{"mocks", "{}"}, form[:6]...)...).Header().Get("Location"), Root+"/runs/")
	form[7] = "{}"
	has(t, b.post("/flows/7/try", form...).Body.String(), "the test has no mock for look")
	for value, want := range map[string]string{"[": "The mocks are not JSON", "[]": "The mocks are no object"} {
		form[7] = value
		if w := b.post("/flows/7/try", form...); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d", value, w.Code)
		}
	}
	form[7], form[3] = "{}", "a\r\nb"
	if w := b.post("/flows/7/try", form...); w.Code != http.StatusBadRequest {
		t.Errorf("a header of two lines: %d", w.Code)
	}
}

// A try starts from a run of the same flow only, for those who may read runs, and says what is missing.
func TestWhereATryStarts(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	d.deploy(hookedFlow)
	b := d.signedIn("olga")
	has(t, b.page("/flows/1/try?run="+d.run), "Ada", "No worker serves the queue default", "Last run")
	if w := b.get("/flows/7/try?run=" + d.run); w.Code != http.StatusNotFound {
		t.Errorf("a run of another flow: %d", w.Code)
	}
	has(t, b.page("/flows/7/try"), "hook_of_nobody", "there is none", `name="header.x-github-event"`, `name="param.team"`)
	must(t, d.redis.Del(t.Context(), "penstock:{hooks}:1:content").Err())
	if w := b.get("/flows/1/try?delivery=1"); w.Code != http.StatusConflict {
		t.Errorf("a delivery that is not recorded: %d", w.Code)
	}
}

// A page lists what is of its filter, and goes on where the last one ended.
func TestFilteredDeliveries(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	for n := 2; n <= 71; n++ {
		list, verdict := "accepted", "accepted"
		if n%10 == 0 {
			list, verdict = "rejected", "rejected"
		}
		text := fmt.Sprintf(`{"delivery":%d,"at_ms":%d,"method":"POST","verdict":%q,"status":200,"repeated":%v,"run_id":"r"}`, n, 1795953600000+n, verdict, n%7 == 0 && list == "accepted")
		must(t, d.redis.LPush(t.Context(), "penstock:{hooks}:1:"+list, text).Err())
	}
	b := d.signedIn("vera")
	for filter, want := range map[string]int{"": 50, "accepted": 50, "rejected": 8, "ignored": 9, "unknown": 50} {
		if got := strings.Count(b.page("/flows/1/deliveries?show="+filter), ">Delivery "); got != want {
			t.Errorf("%q: %d deliveries, want %d", filter, got, want)
		}
	}
	if got := strings.Count(b.page("/flows/1/deliveries?show=&after=1795953600022-22"), ">Delivery "); got != 21 {
		t.Errorf("the second page has %d", got)
	}
}

// A signature of a key is for those who administer keys, and so is their list.
func TestKeysAreNotListedForOperators(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	must(t, func() error {
		_, err := d.config.Store.Keys().Create(t.Context(), store.Key{Key: "other", Name: "Other key", Secret: testSecret, APIAccess: true})
		return err
	}())
	if page := d.signedIn("olga").page("/flows/1/call"); strings.Contains(page, "Other key") || strings.Contains(page, "Show a signed URL") {
		t.Error("an operator sees keys")
	}
	has(t, d.signedIn("root").page("/flows/1/call"), "Other key", "Show a signed URL")
}

// Deleting a flow deletes what was recorded of it.
func TestARecordingEndsWithItsFlow(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	d.signedIn("root").post("/flows/1/delete")
	if n := d.redis.Exists(t.Context(), "penstock:{hooks}:1:content").Val(); n != 0 {
		t.Error("headers and bodies are kept")
	}
}
