package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/api/openapi"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/store"
)

// The matrix of who may call what, over all operations of the document, for flows in three folders. What each caller may do is written
// out here, independently of the scopes in package auth; what an operation takes is x-scope in the document.

// folderOf has the flows of the matrix. The last one fails.
var folderOf = map[int]string{1: "a", 2: "a/b", 3: "c"} // read only

// caller is one of those who call every operation.
type caller struct {
	name   string
	roles  []store.Role
	folder string   // of right; "~": the top
	right  string   // granted in folder; empty: none
	all    []string // x-scopes that it has for all flows, and for what others have started where that matters
	own    []string // x-scopes that it has for its own runs alone, and to run flows
	in     []string // x-scopes that it has in folder a and below
}

// rightScopes are the x-scopes of each right.
var rightScopes = map[string][]string{ // read only
	"run":        {"flows:run"},
	"see":        {"flows:read", "runs:watch"},
	"payloads":   {"runs:read", "runs:watch"},
	"edit":       {"flows:write"},
	"operate":    {"runs:write"},
	"administer": {"flows:run", "flows:read", "runs:watch", "runs:read", "flows:write", "runs:write", "folders:admin"},
}

func callers() []caller {
	viewer := []string{"flows:read", "runs:read", "runs:watch", "queues:read"}
	all := []caller{
		{name: ""},
		{name: "ulf", own: []string{"flows:run", "flows:read", "runs:read", "runs:watch"}},
		{name: "vera", all: viewer, own: []string{"flows:run"}},
		{name: "aut", roles: []store.Role{store.RoleAPIUser, store.RoleAuthor}, all: append([]string{"flows:run", "flows:write"}, viewer...)},
		{name: "otto", all: append([]string{"flows:run", "runs:write", "queues:write", "events:publish"}, viewer...)},
		{name: "ann", all: append([]string{"flows:run", "flows:write", "runs:write", "queues:write", "events:publish", "users:admin", "clients:admin", "folders:admin"}, viewer...)},
		{name: "key-one", own: []string{"flows:run", "runs:read", "runs:watch"}},
	}
	for right, scopes := range rightScopes {
		all = append(all, caller{name: right + "-in-a", folder: "a", right: right, in: scopes}, caller{name: right + "-above", folder: "~", right: right, all: scopes})
	}
	return all
}

// ofOthers are x-scopes of operations that are, where they name a flow, about what others have sent or started; with those, own does
// not do.
var ofOthers = []string{"runs:read", "runs:watch", "runs:write"} // read only

// may reports whether a caller may call an operation with an x-scope about a flow, or about none when folder is empty.
func (c caller) may(scope, folder string, others bool) bool {
	switch {
	case scope == "own" || slices.Contains(c.all, scope):
		return true
	case slices.Contains(c.own, scope):
		return !others
	case slices.Contains(c.in, scope):
		return folder == "" || folder == "a" || strings.HasPrefix(folder, "a/")
	}
	return false
}

// special says what an operation takes where that is more, or other, than its x-scope.
var special = map[string]func(c caller, folder string) bool{ // read only
	"pauseFlow":  pauses,
	"resumeFlow": pauses,
	"listScopes": func(c caller, _ string) bool {
		return c.may("clients:admin", "", false) || c.may("users:admin", "", false)
	},
	// the runs of the matrix are otto's: to begin them again takes the right to run the flow, and to read or to operate its runs
	"replayRun": func(c caller, folder string) bool { return c.may("flows:run", folder, false) && beginsAgain(c, folder) },
	"resumeRun": func(c caller, folder string) bool { // it decides about what others have started
		return c.may("flows:run", folder, false) && beginsAgain(c, folder) && c.may("runs:write", folder, true)
	},
	"listTokens": isUser, "createToken": isUser, "revokeToken": isUser,
	"redeliver": func(c caller, folder string) bool {
		return c.may("flows:run", folder, false) && c.may("runs:read", folder, true)
	},
	"rehearseFlow": func(c caller, folder string) bool {
		return c.may("flows:write", folder, false) && c.may("runs:read", folder, true)
	},
	"describeFlow": func(c caller, folder string) bool { return c.may("flows:run", folder, false) },
	// own runs, too: who may run a flow may ask for runs
	"listRuns": func(c caller, _ string) bool { return c.may("runs:watch", "", false) || c.may("flows:run", "", false) },
	// statistics and the failures are of runs of all callers
	"readStats":  func(c caller, _ string) bool { return c.may("runs:watch", "", true) },
	"exportRuns": func(c caller, _ string) bool { return c.may("runs:read", "", true) },
}

func isUser(c caller, _ string) bool { return !strings.HasPrefix(c.name, "key-") }

func pauses(c caller, folder string) bool {
	return c.may("flows:write", folder, false) || c.may("queues:write", "", false) || c.may("runs:write", folder, true)
}

func beginsAgain(c caller, folder string) bool {
	return c.may("runs:watch", folder, true) && (c.may("runs:read", folder, true) || c.may("runs:write", folder, true))
}

// withoutScope are operations under /v1 that need none: each caller is shown its own.
var withoutScope = []string{"listTokens", "createToken", "revokeToken", "listFolders", "readFolder"} // read only

// bodies are those with which an operation, once it is allowed, changes nothing; others get {}.
var bodies = map[string]string{ // read only
	"putFlow": "SOURCE", "checkFlow": "SOURCE", "testFlow": "SOURCE", "replayRun": `{"version":"bad"}`, "resumeRun": `{"version":"bad"}`, "changeRun": `{"triage":"bad"}`,
	"changeFailure": `{"state":"bad"}`, "startRecording": `{"seconds":0}`, "createUser": `{"name":""}`, "createKey": `{"key":""}`, "createClient": `{"name":""}`, "putFolder": `{"grants":[]}`,
	"rollbackFlow": `{"version":"none"}`, "beginOperation": `{"action":"bad"}`, "putVar": `{"value":null}`, "putSecret": `{"value":""}`, "putConnection": `{"type":"magic"}`,
	"holdRuns": `{}`, "eraseRuns": `{}`, "rotateSigningKey": `{}`, "openCapture": `{"seconds":-1}`,
}

// queries do the same.
var queries = map[string]string{"deleteFlow": "?runs=bad", "startCanary": "?percent=bad", "rehearseFlow": "?runs=bad", "exportAudit": "?format=bad"} // read only

// skipped are operations that would change what the matrix is about, with the reason.
var skipped = map[string]string{
	"watchRun": "a stream, of readRun's run", "watchDeliveries": "a stream", "rotateSigningKey": "it makes a key with each call", "drainWorker": "no worker would be left",
	"resumeWorker": "likewise", "pauseQueue": "no run would begin", "resumeQueue": "likewise", "verifyAudit": "it reads the whole log each time",
}

// matrix is a product with what the operations are about.
type matrix struct {
	*apitest.Product
	runs, failures map[int]string // by flow
}

func newMatrix(t *testing.T) *matrix {
	t.Helper()
	_, callable := callbacks(t)
	m := &matrix{Product: apitest.NewProduct(t, callable), runs: map[int]string{}, failures: map[int]string{}}
	for flow, folder := range folderOf {
		m.Deploy(flow, m.source(folder))
		m.runs[flow] = m.Want(m.Do("POST", fmt.Sprintf("/v1/flows/%d/runs", flow), "otto", `{"secret":"SECRET"}`, "Prefer", "respond-async"), 202)["run_id"].(string)
		m.Until(m.runs[flow], "failed")
	}
	testenv.Eventually(t, func() string {
		for _, g := range m.Want(m.Do("GET", "/v1/failures", "ann", ""), 200)["items"].([]any) {
			m.failures[int(g.(map[string]any)["flow"].(float64))] = g.(map[string]any)["id"].(string)
		}
		return strings.Repeat("failures are missing", min(1, len(folderOf)-len(m.failures)))
	})
	for _, c := range callers() {
		if c.roles != nil || c.right != "" {
			apitest.Fatal(t, m.User(store.User{Name: c.name, Roles: c.roles}))
		}
	}
	for _, folder := range []string{"a", "~"} {
		var grants []store.FolderGrant
		for _, c := range callers() {
			if c.folder == folder {
				grants = append(grants, store.FolderGrant{To: "user:" + c.name, Rights: []store.Right{store.Right(c.right)}})
			}
		}
		text, err := json.Marshal(map[string]any{"grants": grants})
		apitest.Fatal(t, err)
		m.Want(m.Do("PUT", "/v1/folders/"+folder, "ann", string(text)), 200)
	}
	return m
}

// source is that of a flow that fails with what was sent to it.
func (m *matrix) source(folder string) string {
	return "folder: " + folder + "\ntrigger: webhook\nsteps: [{fail: \"it was ${ .secret }\"}]"
}

// request returns the request of an operation about a flow; 0: about none.
func (m *matrix) request(o *openapi3.Operation, method, path, who string, flow int) *http.Request {
	for name, value := range map[string]string{"flow": fmt.Sprint(flow), "run": m.runs[flow], "failure": m.failures[flow], "folder": "a", "capture": "none"} {
		path = strings.ReplaceAll(path, "{"+name+"}", value)
	}
	for strings.Contains(path, "{") {
		begin, end := strings.Index(path, "{"), strings.Index(path, "}")
		path = path[:begin] + "none" + path[end+1:]
	}
	body, header := "", []string{}
	if method != http.MethodGet && method != http.MethodDelete && queries[o.OperationID] == "" {
		body = bodies[o.OperationID]
		switch body {
		case "":
			body = "{}"
		case "SOURCE":
			body, header = fmt.Sprintf("flow: %d\n%s\n", flow, m.source(folderOf[flow])), []string{"Content-Type", "application/yaml"}
		}
	}
	if o.OperationID == "runFlow" {
		body, header = `{"secret":"mine"}`, []string{"Prefer", "respond-async"}
	}
	if o.OperationID == "deleteFolder" {
		header = []string{"If-Match", `"another"`}
	}
	return m.Request(method, path+queries[o.OperationID], who, body, header...)
}

// notFound are the details of the answer 404 with which a caller is refused: the same as for what does not exist.
var notFound = []string{"there is no such flow for you", "there is no such folder for you", "no such run"} // read only

// refused reports whether an answer is a refusal.
func (m *matrix) refused(r apitest.Reply, o *openapi3.Operation, path string) bool {
	switch r.StatusCode {
	case 401, 403:
		return true
	case 404:
		var problem struct{ Detail string }
		_ = json.Unmarshal([]byte(r.Text), &problem)
		return strings.Contains(path, "{failure}") || o.OperationID == "runFlow" || o.OperationID == "describeFlow" || slices.Contains(notFound, problem.Detail)
	}
	return false
}

func TestWhoMayCallWhat(t *testing.T) {
	t.Parallel()
	m := newMatrix(t)
	d, err := openapi.Describe()
	apitest.Fatal(t, err)
	doc, err := openapi3.NewLoader().LoadFromData(d.Document)
	apitest.Fatal(t, err)
	calls := 0
	for path, item := range doc.Paths.Map() {
		if !strings.HasPrefix(path, "/v1/") || strings.HasPrefix(path, "/v1/callbacks") {
			continue // its callers prove who they are otherwise
		}
		for method, o := range item.Operations() {
			scope, _ := o.Extensions["x-scope"].(string)
			if slices.Contains(withoutScope, o.OperationID) {
				scope = "own"
			}
			if scope == "" {
				t.Errorf("%s %s (%s) says no x-scope in the document: which scope does it take?", method, path, o.OperationID)
				continue
			}
			if skipped[o.OperationID] != "" {
				continue
			}
			calls += m.check(o, method, path, scope)
		}
	}
	t.Logf("%d calls", calls)
}

// check calls an operation for all callers and flows.
func (m *matrix) check(o *openapi3.Operation, method, path, scope string) (calls int) {
	about := map[int]string{0: ""}
	if strings.Contains(path, "{flow}") || strings.Contains(path, "{run}") || strings.Contains(path, "{failure}") {
		about = folderOf
	}
	for _, c := range callers() {
		for flow, folder := range about {
			others := folder != "" && slices.Contains(ofOthers, scope)
			want := c.may(scope, folder, others)
			if rule := special[o.OperationID]; rule != nil {
				want = rule(c, folder)
			}
			if want = want && c.name != ""; c.name == "" && scope == "own" {
				want = false
			}
			got := m.Send(m.request(o, method, path, c.name, flow))
			calls++
			if refused := m.refused(got, o, path); refused == want || got.StatusCode >= 500 && got.StatusCode != 503 || c.name == "" && got.StatusCode != 401 {
				m.T.Errorf("%s %s (%s, %s) about flow %d in %q by %q: %d, allowed should be %v: %.200s", method, path, o.OperationID, scope, flow, folder, c.name, got.StatusCode, want, got.Text)
			}
			if c.name != "" && want && strings.Contains(got.Text, "SECRET") && !c.may("runs:read", folder, true) && o.OperationID != "checkFlow" {
				m.T.Errorf("%s %s by %q shows what runs contain: %.400s", method, path, c.name, got.Text)
			}
		}
	}
	return calls
}

// Lists have what the caller may see, and nothing else.
func TestListsAreOfWhatOneMaySee(t *testing.T) {
	t.Parallel()
	m := newMatrix(t)
	for _, c := range callers() {
		if c.name == "" {
			continue
		}
		for path, scope := range map[string]string{"/v1/flows": "flows:read", "/v1/runs": "runs:watch", "/v1/failures": "runs:watch"} {
			r := m.Do("GET", path, c.name, "")
			if r.StatusCode != 200 {
				continue // TestWhoMayCallWhat has that
			}
			var got, want []int
			for _, one := range m.Want(r, 200)["items"].([]any) {
				if flow := int(one.(map[string]any)["flow"].(float64)); !slices.Contains(got, flow) && folderOf[flow] != "" {
					got = append(got, flow)
				}
			}
			for flow, folder := range folderOf {
				if c.may(scope, folder, scope == "runs:watch") {
					want = append(want, flow)
				}
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("%s of %s: %v, want %v", path, c.name, got, want)
			}
			if strings.Contains(r.Text, "SECRET") && !c.may("runs:read", "a", true) {
				t.Errorf("%s of %s shows what runs contain", path, c.name)
			}
		}
	}
}
