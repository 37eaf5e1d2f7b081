package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

// folderFlow deploys a flow in a folder, with one run, and returns the id of the run. The name of the flow and the run's event have
// the folder in them.
func (d *testConsole) folderFlow(number int64, folder string) (run string) {
	d.t.Helper()
	source := fmt.Sprintf("flow: %d\nname: The flow of %s\nfolder: %s\ntrigger: {webhook: {verify: none}}\nsteps: [{set: {a: 1}}]\n", number, folder, folder)
	flow, err := flows.Parse("f.yaml", []byte(source), steps.Catalogue())
	must(d.t, err)
	_, err = d.config.Store.Flows().Deploy(d.t.Context(), flow)
	must(d.t, err)
	event := json.RawMessage(fmt.Sprintf(`{"content of":%q}`, folder))
	ticket, err := d.config.Queue.Submit(d.t.Context(), queue.Submission{Spec: queue.Spec{Flow: number, Version: flow.Version, Queue: "default", Event: event, Limit: time.Minute}})
	must(d.t, err)
	ticket.Close()
	return ticket.RunID()
}

// grant makes a user who has rights in the folder crm alone.
func (d *testConsole) grant(user string, rights ...store.Right) *browser {
	d.t.Helper()
	_, err := d.config.Store.Users().Create(d.t.Context(), store.User{Name: user, Hash: apitest.Hash(d.t, testSecret), Groups: []string{"of " + user}})
	must(d.t, err)
	_, err = d.config.Store.Folders().Change(d.t.Context(), "crm", "", func(before []store.FolderGrant) ([]store.FolderGrant, error) {
		return append(slices.Clone(before), store.FolderGrant{To: "group:of " + user, Rights: rights}), nil
	})
	must(d.t, err)
	return d.signedIn(user)
}

// takesMore are pages that take more than their path, as TestWhoMayWhat has them.
var takesMore = []string{"/redeliver", "/sample", "/json", "/steps", "/task", "/test", "/replay", "/resume"}

// A user who has rights in a folder reaches what they permit there, and nothing of other folders: neither pages, nor names, nor what runs
// contain.
func TestRightsInFolders(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t, withStats(t))
	runs := map[string]string{"crm": d.folderFlow(2, "crm"), "crm/mail": d.folderFlow(3, "crm/mail"), "pay": d.folderFlow(4, "pay")}
	numbers := map[string]string{"crm": "2", "crm/mail": "3", "pay": "4"}
	users := map[string][]store.Right{}
	for _, r := range store.Rights() {
		users[string(r)] = []store.Right{store.RightSee, r}
	}
	for user, rights := range users {
		b := d.grant(user, rights...)
		var held []auth.Scope
		for _, r := range rights {
			held = append(held, auth.ScopesOfRight(r, "")...)
		}
		for _, r := range d.routes() {
			method, pattern, _ := strings.Cut(r.pattern, " ")
			about := strings.Contains(pattern, "{flow}") || strings.Contains(pattern, "{run}")
			if strings.HasSuffix(pattern, "/live") || slices.ContainsFunc(takesMore, func(end string) bool { return strings.HasSuffix(pattern, end) }) {
				continue
			}
			for folder, run := range runs {
				path := strings.NewReplacer("{flow}", numbers[folder], "{run}", run, "{part}", "event.json", "{$}", "", "{folder}", strings.ReplaceAll(folder, "/", "."), "{failure}", d.failure,
					"{key}", "crm", "{client}", "client-a", "{user}", "vera", "{path...}", "api/queues", "{name}", "crm", "{operation}", d.operation, "{capture}", d.capture).Replace(pattern)
				may := r.scope == "" || auth.Covers(held, r.scope) && (!about || folder != "pay")
				if method == http.MethodPost && !(about && folder == "pay" || r.scope != "" && !auth.Covers(held, r.scope)) {
					continue // it would change what the others look at
				}
				var code int
				var body string
				if method == http.MethodPost {
					w := b.form(path, []string{"csrf", b.token(b.page("/account"))})
					code, body = w.Code, w.Body.String()
				} else {
					w := b.get(path)
					code, body = w.Code, w.Body.String()
				}
				refused := code == http.StatusForbidden || code == http.StatusNotFound
				if !may && !refused {
					t.Errorf("%s, who may %v, %s %s: %d", user, rights, method, path, code)
				}
				if may && about && code == http.StatusForbidden && !strings.HasSuffix(pattern, "/paused") {
					t.Errorf("%s, who may %v, %s %s: %d, want to be let in", user, rights, method, path, code)
				}
				if strings.Contains(body, "flow of pay") || strings.Contains(body, "content of&#34;: &#34;pay") || strings.Contains(body, runs["pay"]) && !strings.Contains(path, runs["pay"]) {
					t.Errorf("%s, who may %v, sees the folder pay at %s", user, rights, path)
				}
				if !slices.Contains(held, auth.ScopeReadRuns) && strings.Contains(body, "content of") {
					t.Errorf("%s, who may %v, sees what a run contains at %s", user, rights, path)
				}
			}
		}
		if page := b.page("/flows"); !strings.Contains(page, "The flow of crm") || !strings.Contains(page, "The flow of crm/mail") {
			t.Errorf("%s does not see the flows of the folder", user)
		}
		if page := b.page("/runs"); !strings.Contains(page, runs["crm"]) {
			t.Errorf("%s does not see the run of the folder", user)
		}
	}
}

// A flow is saved in the folders in which the user may edit, with what an author of a folder may use.
func TestAuthorsOfFolders(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	d.folderFlow(2, "crm")
	d.folderFlow(4, "pay")
	b := d.grant("ed", store.RightSee, store.RightEdit)
	for source, want := range map[string]string{
		"flow: 9\nfolder: crm/new\nsteps: [{set: {a: 1}}]\n":                            "",
		"flow: 10\nfolder: pay\nsteps: [{set: {a: 1}}]\n":                               "the right to edit in the folder pay is required",
		"flow: 11\nsteps: [{set: {a: 1}}]\n":                                            "the right to edit in the folder / is required",
		"flow: 4\nfolder: crm\nsteps: [{set: {a: 1}}]\n":                                "Flow 4 is another flow",
		"flow: 12\nfolder: crm\nsteps: [{http: {get: /, connection: crm}}]\n":           "there is none that lists",
		"flow: 13\nfolder: crm\nsteps: [{call: {flow: 4}}]\n":                           "there is none that you may run",
		"flow: 14\nfolder: crm\nsteps: [{set: {a: \"${ $secrets.hook }\"}}]\n":          "",
		"flow: 15\nfolder: crm\nsteps: [{state: {key: a, scope: shared, get: true}}]\n": "",
	} {
		w := b.post("/flows", "source", source, "base", store.NoVersion)
		number, _, _ := strings.Cut(strings.TrimPrefix(source, "flow: "), "\n")
		_, err := d.config.Store.Flows().Deployment(number)
		if want == "" && number == "9" && err != nil {
			t.Errorf("%q is not saved: %d %s", source, w.Code, w.Body)
		}
		if want != "" && !strings.Contains(w.Body.String(), want) {
			t.Errorf("%q: %d %s, want %q", source, w.Code, w.Body, want)
		}
		if number != "9" && number != "4" && err == nil {
			t.Errorf("%q is saved", source)
		}
	}
	if w := b.post("/flows/diff", "source", "flow: 4\n", "flow", "4"); w.Code != http.StatusNotFound {
		t.Errorf("the text of a flow of another folder is compared: %d", w.Code)
	}
}

// Who administers a folder says who has which rights in it and in those within it, and gives no more than it has.
func TestFolderRightsAreGiven(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	d.folderFlow(2, "crm")
	d.folderFlow(4, "pay")
	b := d.grant("fay", store.RightAdminister)
	if w := b.post("/folders/crm", "kind", "user", "name", "ann", "right", "see", "right", "operate"); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if page := b.page("/folders/crm"); !strings.Contains(page, "user:ann") {
		t.Error("the page does not have what was given")
	}
	if w := b.post("/folders/crm.mail", "kind", "group", "name", "mailers", "right", "run"); w.Code != http.StatusSeeOther {
		t.Errorf("in a folder within it: %d %s", w.Code, w.Body)
	}
	for _, folder := range []string{"pay", "~"} {
		if w := b.post("/folders/"+folder, "kind", "user", "name", "fay", "right", "see"); w.Code != http.StatusNotFound && w.Code != http.StatusForbidden {
			t.Errorf("in the folder %s: %d", folder, w.Code)
		}
	}
	if w := b.post("/folders/crm", "to", "user:ann"); w.Code != http.StatusSeeOther {
		t.Errorf("taking: %d %s", w.Code, w.Body)
	}
	f, err := d.config.Store.Folders().Folder(t.Context(), "crm")
	if err != nil || slices.ContainsFunc(f.Grants, func(g store.FolderGrant) bool { return g.To == "user:ann" }) {
		t.Errorf("%+v, %v after all was taken", f, err)
	}
	if w := d.signedIn("vera").post("/folders/crm", "kind", "user", "name", "vera", "right", "edit"); w.Code != http.StatusForbidden {
		t.Errorf("a viewer: %d", w.Code)
	}
}
