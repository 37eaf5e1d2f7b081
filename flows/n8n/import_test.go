package n8n_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/n8n"
	"github.com/penstock/penstock/flows/steps"
)

// What is no workflow gives an error that says so.
func TestNoWorkflow(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100)
	many := make([]string, 301)
	for i := range many {
		many[i] = fmt.Sprintf(`{"name": "n%d", "type": "n8n-nodes-base.noOp"}`, i)
	}
	for src, want := range map[string]string{
		"":                           "no workflow",
		"[]":                         "no workflow",
		"{}":                         "it has no nodes",
		`{"nodes": [null]}`:          "no name or no type",
		`{"nodes": [{"name": "a"}]}`: "no name or no type",
		`{"nodes": []} {}`:           "after its end",
		strings.Repeat("[", 20_000):  "no workflow",
		workflow(`noOp`, "{}"):       "",
		workflow(`code`, deep):       "nested deeper",
		`{"nodes": [` + strings.Join(many, ",") + `]}`:                                                                             "at most 300",
		`{"nodes": [{"name": "a", "type": "n8n-nodes-base.webhook"}, {"name": "a", "type": "n8n-nodes-base.noOp"}]}`:               "two nodes",
		`{"nodes": [{"name": "a", "type": "n8n-nodes-base.noOp"}]}`:                                                                "no trigger",
		`{"nodes": [{"name": "a", "type": "n8n-nodes-base.webhook", "parameters": []}]}`:                                           "no workflow",
		`{"nodes": [{"name": "a", "type": "n8n-nodes-base.webhook"}], "connections": {"a": {"main": [[{"node": "b"}], null, 3]}}}`: "no workflow",
	} {
		_, err := n8n.Import([]byte(src), n8n.Config{})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%.80s: %v, want %q", src, err, want)
		}
	}
	if _, err := n8n.Import([]byte(workflow("noOp", "{}")), n8n.Config{Trigger: "gone"}); err == nil {
		t.Error("a trigger that is not there is taken")
	}
}

// workflow is a workflow with a manual trigger and one node.
func workflow(kind, params string) string {
	return fmt.Sprintf(`{"name": "test", "nodes": [{"name": "Start", "type": "n8n-nodes-base.manualTrigger", "parameters": {}},
		{"name": "Node", "type": "n8n-nodes-base.%s", "typeVersion": 1, "parameters": %s}], "connections": {"Start": {"main": [[{"node": "Node", "type": "main", "index": 0}]]}}}`, kind, params)
}

// A credential of a workflow is not in the flow.
func TestCredentialsAreNotInTheFlow(t *testing.T) {
	t.Parallel()
	for kind, params := range map[string]string{
		"httpRequest":  `{"url": "https://api.example.org/a", "queryParametersUi": {}, "headerParametersUi": {"parameter": [{"name": "Authorization", "value": "Bearer hunter2"}, {"name": "X-Api-Key", "value": "hunter2"}]}}`,
		"httpRequest ": `{"url": "https://api.example.org/a", "sendHeaders": true, "specifyHeaders": "json", "jsonHeaders": "{\"X-Token\": \"hunter2\"}", "sendQuery": true, "queryParameters": {"parameters": [{"name": "api_key", "value": "hunter2"}]}}`,
		"crypto":       `{"action": "hmac", "type": "SHA256", "value": "={{ $json.a }}", "secret": "hunter2"}`,
		"graphql":      `{"endpoint": "https://api.example.org/graphql", "query": "query { a }", "headerParametersUi": {"parameter": [{"name": "Authorization", "value": "Bearer hunter2"}]}}`,
	} {
		r, err := n8n.Import([]byte(workflow(strings.TrimSpace(kind), params)), n8n.Config{})
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(r.Flow), "hunter2") {
			t.Errorf("%s:\n%s", kind, r.Flow)
		}
		if len(r.Connections)+len(r.Secrets) == 0 {
			t.Errorf("%s: neither a connection nor a secret is asked for", kind)
		}
	}
}

// What has no equivalent fails when a run reaches it, is commented, and is listed.
func TestWhatHasNoEquivalentFails(t *testing.T) {
	t.Parallel()
	for _, node := range [][2]string{
		{"mqtt", "{}"}, {"markdown", "{}"}, {"merge", `{"mode": "combineBySql"}`}, {"set", `{"values": {"string": [{"name": "a", "value": "={{ $jmespath($json, 'a') }}"}]}}`},
		{"if", `{"conditions": {"string": [{"value1": "={{ $json.a.unknown() }}", "value2": "x"}]}}`}, {"sort", `{"type": "random"}`},
		{"code", `{"jsCode": "const steps = [1];\nreturn steps.map(id => ({id}));"}`}, {"function", `{"functionCode": "return [ }"}`},
		// Parts of a node that have no equivalent: without them it would do something else.
		{"httpRequest", `{"url": "https://api.example.org", "options": {"pagination": {"pagination": {"paginationMode": "updateAParameterInEachRequest"}}}}`},
		{"httpRequest", `{"url": "https://api.example.org", "options": {"proxy": "http://proxy.example.org:3128"}}`},
		{"httpRequest", `{"url": "https://api.example.org", "options": {"response": {"response": {"responseFormat": "file"}}}}`},
		{"httpRequest", `{"url": "https://api.example.org", "requestMethod": "POST", "bodyContentType": "multipart-form-data", "bodyParametersUi": {"parameter": [{"parameterType": "formBinaryData", "name": "a", "inputDataFieldName": "data"}]}}`},
		{"httpRequest", `{"url": "https://api.example.org", "requestMethod": "POST", "bodyContentType": "binaryData", "inputDataFieldName": "data"}`},
		{"emailSend", `{"subject": "Hello", "text": "Hello"}`}, {"rssFeedRead", "{}"}, {"slack", `{"resource": "message", "operation": "post", "text": "Hello"}`},
		{"postgres", `{"operation": "executeQuery", "query": "=SELECT * FROM {{ $json.table }}"}`},
	} {
		kind, params := node[0], node[1]
		r, err := n8n.Import([]byte(workflow(kind, params)), n8n.Config{})
		if err != nil {
			t.Fatal(err)
		}
		flow, err := flows.Parse("test.yaml", r.Flow, steps.Catalogue())
		if err != nil {
			t.Fatalf("%s: %v\n%s", kind, err, r.Flow)
		}
		if kind == "merge" || kind == "if" {
			continue // one input: items pass; no node after it
		}
		if _, err := flow.Execute(t.Context(), flows.Run{ID: "r", Event: map[string]any{}}, flows.Env{}); err == nil || !strings.Contains(err.Error(), "to do") {
			t.Errorf("%s: %v\n%s", kind, err, r.Flow)
		}
		if !strings.Contains(string(r.Flow), "# TODO: ") || len(r.Notes) == 0 || !r.Notes[0].ToDo() {
			t.Errorf("%s: nothing is said\n%s", kind, r.Flow)
		}
	}
}

// A name with the beginning of an expression is the name of a member and no expression.
func TestNamesWithExpressions(t *testing.T) {
	t.Parallel()
	for kind, params := range map[string]string{
		"set":              `{"values": {"string": [{"name": "${ env }", "value": "x"}]}}`,
		"set ":             `{"values": {"string": [{"name": "${ env", "value": "={{ $json.a }}"}]}, "keepOnlySet": true}`,
		"httpRequest":      `{"url": "https://api.example.org/a", "sendQuery": true, "queryParameters": {"parameters": [{"name": "${ env }", "value": "x"}]}, "sendBody": true, "bodyParameters": {"parameters": [{"name": "${ env }", "value": "x"}]}}`,
		"httpRequest ":     `{"url": "https://api.example.org/a", "queryParametersUi": {"parameter": [{"name": "${ env }", "value": "x"}]}}`,
		"respondToWebhook": `{"respondWith": "text", "responseBody": "${ env }", "options": {"responseHeaders": {"entries": [{"name": "x-${ env }", "value": "x"}]}}}`,
		"renameKeys":       `{"keys": {"key": [{"currentKey": "a", "newKey": "${ env }"}]}}`,
	} {
		r, err := n8n.Import([]byte(workflow(strings.TrimSpace(kind), params)), n8n.Config{})
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		if _, err := flows.Parse("flow.yaml", r.Flow, steps.Catalogue()); err != nil {
			t.Errorf("%s: %v\n%s", kind, err, r.Flow)
		}
	}
}

// Whatever the file, there is an error or a flow without mistakes.
func FuzzImport(f *testing.F) {
	for _, dir := range []string{"checked", "templates"} {
		files, _ := filepath.Glob(filepath.Join(data, dir, "*.json")) // none: the other seeds are enough
		for _, file := range files {
			if src, err := os.ReadFile(file); err == nil && len(src) < 20_000 {
				f.Add(src)
			}
		}
	}
	f.Add([]byte(workflow("set", `{"values": {"string": [{"name": "a.b[0]", "value": "={{ $json.x }} ${ {{ 1"}]}}`)))
	kinds := steps.Catalogue()
	f.Fuzz(func(t *testing.T, src []byte) {
		r, err := n8n.Import(src, n8n.Config{})
		if err != nil {
			return
		}
		if _, err := flows.Parse("flow.yaml", r.Flow, kinds); err != nil {
			t.Fatalf("%v\n%s", err, r.Flow)
		}
		if _, err := json.Marshal(r.Notes); err != nil {
			t.Fatal(err)
		}
	})
}

// Each type of node, in each version, becomes a flow without mistakes, also without any parameter.
func TestNodesWithoutParameters(t *testing.T) {
	t.Parallel()
	catalogue := steps.Catalogue()
	for _, kind := range append(n8n.Kinds(), "webhook", "scheduleTrigger", "cron", "interval", "errorTrigger", "formTrigger", "stripeTrigger", "gmailTrigger") {
		for _, version := range []string{"1", "2", "3", "4"} {
			for _, params := range []string{"{}", `{"mode": "x", "operation": "x", "resource": "x", "action": "x"}`} {
				src := strings.ReplaceAll(workflow(kind, params), `"typeVersion": 1`, `"typeVersion": `+version)
				for _, trigger := range []string{"", "Node"} {
					r, err := n8n.Import([]byte(src), n8n.Config{Trigger: trigger})
					if err != nil {
						t.Fatal(err)
					}
					if _, err := flows.Parse("test.yaml", r.Flow, catalogue); err != nil {
						t.Errorf("%s %s %s: %v\n%s", kind, version, params, err, r.Flow)
					}
				}
			}
		}
	}
}
