package n8n_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/n8n"
	"github.com/penstock/penstock/flows/steps"
)

// Conditions of version 2 with values that are missing or of another type: false where n8n gives false, and with strict types also
// where n8n fails.
func TestConditionsWithMissingValues(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		types, kind, op, right, event string
		want                          string // true, false or the failure
	}{
		{"strict", "number", "gt", "5", `{}`, "false"},
		{"strict", "number", "gt", "5", `{"v": null}`, "false"},
		{"strict", "number", "lt", "5", `{}`, "false"},
		{"strict", "number", "gt", "5", `{"v": 7}`, "true"},
		{"strict", "number", "gt", "5", `{"v": 3}`, "false"},
		{"strict", "number", "gt", "5", `{"v": "7"}`, "false"},
		{"strict", "number", "equals", "7", `{"v": "7"}`, "false"},
		{"strict", "number", "notEquals", "5", `{}`, "true"},
		{"strict", "number", "notEquals", "5", `{"v": "7"}`, "false"},
		{"strict", "number", "notEquals", "5", `{"v": 7}`, "true"},
		{"strict", "number", "lt", `"={{ $json.w }}"`, `{"v": 3}`, "false"},
		{"strict", "number", "lt", `"={{ $json.w }}"`, `{"v": 3, "w": 4}`, "true"},
		{"strict", "number", "lt", `"={{ $json.w }}"`, `{"v": 3, "w": "4"}`, "false"},
		{"loose", "number", "gt", "5", `{"v": "7"}`, "true"},
		{"loose", "number", "gt", "5", `{}`, "false"},
		{"loose", "number", "notEquals", "5", `{}`, "true"},
		{"loose", "number", "equals", "7", `{"v": "7"}`, "true"},
		{"loose", "number", "lt", `"={{ $json.w }}"`, `{"v": "3", "w": "4"}`, "true"},
		{"strict", "dateTime", "after", `"2026-01-01"`, `{}`, "false"},
		{"strict", "dateTime", "after", `"2026-01-01"`, `{"v": null}`, "false"},
		{"strict", "dateTime", "after", `"2026-01-01"`, `{"v": "2026-01-02"}`, "true"},
		{"strict", "dateTime", "before", `"={{ $json.w }}"`, `{"v": "2026-01-02"}`, "false"},
		{"strict", "dateTime", "before", `"={{ $json.w }}"`, `{"v": "2026-01-02", "w": "2026-01-03"}`, "true"},
		{"strict", "string", "contains", `"5"`, `{"v": 5}`, "false"},
		{"strict", "string", "contains", `"5"`, `{"v": "a5"}`, "true"},
		{"strict", "string", "notContains", `"5"`, `{}`, "true"},
		{"strict", "string", "notContains", `"5"`, `{"v": 6}`, "false"},
		{"loose", "string", "contains", `"5"`, `{"v": 5}`, "true"},
		{"strict", "array", "lengthGt", "2", `{}`, "false"},
		{"strict", "array", "lengthGt", "2", `{"v": "long text"}`, "false"},
		{"strict", "array", "lengthGt", "2", `{"v": [1, 2, 3]}`, "true"},
	} {
		src := fmt.Sprintf(`{"name": "test", "nodes": [{"name": "Start", "type": "n8n-nodes-base.manualTrigger", "parameters": {}},
			{"name": "If", "type": "n8n-nodes-base.filter", "typeVersion": 2, "parameters": {"conditions": {"options": {"caseSensitive": true, "typeValidation": %q}, "combinator": "and", "conditions": [
				{"leftValue": "={{ $json.v }}", "rightValue": %s, "operator": {"type": %q, "operation": %q}}]}, "options": {}}}],
			"connections": {"Start": {"main": [[{"node": "If", "type": "main", "index": 0}]]}}}`, test.types, test.right, test.kind, test.op)
		r, err := n8n.Import([]byte(src), n8n.Config{})
		if err != nil {
			t.Fatal(err)
		}
		flow, err := flows.Parse("test.yaml", r.Flow, steps.Catalogue())
		if err != nil {
			t.Errorf("%v\n%s", err, r.Flow)
			continue
		}
		var event any
		if err := json.Unmarshal([]byte(test.event), &event); err != nil {
			t.Fatal(err)
		}
		out, err := flow.Execute(t.Context(), flows.Run{ID: "r", Event: event}, flows.Env{})
		got := fmt.Sprint(len(out) == 1)
		if err != nil {
			got = err.Error()
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s %s %s %s of %s (-want +got)\n%s%s", test.types, test.kind, test.op, test.right, test.event, diff, r.Flow)
		}
	}
}
