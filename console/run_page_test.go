package console

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/queue"
)

// stored sets fields of the waiting run of the fixtures as a worker would have stored them.
func (d *testConsole) stored(fields ...any) {
	d.t.Helper()
	must(d.t, d.redis.HSet(d.t.Context(), "penstock:{default}:run:"+d.run, fields...).Err())
}

// part gets a fragment with status 200.
func (b *browser) part(path string) string {
	b.t.Helper()
	r := httptest.NewRequestWithContext(b.t.Context(), http.MethodGet, Root+path, nil)
	r.Header.Set("HX-Request", "true")
	w := b.do(r)
	if w.Code != http.StatusOK {
		b.t.Fatalf("GET %s: %d %s", path, w.Code, w.Body)
	}
	return w.Body.String()
}

// has checks that a page has all parts.
func has(t *testing.T, page string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(page, part) {
			t.Errorf("the page lacks %q", part)
		}
	}
}

// The page of a parked run says for what it waits, and until when; the time until then is none of its steps.
func TestRunPageSaysWhatARunWaitsFor(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b, now := d.signedIn("vera"), d.clock.now().UTC()
	if page := b.page("/runs/" + d.run); !strings.Contains(page, "Waits for") || !strings.Contains(page, "a free slot of a worker of queue default") {
		t.Error("the page of a queued run does not say for what it waits")
	}
	for wait, want := range map[string]string{
		`"for":"delay","step":"pause"`:                    "the end of the delay",
		`"for":"wait_for","step":"paid","topic":"orders"`: "an event of the topic orders, at",
		`"for":"wait_for","step":"approval"`:              "a call of the URL of",
		`"for":"lock","step":"one"`:                       "a lock that another run has",
		`"for":"retry","step":"notify"`:                   "its next try, after the failure of",
	} {
		micros := func(t time.Time) string { return fmt.Sprint(t.UnixMicro()) }
		d.stored("state", "waiting", "fence", "1", "at", micros(now.Add(-time.Hour)), "started", micros(now.Add(-time.Hour+time.Second)),
			"steps", fmt.Sprintf(`{"steps":[{"step":"set","kind":"set","in":1,"out":1,"at":%q,"us":5}],"attempts":{"list":[{"attempt":1,"worker":"w-1","started_at":%q,"ended_at":%q,"wait":{%s,"until":%q}}]}}`,
				now.Format(time.RFC3339), now.Add(-time.Hour+time.Second).Format(time.RFC3339), now.Add(-time.Hour+3*time.Second).Format(time.RFC3339), wait, now.Add(90*time.Minute).Format(time.RFC3339)))
		page := b.page("/runs/" + d.run)
		has(t, page, want, now.Add(90*time.Minute).Format("2006-01-02 15:04:05"), "(in 1h ", "parked: it waited for", "w-1", "of-parked")
		if strings.Contains(page, "steps\n\t\t\t\t\t<b>1h") || !strings.Contains(strings.Join(strings.Fields(page), " "), "steps <b>2.00 s</b>") {
			t.Error("the time in which the run was parked is not apart from that of its steps")
		}
	}
}

const branchFlow = `flow: 9
slug: branches
run: {record: items}
steps:
  - parallel:
      - branch: crm
        steps: [{http: {get: "https://crm.example.org"}}]
      - branch: gifts
        steps: [{http: {get: "https://gifts.example.org"}}, {name: after, set: {a: 1}}]
  - name: last
    set: {b: 2}
`

// Branches have their names, and steps the order of the flow, whichever ended first. What a step sent is loaded when it is opened.
func TestRunPageFollowsTheFlow(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	flow, err := flows.Parse("branches.yaml", []byte(branchFlow), steps.Catalogue())
	must(t, err)
	_, err = d.config.Store.Flows().Deploy(t.Context(), flow)
	must(t, err)
	s := queue.SubmissionOf(flow)
	s.Accepted = time.Now()
	ticket, err := d.config.Queue.Submit(t.Context(), s)
	must(t, err)
	ticket.Close()
	d.run = ticket.RunID()
	_, err = d.config.Queue.Cancel(t.Context(), d.run, []byte(`{"code":"step_failed","message":"no","step":"last"}`))
	must(t, err)
	d.stored("state", "failed", "steps", `{"steps":[
		{"step":"parallel.2.http","kind":"http","in":1,"out":1,"at":"2026-11-01T00:00:01Z","us":1000000,"within":"0.","items":[{"from":"gifts"}]},
		{"step":"parallel.2.after","kind":"set","in":1,"out":1,"at":"2026-11-01T00:00:02Z","us":10,"within":"0."},
		{"step":"parallel.1.http","kind":"http","in":1,"out":0,"at":"2026-11-01T00:00:03Z","us":2900000,"within":"0.","error":"status 503"},
		{"step":"parallel","kind":"parallel","in":1,"out":2,"at":"2026-11-01T00:00:03Z","us":3000000}],
		"exchanges":[{"step":"parallel.1.http","within":"0.","item":0,"attempt":2,"try":3,"at":"2026-11-01T00:00:01Z","us":120000,"method":"POST","url":"https://crm.example.org/a?b=c",
			"connections":["crm"],"status":503,"error":"status 503 <b>","request":{"headers":{"X-Note":"it's"},"body":"{\"n\":1}","size":7},"response":{"body":"<h1>away</h1>","cut":true,"size":9000}}],
		"exchanges_left_out":4}`)
	b := d.signedIn("olga")
	page := b.page("/runs/" + d.run)
	order := []string{`data-key="parallel"`, `>crm</span>`, `data-key="parallel.1.http"`, "1 request", `>gifts</span>`, `data-key="parallel.2.http"`, `data-key="parallel.2.after"`}
	at := 0
	for _, part := range order {
		i := strings.Index(page[at:], part)
		if i < 0 {
			t.Fatalf("the page lacks %s after the others", part)
		}
		at += i
	}
	has(t, page, "4 requests were not kept", "Resume from here")
	if strings.Contains(page, "crm.example.org/a") {
		t.Error("the requests are on the page before they are asked for")
	}
	step := b.part("/runs/" + d.run + "/steps?step=parallel.1.http")
	has(t, step, "https://crm.example.org/a?b=c", "attempt 2, try 3", "status 503 &lt;b&gt;", "&lt;h1&gt;away&lt;/h1&gt;", "This is the beginning",
		"curl -X &#39;POST&#39; &#39;https://crm.example.org/a?b=c&#39;", `it&#39;\&#39;&#39;s`, "with the credential of the connection crm")
	if w := b.get("/runs/" + d.run + "/steps?step=none"); w.Code != http.StatusNotFound {
		t.Errorf("a step that is not there: %d", w.Code)
	}
	plan := b.part("/runs/" + d.run + "/resume?from=last")
	has(t, plan, "from <code>last</code> on", "Resume from here…")
	if whole := b.page("/runs/" + d.run + "/steps?step=parallel.2.http"); !strings.Contains(whole, "<html") || !strings.Contains(whole, "gifts") {
		t.Error("without script there is no page of the step")
	}
}

// A large output is a page of bounded size; its branches, a search in it and the plain values are loaded.
func TestLargeJSONIsLoadedByBranches(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	_, err := d.config.Queue.Cancel(t.Context(), d.run, []byte(`{"code":"cancelled"}`))
	must(t, err)
	var items []string
	for i := range 60_000 {
		items = append(items, fmt.Sprintf(`{"id":%d,"name":"person %d","address":{"street":"long street %d","tags":["a","b","c"]}}`, i, i, i))
	}
	output := "[" + strings.Join(items, ",") + "]"
	d.stored("state", "succeeded", "output", output)
	b := d.signedIn("vera")
	page := b.page("/runs/" + d.run)
	if n := strings.Count(page, "<"); n > 9000 || len(page) > 400_000 {
		t.Errorf("the page of an output of %d bytes has %d bytes and %d tags", len(output), len(page), n)
	}
	has(t, page, "59,900 more", `href="/console/runs/`+d.run+`/json?part=output&amp;at=&amp;from=100"`)
	path := "/runs/" + d.run + "/json?part=output"
	rest := b.part(path + "&at=&from=100")
	has(t, rest, `data-i="100"`, "person 100", `data-i="199"`, "59,800 more")
	if strings.Contains(rest, `data-i="200"`) {
		t.Error("more than one page of children is loaded")
	}
	has(t, b.part(path+"&at=/59999/address"), `data-k="&#34;street&#34;"`, "long street 59999")
	if text := b.page(path + "&at=/59999/address/tags&as=value"); text != `["a","b","c"]` {
		t.Errorf("the value is %s", text)
	}
	found := b.part(path + "&q=PERSON+5999")
	has(t, found, "11 hits", "<code>.[5999].name</code>", "<code>.[59999].name</code>")
	has(t, b.part(path+"&q=there+is+no+such"), "Nothing found.")
	if whole := b.page(path + "&at=/1"); !strings.Contains(whole, "<html") || !strings.Contains(whole, "person 1") {
		t.Error("without script there is no page of the branch")
	}
	for _, bad := range []string{"&at=/60000", "&at=x", "&part=none"} {
		if w := b.get("/runs/" + d.run + "/json?" + strings.TrimPrefix(bad, "&")); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", bad, w.Code)
		}
	}
	if raw := b.page("/runs/" + d.run + "/output.json"); raw != output {
		t.Errorf("the raw text has %d bytes of %d", len(raw), len(output))
	}
}

// A test of a run is the last one of the flow's file as the editor shows it, and passes.
func TestATestIsMadeOfARun(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	_, err := d.config.Queue.Cancel(t.Context(), d.run, []byte(`{"code":"cancelled"}`))
	must(t, err)
	d.stored("state", "succeeded", "output", `[{"message":"Hello, Ada"}]`)
	root := d.signedIn("root")
	if page := root.page("/runs/" + d.run); !strings.Contains(page, "Make a test") {
		t.Error("the page of the run does not lead to a test")
	}
	page := root.page("/runs/" + d.run + "/test")
	has(t, page, "as in run "+d.run, "&#34;message&#34;:&#34;Hello, Ada&#34;", "Nothing is saved yet")
	if page := d.signedIn("olga").page("/runs/" + d.run); strings.Contains(page, "Make a test") {
		t.Error("who may not write flows is led to a test")
	}
	d.stored("state", "cancelled")
	if w := root.get("/runs/" + d.run + "/test"); w.Code != http.StatusConflict {
		t.Errorf("of a cancelled run: %d", w.Code)
	}
}

func TestWithTest(t *testing.T) {
	t.Parallel()
	const entry = "  - name: \"new\"\n    event: 1\n"
	for name, c := range map[string]struct{ source, want string }{
		"none yet":     {"flow: 1\nsteps:\n  - set: {a: 1}\n", "flow: 1\nsteps:\n  - set: {a: 1}\ntests:\n" + entry},
		"at the end":   {"flow: 1\ntests:\n  - name: old\n    event: 2 # c\n", "flow: 1\ntests:\n  - name: old\n    event: 2 # c\n" + entry},
		"in between":   {"tests:\n- name: old\n  event: |\n\n    a: b\n\n# steps\nsteps: []\n", "tests:\n- name: old\n  event: |\n\n    a: b\n- name: \"new\"\n  event: 1\n\n# steps\nsteps: []\n"},
		"deeper":       {"tests:\n    - name: old\nsteps: []", "tests:\n    - name: old\n    - name: \"new\"\n      event: 1\nsteps: []\n"},
		"an empty one": {"tests: [] # none\nsteps: []\n", "tests:\n" + entry + "steps: []\n"},
		"flow style":   {"tests: [{name: old}]\nsteps: []\n", "tests: [{name: old}]\nsteps: []\n# put under tests:\n#  - name: \"new\"\n#    event: 1\n"},
	} {
		if got := withTest(c.source, entry); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, c.want)
		}
	}
}

// A replay that would repeat an effect of which it is not known whether it happened names it before anything starts.
func TestReplayNamesUncertainEffects(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	run, b := d.failedPayment(), d.signedIn("olga")
	has(t, b.page("/runs/"+run+"/replay"), "It is not known whether these effects happened", "charge (http), item 0")
	w := b.post("/runs/"+run+"/replay", "event", `{"n":1}`)
	if w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), "charge (http), item 0") {
		t.Errorf("without a yes: %d", w.Code)
	}
	record, err := d.config.Queue.Record(t.Context(), run)
	must(t, err)
	if record.ReplayedBy != "" {
		t.Errorf("it was replayed by %s", record.ReplayedBy)
	}
	w = b.post("/runs/"+run+"/replay", "event", `{"n":1}`, "repeat", "yes")
	next := strings.TrimPrefix(w.Header().Get("Location"), Root+"/runs/")
	has(t, b.page("/runs/"+run), "Replayed by", "/runs/"+next)
	has(t, b.page("/runs/"+next), "Replay of", "/runs/"+run)
}
