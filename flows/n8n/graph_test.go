package n8n_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/n8n"
	"github.com/penstock/penstock/flows/script"
	"github.com/penstock/penstock/flows/steps"
)

// fatal is a test.
type fatal interface {
	Helper()
	Fatal(args ...any)
}

// graph makes a workflow of nodes, "name kind version", with their parameters, and of connections "a.0 b.1".
func graph(t fatal, nodes map[string]string, connections ...string) []byte {
	t.Helper()
	type target struct {
		Node  string `json:"node"`
		Index int    `json:"index"`
	}
	w := struct {
		Name        string                            `json:"name"`
		Nodes       []any                             `json:"nodes"`
		Connections map[string]map[string][][]*target `json:"connections"`
	}{"test", nil, map[string]map[string][][]*target{}}
	for _, head := range slices.Sorted(maps.Keys(nodes)) {
		var name, kind string
		var version float64
		if _, err := fmt.Sscan(head, &name, &kind, &version); err != nil {
			t.Fatal(head, err)
		}
		w.Nodes = append(w.Nodes, map[string]any{"name": name, "type": "n8n-nodes-base." + kind, "typeVersion": version, "parameters": json.RawMessage(nodes[head])})
	}
	for _, c := range connections {
		var from, to string
		var port, input int
		if _, err := fmt.Sscanf(strings.ReplaceAll(c, ".", " "), "%s %d %s %d", &from, &port, &to, &input); err != nil {
			t.Fatal(c, err)
		}
		if w.Connections[from] == nil {
			w.Connections[from] = map[string][][]*target{"main": nil}
		}
		for len(w.Connections[from]["main"]) <= port {
			w.Connections[from]["main"] = append(w.Connections[from]["main"], []*target{})
		}
		w.Connections[from]["main"][port] = append(w.Connections[from]["main"][port], &target{to, input})
	}
	src, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// Items go the ways of the connections, and know the earlier items that they were made from.
func TestGraphs(t *testing.T) {
	t.Parallel()
	three := `{"jsCode": "return [{json: {id: 1}}, {json: {id: 2}}, {json: {id: 3}}];"}`
	big := `{"conditions": {"number": [{"value1": "={{ $json.id }}", "operation": "larger", "value2": 1}]}}`
	count := `{"jsCode": "return [{json: {n: $input.all().length, ids: items.map(i => i.json.id)}}];"}`
	for name, test := range map[string]struct {
		nodes       map[string]string
		connections []string
		want        map[string]string
	}{
		"earlier items by pairs, through a branch": {
			map[string]string{
				"Start manualTrigger 1": "{}", "A code 2": three, "B if 1": big,
				"S set 3.4": `{"includeOtherFields": true, "assignments": {"assignments": [{"name": "twice", "type": "number", "value": "={{ $json.id * 2 }}"}, {"name": "who", "type": "string", "value": "={{ $('Start').item.json.who }}"}]}}`,
				"T set 3.4": `{"assignments": {"assignments": [{"name": "a", "type": "number", "value": "={{ $('A').item.json.id }}"}, {"name": "t", "type": "number", "value": "={{ $('S').item.json.twice }}"}]}}`,
				"C code 2":  `{"jsCode": "return $input.all().map((one) => ({json: {...one.json, who: $('S').first().json.who}}));"}`,
				"F code 2":  count,
			},
			[]string{"Start.0 A.0", "A.0 S.0", "S.0 B.0", "B.0 T.0", "T.0 C.0", "B.1 F.0"},
			map[string]string{"T": `[{"a":2,"t":4},{"a":3,"t":6}]`, "C": `[{"a":2,"t":4,"who":"Ann"},{"a":3,"t":6,"who":"Ann"}]`, "F": `[{"ids":[1],"n":1}]`},
		},
		"branches that meet": {
			map[string]string{"Start manualTrigger 1": "{}", "A code 2": three, "B if 1": big, "T noOp 1": "{}", "F noOp 1": "{}", "J noOp 1": "{}"},
			[]string{"Start.0 A.0", "A.0 B.0", "B.0 T.0", "B.1 F.0", "T.0 J.0", "F.0 J.0"},
			map[string]string{"T": `[{"id":2},{"id":3}]`, "F": `[{"id":1}]`, "J": `[{"id":1},{"id":2},{"id":3}]`},
		},
		"an end beside branches that meet": {
			map[string]string{"Start manualTrigger 1": "{}", "A code 2": three, "T noOp 1": "{}", "F noOp 1": "{}", "E noOp 1": "{}", "M merge 2": "{}", "L code 2": count},
			[]string{"Start.0 A.0", "A.0 T.0", "A.0 F.0", "A.0 E.0", "T.0 M.0", "F.0 M.1", "M.0 L.0"},
			map[string]string{"M": `[{"id":1},{"id":2},{"id":3},{"id":1},{"id":2},{"id":3}]`, "E": `[{"id":1},{"id":2},{"id":3}]`, "L": `[{"ids":[1,2,3,1,2,3],"n":6}]`},
		},
		"a wire of an inner branch that is merged outside": {
			map[string]string{"Start manualTrigger 1": "{}", "A code 2": three, "B if 1": big, "T noOp 1": "{}", "O code 2": `{"jsCode": "return {id: 9}"}`, "M merge 2": "{}", "N merge 2": "{}"},
			[]string{"Start.0 A.0", "Start.0 O.0", "A.0 B.0", "B.0 T.0", "T.0 M.0", "O.0 M.1", "M.0 N.0", "B.1 N.1"},
			map[string]string{"M": `[{"id":2},{"id":3},{"id":9}]`, "N": `[{"id":2},{"id":3},{"id":9},{"id":1}]`},
		},
		"a loop in batches of two, with code": {
			map[string]string{"Start manualTrigger 1": "{}", "A code 2": three, "L splitInBatches 3": `{"batchSize": 2}`, "C code 2": `{"jsCode": "return [{json: {n: $input.all().length}}];"}`, "D code 2": `{"jsCode": "return [{json: {all: $input.all().map(i => i.json.n)}}];"}`},
			[]string{"Start.0 A.0", "A.0 L.0", "L.1 C.0", "C.0 L.0", "L.0 D.0"},
			map[string]string{"D": `[{"all":[2,1]}]`},
		},
		"a loop that ends by a condition": {
			map[string]string{"Start manualTrigger 1": "{}", "A code 2": three, "L splitInBatches 1": `{"batchSize": 2}`, "C code 2": `{"jsCode": "return [{json: {n: $input.all().length}}];"}`, "D noOp 1": "{}",
				"E if 1": `{"conditions": {"boolean": [{"value1": "={{ $node[\"L\"].context[\"noItemsLeft\"] }}", "value2": true}]}}`},
			[]string{"Start.0 A.0", "A.0 L.0", "L.0 C.0", "C.0 E.0", "E.0 D.0", "E.1 L.0"},
			map[string]string{"D": `[{"n":2},{"n":1}]`},
		},
		"nothing reaches a node that takes all items": {
			map[string]string{"Start manualTrigger 1": "{}", "A code 2": `{"jsCode": "return [];"}`, "C code 2": count},
			[]string{"Start.0 A.0", "A.0 C.0"},
			map[string]string{"C": `null`},
		},
		"a rule before another": {
			map[string]string{"Start manualTrigger 1": "{}", "A code 2": three,
				"W switch 3": `{"rules": {"values": [{"conditions": {"conditions": [{"leftValue": "={{ $json.id }}", "rightValue": 1, "operator": {"type": "number", "operation": "gt"}}]}}, {"conditions": {"conditions": [{"leftValue": "={{ $json.id }}", "rightValue": 0, "operator": {"type": "number", "operation": "gt"}}]}}]}}`,
				"X code 2":   count, "Y code 2": count},
			[]string{"Start.0 A.0", "A.0 W.0", "W.0 X.0", "W.1 Y.0"},
			map[string]string{"X": `[{"ids":[2,3],"n":2}]`, "Y": `[{"ids":[1],"n":1}]`},
		},
		"an error that goes on at its own output": {
			map[string]string{"Start manualTrigger 1": "{}", "H httpRequest 4": `{"url": "https://api.example.org/fails"}`, "T noOp 1": "{}", "E set 3.4": `{"assignments": {"assignments": [{"name": "failed", "type": "boolean", "value": "={{ $json.error.includes('500') }}"}]}}`},
			[]string{"Start.0 H.0", "H.0 T.0", "H.1 E.0"},
			map[string]string{"T": `null`, "E": `[{"failed":true}]`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src := graph(t, test.nodes, test.connections...)
			if strings.Contains(name, "error") {
				src = []byte(strings.Replace(string(src), `"name":"H"`, `"name":"H","onError":"continueErrorOutput"`, 1))
			}
			r, err := n8n.Import(src, n8n.Config{})
			if err != nil {
				t.Fatal(err)
			}
			flow, err := flows.Parse("test.yaml", r.Flow, steps.Catalogue())
			if err != nil {
				t.Fatalf("%v\n%s", err, r.Flow)
			}
			recorded := &recorder{items: map[string][]placed{}}
			_, err = flow.Execute(t.Context(), flows.Run{ID: "r", Event: map[string]any{"who": "Ann"}}, flows.Env{Scripts: patient{}, Trace: recorded, HTTP: failing{}})
			if err != nil {
				t.Fatalf("%v\n%s", err, r.Flow)
			}
			for node, want := range test.want {
				if got := strings.TrimSpace(encode(recorded.at(r.Steps[node]))); got != want {
					t.Errorf("%s puts out %s, want %s", node, got, want)
				}
			}
			if t.Failed() {
				t.Logf("%s", r.Flow)
			}
		})
	}
}

// failing answers every request with 500.
type failing struct{}

func (failing) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 500, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("no")), Request: r}, nil
}

// patient gives scripts more time than their flows do: under the race detector they take long.
type patient struct{}

func (patient) Eval(ctx context.Context, s *flows.Script) (flows.ScriptResult, error) {
	more := *s
	more.Time = time.Minute
	return script.Eval(ctx, &more)
}
