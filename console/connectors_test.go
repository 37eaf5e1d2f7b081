package console

import (
	"encoding/json"
	"html"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/flows/problem"
)

const postFlow = `flow: 78
steps:
  - uses: slack.chat_post_message
    connection: crm
    with: {channel: "#orders", text: "Order ${ .number }"}
`

// A flow that uses operations is saved with them, edited, and gets newer ones when their document is deleted.
func TestAFlowWithOperationsIsSaved(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("root")
	save := func(source string) (version, saved string) {
		t.Helper()
		if w := b.post("/flows", "flow", "78", "source", strings.ReplaceAll(source, "\n", "\r\n")); w.Code != http.StatusSeeOther {
			t.Fatalf("save: %d %s", w.Code, w.Body)
		}
		head, err := d.config.Store.Flows().Deployment("78")
		must(t, err)
		text, err := d.config.Store.Flows().Source(t.Context(), 78, head.Version)
		must(t, err)
		return head.Version, string(text)
	}
	first, source := save(postFlow)
	if !strings.HasPrefix(source, postFlow+"---\n") || !strings.Contains(source, "attached: true") || strings.Contains(source, "chat_update") {
		t.Errorf("saved\n%s", source)
	}
	page := b.page("/flows/78")
	for _, part := range []string{"slack.chat_post_message", `Line 4: connection "crm": it is of the type basic, and slack.chat_post_message needs one of type bearer.`} {
		if !strings.Contains(html.UnescapeString(page), part) {
			t.Errorf("the page lacks %s", part)
		}
	}
	if version, _ := save(source); version != first {
		t.Error("saving what is there is another version")
	}
	// A further operation of the connector is attached, too.
	second, source := save(strings.Replace(source, "steps:\n", "steps:\n  - {uses: slack.users_lookup_by_email, connection: crm, with: {email: \"${ .email }\"}}\n", 1))
	if second == first || strings.Count(source, "connector: slack") != 1 || !strings.Contains(source, "  users_lookup_by_email:\n") {
		t.Errorf("saved\n%s", source)
	}
	// What is edited in the document is kept, and without the document the newer one is attached.
	edited := strings.Replace(source, "/chat.postMessage", "/chat.postOlder", 1)
	if edited == source {
		t.Fatal("the document has no URL")
	}
	older, source := save(edited)
	if older == second || source != edited {
		t.Errorf("saved\n%s", source)
	}
	if newer, source := save(source[:strings.Index(source, "---\n")]); newer != second || !strings.Contains(source, "/chat.postMessage") {
		t.Errorf("saved\n%s", source)
	}
	if w := b.post("/flows", "flow", "78", "source", strings.Replace(postFlow, "chat_post", "chat_pots", 1)); w.Code != http.StatusUnprocessableEntity || !strings.Contains(html.UnescapeString(w.Body.String()), `the connector slack has no operation "chat_pots_message"`) {
		t.Errorf("an operation that there is not: %d", w.Code)
	}
}

// A check of the text has the operations of the connectors in it, also while the flow has mistakes, and the schema those that ship.
func TestOperationsOfTheTextAreCompleted(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("vera")
	const source = "flow: 79\nsteps:\n  - uses: \n---\nconnector: own\nbase: https://own.example.org\noperations:\n  find: {summary: Finds., params: {properties: {q: {type: string}}}, http: {get: /}}\n  broken: {http: {git: /}}\n"
	var told checkResult
	must(t, json.Unmarshal(b.post("/flows/check", "source", source).Body.Bytes(), &told))
	find, _ := told.Operations["with-own.find"].(map[string]any)
	if len(told.Problems) == 0 || len(told.Operations) != 1 || find["description"] != "Finds." {
		t.Errorf("told %+v", told)
	}
	var schema struct {
		Defs map[string]any `json:"$defs"`
	}
	must(t, json.Unmarshal(b.get("/flows/schema.json").Body.Bytes(), &schema))
	if schema.Defs["with-slack.chat_post_message"] == nil || schema.Defs["kind-http"] == nil {
		t.Error("the schema lacks what ships")
	}
}

// The warnings of a check say when a connection cannot serve an operation.
func TestConnectionsOfOperationsAreChecked(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	var told checkResult
	must(t, json.Unmarshal(d.signedIn("root").post("/flows/check", "source", postFlow).Body.Bytes(), &told))
	if i := slices.IndexFunc(told.Warnings, func(p problem.Problem) bool { return p.Code == "missing_connection" }); i < 0 || told.Warnings[i].Line != 4 || told.Warnings[i].Column != 17 || !strings.Contains(told.Warnings[i].Message, "needs one of type bearer") {
		t.Errorf("warned of %+v", told.Warnings)
	}
}
