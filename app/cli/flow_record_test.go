package cli

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/client"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
)

const recordedFlow = `flow: 5
trigger: {webhook: {params: [debug]}}
run: {record: items}
vars: {world: %q}
steps:
  - split: .ids[]
  - name: read
    http: {get: "${ $vars.world }/people/${ . }", expect: [200, 404]}
    concurrency: 4
  - switch:
      - when: .status == 404
        steps:
          - set: {missing: true}
      - else:
          - name: note
            http: {post: "${ $vars.world }/notes", json: {for: "${ .body.name }"}}
          - transform: '{name: $steps.read.body.name, note: .body.id, session: $steps.read.body.session_token, mail: $steps.read.body.mail}'
`

// startCRM starts the API that the flow calls. Person 2 does not exist.
func startCRM(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		id := strings.TrimPrefix(r.URL.Path, "/people/")
		switch {
		case r.Method == http.MethodPost:
			fmt.Fprint(w, `{"id": 9007199254740993123}`)
		case id == "2":
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{}`)
		default:
			fmt.Fprintf(w, `{"name": "person %s", "session_token": "planted-%s", "mail": "p%s@example.org"}`, id, id, id)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

// recorder runs flows on a server and records their runs.
type recorder struct {
	t      *testing.T
	url    string
	remote *client.Client
}

func newRecorder(t *testing.T) *recorder {
	t.Helper()
	server := startDev(t, app.Settings{Data: app.NoData, Flows: t.TempDir(), AdminUser: "ann", AdminPassword: "correct horse battery"})
	remote, err := client.New(client.Config{URL: server.url, User: "ann", Password: "correct horse battery"})
	if err != nil {
		t.Fatal(err)
	}
	return &recorder{t, server.url, remote}
}

// run deploys a flow, runs it and returns the id of the run.
func (r *recorder) run(flow, source, event string, params map[string]string) string {
	r.t.Helper()
	if _, err := r.remote.Deploy(r.t.Context(), flow, []byte(source)); err != nil {
		r.t.Fatal(err)
	}
	run, err := r.remote.Start(r.t.Context(), client.Request{Flow: flow, Event: []byte(event), Params: params})
	if err != nil {
		r.t.Fatal(err)
	}
	return run.ID
}

// record returns what `penstock flow record` prints.
func (r *recorder) record(args ...string) (string, error) {
	var out bytes.Buffer
	root := newRoot(command.Env{app.EnvURL: r.url, app.EnvUser: "ann", app.EnvPassword: "correct horse battery"}, steps.Catalogue())
	root.SetArgs(append([]string{"flow", "record"}, args...))
	root.SetOut(&out)
	err := root.ExecuteContext(r.t.Context())
	return out.String(), err
}

// A past run becomes a passing test without secrets.
func TestFlowRecord(t *testing.T) {
	t.Parallel()
	r := newRecorder(t)
	source := fmt.Sprintf(recordedFlow, startCRM(t).URL)
	run := func(source, event string) string {
		t.Helper()
		return r.run("5", source, event, map[string]string{"debug": "1"})
	}

	entry, err := r.record(run(source, `{"ids": [1, 2, 3], "api_key": "planted-key"}`), "--redact", "mail")
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"planted", "example.org"} {
		if strings.Contains(entry, secret) {
			t.Errorf("%s is in the test:\n%s", secret, entry)
		}
	}
	if !strings.Contains(entry, `"note":9007199254740993123`) || !strings.Contains(entry, `"name":"person 3"`) || !strings.Contains(entry, `params: {"debug":"1"}`) {
		t.Errorf("the test lacks what came out:\n%s", entry)
	}
	file := filepath.Join(t.TempDir(), "recorded.yaml")
	if err := os.WriteFile(file, []byte(source+"tests:\n"+entry), 0o600); err != nil {
		t.Fatal(err)
	}
	flow, err := flows.Parse(file, []byte(source+"tests:\n"+entry), steps.Catalogue())
	if err != nil {
		t.Fatalf("%v\n%s", err, entry)
	}
	if results := flows.RunTests(t.Context(), flow); len(results) != 1 || results[0].Failure != "" {
		t.Errorf("%+v\n%s", results, entry)
	}

	// A step that failed fails in the test, in the same words.
	_, err = r.remote.Deploy(t.Context(), "5", []byte(strings.Replace(source, "[200, 404]", "[200]", 1)))
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.remote.Start(t.Context(), client.Request{Flow: "5", Event: []byte(`{"ids": [2]}`)})
	var failed *client.Error
	if !errors.As(err, &failed) || !strings.Contains(err.Error(), "step read: a system that the flow calls refused the request") {
		t.Fatalf("person 2 is not there: %v", err)
	}
	if entry, err = r.record(failed.Run); err != nil || !strings.Contains(entry, `"message":"GET http`) {
		t.Errorf("%v\n%s", err, entry)
	}

	// What is not kept is said.
	_, err = r.record(run(strings.Replace(source, "run: {record: items}\n", "", 1), `{"ids": [1]}`))
	if err == nil || !strings.Contains(err.Error(), "add `run: {record: items}`") {
		t.Errorf("without items: %v", err)
	}
	_, err = r.record(run(source, "{\"ids\": ["+strings.TrimSuffix(strings.Repeat("1,", 25), ",")+"]}"))
	if err == nil || !strings.Contains(err.Error(), "step read put out 25 items, more than are kept") {
		t.Errorf("with many items: %v", err)
	}
}

const bareFlow = `flow: 5
trigger: webhook
run: {record: items}
steps:
  - name: remember
    state: {set: session, to: "${ .token }"}
  - name: session
    state: {get: session}
  - name: card
    state: {get: pin, default: "planted-4711"}
    redact: pin
  - set: {done: true}
`

// A secret that is a whole item is masked, too: because a named field has the same value, because --redact names its
// step, or because the step itself redacts.
func TestFlowRecordMasksBareSecrets(t *testing.T) {
	t.Parallel()
	r := newRecorder(t)
	out, err := r.record(r.run("5", bareFlow, `{"token": "planted-abc"}`, nil))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out, "planted") || strings.Count(out, "***") < 3 {
		t.Errorf("the test is\n%s", out)
	}
}
