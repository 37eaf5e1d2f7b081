package console

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/penstock/penstock/console/session"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/store"
)

// longFlow has lines that are far from each other.
const longFlow = `flow: 1
slug: hello
name: Say hello
trigger: webhook
steps:
  - set: {a: 1}
  - set: {b: 2}
  - set: {c: 3}
`

// deploySource deploys a text as if by the API, and returns its version.
func (d *testConsole) deploySource(text string, c store.Change) string {
	d.t.Helper()
	flow, err := flows.Parse("flow.yaml", []byte(text), steps.Catalogue())
	must(d.t, err)
	version, err := d.config.Store.Flows().DeployChange(d.t.Context(), flow, c)
	must(d.t, err)
	return version
}

// What somebody else has deployed since the editor was opened is not overwritten: it is merged, and shown before it is saved.
func TestASaveInBetweenIsMerged(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("root")
	base := d.deploySource(longFlow, store.Change{})
	theirs := d.deploySource(strings.Replace(longFlow, "Say hello", "Greet", 1), store.Change{By: "user:olga", Message: "a shorter <name>"})
	mine := strings.Replace(longFlow, "c: 3", "c: 4", 1)
	w := b.post("/flows", "flow", "1", "base", base, "source", mine, "message", "four")
	page := w.Body.String()
	if w.Code != http.StatusConflict {
		t.Fatalf("saved on an older base: %d", w.Code)
	}
	for _, part := range []string{"Merged with another version; not saved yet", "a shorter &lt;name&gt;", "by olga", "name: Greet", "c: 4", `name="base" value="` + theirs + `"`, "data-unsaved", "What they changed"} {
		if !strings.Contains(page, part) {
			t.Errorf("the page of the merge lacks %s", part)
		}
	}
	if !strings.Contains(page, `name="said" value="four"`) {
		t.Error("the message is lost")
	}
	if d.config.Store.Flows().VersionNow(1) != theirs {
		t.Error("the merge is deployed before anybody has seen it")
	}
	merged := strings.Replace(strings.Replace(longFlow, "Say hello", "Greet", 1), "c: 3", "c: 4", 1)
	if w := b.post("/flows", "flow", "1", "base", theirs, "source", merged, "message", "four"); w.Code != http.StatusSeeOther {
		t.Fatalf("save the merge: %d %s", w.Code, w.Body)
	}
	versions := b.page("/flows/1/versions")
	for _, part := range []string{"by root", "four", "by olga", "a shorter &lt;name&gt;"} {
		if !strings.Contains(versions, part) {
			t.Errorf("the versions lack %s", part)
		}
	}
	if audit := b.page("/access/audit"); !strings.Contains(audit, "four") {
		t.Error("the audit log lacks the message")
	}
}

// A text with the markers of a conflict is not deployed, also where it is valid YAML.
func TestAConflictIsResolvedFirst(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("root")
	base := d.deploySource(longFlow, store.Change{})
	theirs := d.deploySource(strings.Replace(longFlow, "b: 2", "b: 20", 1), store.Change{})
	w := b.post("/flows", "flow", "1", "base", base, "source", strings.Replace(longFlow, "b: 2", "b: 21", 1))
	page := w.Body.String()
	for _, part := range []string{"1 conflict with another version", "&lt;&lt;&lt;&lt;&lt;&lt;&lt; mine", "b: 20", "b: 21", "&gt;&gt;&gt;&gt;&gt;&gt;&gt; theirs"} {
		if w.Code != http.StatusConflict || !strings.Contains(page, part) {
			t.Errorf("%d: the page of the conflict lacks %s", w.Code, part)
		}
	}
	block := longFlow + "  - set:\n      text: |-\n        x\n"
	for _, text := range []string{
		strings.Replace(block, "        x\n", "        x\n<<<<<<< mine\n", 1), "<<<<<<< mine\n" + longFlow, longFlow + ">>>>>>> theirs\n",
	} {
		for _, path := range []string{"/flows", "/flows/review"} {
			if w := b.post(path, "flow", "1", "base", theirs, "source", text); !strings.Contains(w.Body.String(), "begins a conflict") {
				t.Errorf("%s of a text with markers: %d", path, w.Code)
			}
		}
	}
	if d.config.Store.Flows().VersionNow(1) != theirs {
		t.Error("a text with markers is deployed")
	}
}

// The version that was edited may be gone from the history, and the flow too.
func TestABaseThatIsGone(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("root")
	d.deploySource(longFlow, store.Change{})
	w := b.post("/flows", "flow", "1", "base", strings.Repeat("0", 64), "source", longFlow+"  - set: {d: 4}\n")
	if page := w.Body.String(); w.Code != http.StatusConflict || !strings.Contains(page, "is not stored any more") || !strings.Contains(page, "d: 4") {
		t.Errorf("without a base: %d", w.Code)
	}
	now := d.config.Store.Flows().VersionNow(1)
	must(t, d.config.Store.Flows().Delete(t.Context(), 1))
	w = b.post("/flows", "flow", "1", "base", now, "source", longFlow)
	if page := w.Body.String(); w.Code != http.StatusConflict || !strings.Contains(page, "was deleted in the meantime") || !strings.Contains(page, `value="none"`) {
		t.Errorf("of a deleted flow: %d", w.Code)
	}
	if w := b.post("/flows", "base", "none", "source", longFlow); w.Code != http.StatusSeeOther {
		t.Errorf("made again: %d", w.Code)
	}
}

// Of two people who save at once one is told, and nothing is lost.
func TestTwoSavesAtOnce(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	base := d.deploySource(longFlow, store.Change{})
	b, token := d.withSession("root")
	codes := make([]int, 2)
	pages := make([]string, 2)
	var both sync.WaitGroup
	for i, value := range []string{"a: 10", "a: 11"} {
		r := d.requestOf("POST /flows", map[string][]string{
			"csrf": {session.MaskToken(token)}, "flow": {"1"}, "base": {base}, "source": {strings.Replace(longFlow, "a: 1", value, 1)},
		})
		r.AddCookie(&http.Cookie{Name: cookieSession, Value: b.cookies[cookieSession]})
		both.Go(func() {
			w := httptest.NewRecorder()
			d.ServeHTTP(w, r)
			codes[i], pages[i] = w.Code, w.Body.String()
		})
	}
	both.Wait()
	if codes[0]+codes[1] != http.StatusSeeOther+http.StatusConflict {
		t.Fatalf("the saves answer %v", codes)
	}
	for i, code := range codes {
		if code == http.StatusConflict && (!strings.Contains(pages[i], "a: 10") || !strings.Contains(pages[i], "a: 11")) {
			t.Error("the conflict does not show both")
		}
	}
}

// The review deploys nothing and says what speaks against a deployment.
func TestReview(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("root")
	base := d.deploySource(longFlow, store.Change{})
	for name, tc := range map[string]struct {
		source, base string
		want         []string
		without      string
	}{
		"changes":      {strings.Replace(longFlow, "b: 2", "b: 9", 1), base, []string{"b: 9", "b: 2", "The flow has no tests", "Deploy now", "data-clear", `name="message"`}, ""},
		"nothing":      {longFlow, base, []string{"Nothing differs"}, "data-confirm"},
		"a mistake":    {longFlow + "  - sett: {}\n", base, []string{"1 mistake must be mended", "9:5"}, "data-confirm"},
		"a test fails": {longFlow + "tests: [{name: '<t>', output: []}]\n", base, []string{"1 of 1 test fails", "&lt;t&gt;", "Deploy although a test fails"}, "data-clear"},
		"missing":      {longFlow + "  - http: {get: 'https://erp.example.org', connection: erp}\n", base, []string{"Not on the server yet", "erp", "Deploy all the same"}, "data-clear"},
		"another base": {longFlow + "  - set: {d: 4}\n", strings.Repeat("0", 64), []string{"Another version was deployed", "Merge"}, "Deploy now"},
		"a new flow":   {strings.NewReplacer("flow: 1", "flow: 2", "hello", "hi").Replace(longFlow), base, []string{"A new flow of 9 lines"}, "Nothing differs"},
		"taken":        {strings.Replace(helloFlow, "hello", "hullo", 1), "", []string{"is another flow"}, "data-confirm"},
	} {
		opened := "1"
		if name == "taken" {
			opened = "7"
		}
		page := b.post("/flows/review", "flow", opened, "base", tc.base, "source", tc.source).Body.String()
		for _, part := range tc.want {
			if !strings.Contains(page, part) {
				t.Errorf("%s: the review lacks %s", name, part)
			}
		}
		if tc.without != "" && strings.Contains(page, tc.without) {
			t.Errorf("%s: the review has %s", name, tc.without)
		}
	}
	if d.config.Store.Flows().VersionNow(1) != base {
		t.Error("a review deploys")
	}
	again := b.post("/flows/review", "flow", "1", "base", base, "source", longFlow+"  - set: {d: 4}\n", "said", "<four>").Body.String()
	if !strings.Contains(again, `value="&lt;four&gt;"`) {
		t.Error("the message of an earlier review is lost")
	}
	back := b.post("/flows", "edit", "yes", "flow", "1", "base", base, "source", "flow: 1\nname: half\n", "message", "m")
	if page := back.Body.String(); back.Code != http.StatusOK || !strings.Contains(page, "name: half") || !strings.Contains(page, base) {
		t.Errorf("back to the text: %d", back.Code)
	}
	if diff := b.post("/flows/diff", "flow", "1", "source", strings.Replace(longFlow, "b: 2", "b: 9", 1)).Body.String(); !strings.Contains(diff, `class="come"`) || strings.Contains(diff, "<html") {
		t.Errorf("the differences: %.200s", diff)
	}
}

// A form that shows what was changed in the meantime does not overwrite it.
func TestFormsOfOthersAreNotOverwritten(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("root")
	for path, form := range map[string][]string{
		"/access/users/vera":       {"role", "viewer", "first_name", "Vera"},
		"/access/keys/crm":         {"name", "CRM"},
		"/access/clients/client-a": {"name", "Another"},
		"/connections/crm":         {"type", "basic", "name", "crm", "hosts", "other.example.org", "setting.username", "u"},
	} {
		page := b.page(path)
		_, rest, _ := strings.Cut(page, `name="seen" value="`)
		seen, _, _ := strings.Cut(rest, `"`)
		if len(seen) != 16 {
			t.Fatalf("%s has no mark: %q", path, seen)
		}
		action := path
		if strings.HasPrefix(path, "/connections") {
			action = "/connections"
		}
		form = append(form, "seen", seen)
		if w := b.post(action, form...); w.Code != http.StatusSeeOther {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		if w := b.post(action, form...); w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), "Somebody else has saved this") {
			t.Errorf("%s a second time: %d", path, w.Code)
		}
	}
}

// A page asks who is signed in, and gets a form in place of a page.
func TestSigningInOverAPage(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.browser()
	part := func(r *http.Request) *httptest.ResponseRecorder {
		r.Header.Set("HX-Request", "true")
		return b.do(r)
	}
	get := func(path string) *httptest.ResponseRecorder {
		return part(httptest.NewRequestWithContext(t.Context(), http.MethodGet, Root+path, nil))
	}
	if w := get("/session"); w.Code != http.StatusUnauthorized {
		t.Errorf("without a session: %d", w.Code)
	}
	stream := d.requestOf("GET /runs/{run}/live", nil)
	stream.Header.Set("Accept", "text/event-stream")
	if w := b.do(stream); w.Code != http.StatusUnauthorized {
		t.Errorf("a stream without a session: %d", w.Code)
	}
	form := get("/signin?user=vera")
	if page := form.Body.String(); form.Code != http.StatusOK || strings.Contains(page, "<html") || !strings.Contains(page, `value="vera"`) {
		t.Errorf("the form: %d %.200s", form.Code, page)
	}
	send := func(password string) *httptest.ResponseRecorder {
		values := map[string][]string{"user": {"vera"}, "password": {password}, "csrf": {b.token(get("/signin").Body.String())}}
		return part(d.requestOf("POST /signin", values))
	}
	if w := send("wrong"); w.Code != http.StatusUnauthorized || strings.Contains(w.Body.String(), "<html") || !strings.Contains(w.Body.String(), "is wrong") {
		t.Errorf("a wrong password: %d", w.Code)
	}
	if w := send(testSecret); w.Code != http.StatusNoContent || w.Header().Get("HX-Redirect") != "" {
		t.Errorf("signed in: %d %v", w.Code, w.Header())
	}
	if w := get("/signin"); w.Code != http.StatusNoContent {
		t.Errorf("the form for one who is signed in: %d", w.Code)
	}
	w := get("/session")
	var told struct{ User, CSRF string }
	must(t, json.Unmarshal(w.Body.Bytes(), &told))
	if told.User != "vera" {
		t.Errorf("the session is that of %q", told.User)
	}
	if w := part(d.requestOf("POST /flows/check", map[string][]string{"csrf": {told.CSRF}, "source": {helloFlow}})); w.Code != http.StatusOK {
		t.Errorf("with the token of the session: %d", w.Code)
	}
	if w := part(d.requestOf("POST /flows/check", map[string][]string{"csrf": {"AAAA"}})); w.Code != http.StatusForbidden || w.Header().Get("Penstock-Csrf") != "stale" {
		t.Errorf("with an old token: %d %v", w.Code, w.Header())
	}
}

// The review of an edit of an older version shows what the merge changes: what the other user has changed is not undone by it.
func TestTheReviewOfAStaleEditShowsTheMerge(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("root")
	base := d.deploySource(longFlow, store.Change{})
	d.deploySource(strings.Replace(longFlow, "Say hello", "Greet", 1), store.Change{By: "user:olga"})
	page := b.post("/flows/review", "flow", "1", "base", base, "source", strings.Replace(longFlow, "c: 3", "c: 4", 1)).Body.String()
	changes := page[strings.Index(page, "What the merge changes in the current version")+1:]
	if !strings.Contains(changes, "c: 4") || strings.Contains(changes, "Say hello") || strings.Contains(page, "changed by both") {
		t.Errorf("the review shows %s", changes)
	}
	page = b.post("/flows/review", "flow", "1", "base", base, "source", strings.Replace(longFlow, "Say hello", "Salute", 1)).Body.String()
	if !strings.Contains(page, "1 place was changed by both") {
		t.Error("the review does not tell the conflict")
	}
	d.deploySource("flow: 7\nslug: other\nsteps: [{set: {a: 1}}]\n", store.Change{})
	page = b.post("/flows/review", "flow", "1", "base", base, "source", strings.Replace(longFlow, "slug: hello", "slug: other", 1)).Body.String()
	if !strings.Contains(page, "belongs to flow 7") || strings.Contains(page, "data-confirm") {
		t.Error("the review offers to deploy a slug that is taken")
	}
}
