package console

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/audit"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

// d0 is the time of these tests.
var d0 = time.Date(2026, 1, 1, 0, 1, 0, 0, time.UTC) // read only

func TestAFlowIsSavedComparedAndRolledBack(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("root")
	if w := b.post("/flows", "flow", "1", "source", helloFlow+"tests: 3\n"); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "7:8") {
		t.Errorf("a flow with a mistake: %d", w.Code)
	}
	first, err := d.config.Store.Flows().Deployment("1")
	must(t, err)
	next := strings.ReplaceAll(helloFlow, "Hello,", "Good day,")
	if w := b.post("/flows", "flow", "1", "source", strings.ReplaceAll(next, "\n", "\r\n")); w.Code != http.StatusSeeOther {
		t.Fatalf("save: %d %s", w.Code, w.Body)
	}
	page := b.page("/flows/1/versions")
	for _, part := range []string{`class="gone"`, `class="come"`, "Good day,", "Roll back to it"} {
		if !strings.Contains(page, part) {
			t.Errorf("the versions do not show %s", part)
		}
	}
	for _, class := range []string{"gone", "come"} {
		if n := strings.Count(page, `class="`+class+`"`); n != 1 {
			t.Errorf("%d lines are %s, where one differs", n, class)
		}
	}
	b.post("/flows/1/rollback", "version", first.Version)
	if now, err := d.config.Store.Flows().Deployment("1"); err != nil || now.Version != first.Version {
		t.Errorf("rolled back to %s, %v", now.Version, err)
	}
	if w := b.post("/flows", "source", next); w.Code != http.StatusConflict {
		t.Errorf("a new flow with a number that is taken: %d", w.Code)
	}
	b.post("/flows/1/enabled", "enabled", "false", "sure", "yes")
	if now, err := d.config.Store.Flows().Deployment("1"); err != nil || now.Enabled {
		t.Errorf("enabled %t, %v", now.Enabled, err)
	}
	b.post("/flows/1/delete")
	if w := b.get("/flows/1"); w.Code != http.StatusNotFound {
		t.Errorf("the deleted flow: %d", w.Code)
	}
	audit := b.page("/access/audit")
	for _, act := range []string{"Deployed an earlier version of a flow again", "Switched the triggers of a flow on or off", "Deleted a flow"} {
		if !strings.Contains(audit, act) {
			t.Errorf("the audit log lacks %s", act)
		}
	}
}

func TestATextIsChecked(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("vera")
	check := func(source string) (told checkResult) {
		w := b.post("/flows/check", "source", source)
		must(t, json.Unmarshal(w.Body.Bytes(), &told))
		return told
	}
	good := check(helloFlow + "tests:\n  - {name: one, event: {name: Ada}, output: [{message: \"Hello, Ada\"}]}\n  - {name: two, output: []}\n")
	if len(good.Problems) != 0 || !strings.Contains(good.Diagram, `class="box k-set"`) || len(good.Tests) != 2 || good.Tests[0].Failure != "" || good.Tests[1].Failure == "" {
		t.Errorf("told %+v", good)
	}
	bad := check("flow: 1\ntrigger: webhook\nsteps:\n  - sett: {a: 1}\n")
	if len(bad.Problems) != 1 || bad.Problems[0].Line != 4 || bad.Diagram != "" {
		t.Errorf("told %+v", bad)
	}
}

// The editor names what the server does not have, and variables are kept beside the connections.
func TestWhatAFlowLacksIsNamed(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	const source = "flow: 77\nvars: {team: null}\nsteps:\n  - set: {a: .b, t: '${ $vars.team }'}\n  - http: {get: https://erp.example.org, connection: erp}\n"
	root := d.signedIn("root")
	for user, want := range map[string]string{"vera": "path_as_text", "root": "path_as_text missing_var missing_connection"} {
		var told checkResult
		must(t, json.Unmarshal(d.signedIn(user).post("/flows/check", "source", source).Body.Bytes(), &told))
		var codes []string
		for _, w := range told.Warnings {
			codes = append(codes, w.Code)
		}
		if got := strings.Join(codes, " "); got != want {
			t.Errorf("%s is warned of %s, want %s", user, got, want)
		}
	}
	if w := root.post("/vars", "name", "team", "value", "<red>"); w.Code != http.StatusSeeOther {
		t.Fatalf("save a variable: %d %s", w.Code, w.Body)
	}
	if page := root.page("/connections"); !strings.Contains(page, "&lt;red&gt;") {
		t.Error("the page does not have the variable")
	}
	root.post("/flows", "source", source)
	if page := root.page("/flows/77"); !strings.Contains(page, "Not on the server yet: connection erp.") {
		t.Error("the page of the saved flow does not say what the server lacks")
	}
	root.post("/vars/team/delete", "sure", "yes")
	if page := root.page("/connections"); strings.Contains(page, "&lt;red&gt;") {
		t.Error("the page has a deleted variable")
	}
}

func TestAFlowIsTried(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("olga")
	w := b.post("/flows/1/try", "event", `{"name": "Zoë"}`)
	run, err := d.config.Queue.Record(t.Context(), strings.TrimPrefix(w.Header().Get("Location"), Root+"/runs/"))
	must(t, err)
	if string(run.Event) != `{"name": "Zoë"}` || run.Principal != "user:olga" || run.State != queue.Queued {
		t.Errorf("run %+v", run)
	}
	if w := b.post("/flows/1/try", "event", `{"name": `); w.Code != http.StatusBadRequest {
		t.Errorf("an event that is no JSON: %d", w.Code)
	}
}

// Trying and replaying are runs by number: they need the scopes of the flow's operations, or the right to write it.
func TestOperationsAreTriedWithTheirScopes(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	flow, err := d.config.Store.Flows().Parse("test", []byte("flow: 7\ntrigger: {http: {get: /people, scopes: ['people:read']}}\nsteps: [{set: {a: 1}}]\n"))
	must(t, err)
	_, err = d.config.Store.Flows().Deploy(t.Context(), flow)
	must(t, err)
	w := d.signedIn("root").post("/flows/7/try")
	run, found := strings.CutPrefix(w.Header().Get("Location"), Root+"/runs/")
	if !found {
		t.Fatalf("by who may write the flow: %d %s", w.Code, w.Body)
	}
	for _, path := range []string{"/flows/7/try", "/runs/" + run + "/replay"} {
		if w := d.signedIn("olga").post(path); w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "people:read is required") {
			t.Errorf("%s without the scope: %d %s", path, w.Code, w.Body)
		}
	}
	_, err = d.config.Store.Users().Change(t.Context(), "olga", func(u *store.User) error { u.Scopes = []string{"people:read"}; return nil })
	must(t, err)
	for _, path := range []string{"/flows/7/try", "/runs/" + run + "/replay"} {
		if w := d.signedIn("olga").post(path); w.Code != http.StatusSeeOther {
			t.Errorf("%s with the scope: %d %s", path, w.Code, w.Body)
		}
	}
}

// A signed URL is shown to those who administer keys, who ask for it, and the audit log has it.
func TestASignedURLIsRight(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t, func(c *Config) { c.Issuer = "https://penstock.example.org" })
	b := d.signedIn("root")
	body := []string{"event", "{\n  \"name\": \"Zoë\"\n}", "key", "crm", "way", "smartsync"}
	const signed = `data-copy="https://penstock.example.org/apis/execute.php?`
	if page := b.post("/flows/1/call", body...).Body.String() + b.page("/flows/1/call"); strings.Contains(page, signed) {
		t.Error("a URL is signed that nobody asked for")
	}
	page := b.post("/flows/1/call", append(body, "sign", "yes")...).Body.String()
	start := strings.Index(page, signed)
	if start < 0 {
		t.Fatal("there is no URL to copy")
	}
	_, raw, _ := strings.Cut(page[start:], "?")
	raw, _, _ = strings.Cut(raw, `"`)
	q, err := auth.ParseQuery(strings.ReplaceAll(raw, "&amp;", "&"))
	must(t, err)
	if !auth.VerifyCheck(q, []byte(`{"name":"Zoë"}`), auth.Secrets{Current: testSecret}) {
		t.Errorf("the check of %s is wrong", raw)
	}
	if strings.Contains(page, testSecret) {
		t.Error("the page shows the secret of the key")
	}
	shown := 0
	must(t, d.config.Store.Audit().Scan(t.Context(), audit.Range{}, func(e *audit.Entry) bool {
		if e.Actor == "user:root" && e.Object == "key:crm" && e.Act == "POST /console/flows/{flow}/call" {
			shown++
		}
		return true
	}))
	if shown != 1 {
		t.Errorf("the audit log has %d signatures, want 1", shown)
	}
	olga := d.signedIn("olga")
	if w := olga.post("/flows/1/call", append(body, "sign", "yes")...); w.Code != http.StatusForbidden || strings.Contains(w.Body.String(), "execute.php") {
		t.Errorf("an operator gets a signature: %d", w.Code)
	}
	if page := olga.post("/flows/1/call", body...).Body.String(); strings.Contains(page, ">crm<") || !strings.Contains(page, "YOUR_KEY") {
		t.Error("an operator is shown keys")
	}
}

// A flow shows the ways in which callers can run it, and no others.
func TestWaysToCallAFlow(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	for trigger, want := range map[string]string{
		"manual": "smartsync signed native",
		"{webhook: {verify: {scheme: github, secret: hook}}}":      "webhook smartsync signed native",
		"{http: {get: /people, scopes: ['people:read']}}":          "http",
		"{schedule: {cron: \"0 6 * * *\"}}":                        "smartsync signed native",
		"{topic: orders}":                                          "",
		"{webhook: {verify: {scheme: discord, secret: hook}}}":     "webhook smartsync signed native",
		"{webhook: {verify: {scheme: basic, user: u, secret: s}}}": "webhook smartsync signed native",
	} {
		flow, err := d.config.Store.Flows().Parse("test", []byte("flow: 7\ntrigger: "+trigger+"\nsteps: [{set: {a: 1}}]\n"))
		must(t, err)
		_, err = d.config.Store.Flows().Deploy(t.Context(), flow)
		must(t, err)
		page, ways := d.signedIn("olga").page("/flows/7/call"), []string{}
		for _, m := range regexp.MustCompile(`id="way-(\w+)"`).FindAllStringSubmatch(page, -1) {
			ways = append(ways, m[1])
		}
		if got := strings.Join(ways, " "); got != want {
			t.Errorf("%s: %q, want %q", trigger, got, want)
		}
		if strings.Contains(want, "webhook") && !strings.Contains(page, "WEBHOOK_SECRET") && !strings.Contains(page, "There is no request to copy") {
			t.Errorf("%s has no sample of a delivery", trigger)
		}
	}
	all := ""
	for _, way := range []string{"smartsync", "signed", "native"} {
		all += d.signedIn("olga").page("/flows/1/call?way=" + way)
	}
	for _, language := range []string{"in-curl", "in-php", "in-node", "in-python", "in-csharp", "in-apex", "in-signed", "in-native"} {
		if !strings.Contains(all, language) {
			t.Errorf("there is no sample %s", language)
		}
	}
	if strings.Contains(all, "@BASE@") {
		t.Error("a sample was not filled in")
	}
}

func TestSummary(t *testing.T) {
	t.Parallel()
	run := func(age, took time.Duration, state queue.State) queue.Record {
		r := queue.Record{}
		r.State, r.Times.Accepted = state, d0.Add(-age)
		if state.Terminal() {
			r.Times.Finished = r.Times.Accepted.Add(took)
		}
		return r
	}
	s := summarize([]queue.Record{
		run(0, time.Second, queue.Succeeded), run(30*time.Second, 3*time.Second, queue.Failed),
		run(5*time.Minute, 2*time.Second, queue.TimedOut), run(14*time.Minute, 0, queue.Running),
	}, d0, 15*time.Minute)
	if s.Runs != 4 || s.Failed != 2 || s.Open != 1 || s.Rate != 2.0/60 || s.P50 != 2*time.Second || s.P99 != 3*time.Second {
		t.Errorf("summary %+v", s)
	}
	if last, first := s.Bars[overviewBars-1], s.Bars[3]; last.Runs != 1 || first.Runs != 1 || s.Bars[overviewBars-3].Failed != 1 {
		t.Errorf("bars %+v", s.Bars)
	}
}
