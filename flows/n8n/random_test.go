package n8n_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/n8n"
	"github.com/penstock/penstock/flows/steps"
)

// randomNode is a node of a random workflow, with the kinds that only move items.
type randomNode struct {
	kind string
	in   [2][]outlet
	outs [2][]int // the ids that it puts out, by port
}

// outlet is an output of another node.
type outlet struct{ node, port int }

// In random workflows every node puts out the same items as a direct evaluation of the graph, whatever their order.
func TestRandomGraphs(t *testing.T) {
	t.Parallel()
	catalogue := steps.Catalogue()
	params := map[string]string{
		"noOp": "{}", "merge": `{"mode": "append"}`, "code": `{"jsCode": "return $input.all();"}`,
		"if": `{"conditions": {"number": [{"value1": "={{ $json.id % 2 }}", "operation": "equal", "value2": 0}]}}`,
	}
	rapid.Check(t, func(t *rapid.T) {
		nodes := []*randomNode{{kind: "start"}, {kind: "source"}}
		nodes[1].outs[0] = []int{1, 2, 3, 4}[:rapid.IntRange(0, 4).Draw(t, "items")]
		heads := map[string]string{"Start manualTrigger 1": "{}", "N1 code 2": source(nodes[1].outs[0])}
		connections := []string{"Start.0 N1.0"}
		for i, size := 2, rapid.IntRange(3, 24).Draw(t, "nodes"); i < size; i++ {
			n := &randomNode{kind: rapid.SampledFrom([]string{"noOp", "if", "code", "merge", "noOp"}).Draw(t, "kind")}
			inputs := 1
			if n.kind == "merge" {
				inputs = 2
			}
			for input := range inputs {
				for range rapid.IntRange(1, 2).Draw(t, "connections") {
					from := outlet{node: rapid.IntRange(1, i-1).Draw(t, "from")}
					if nodes[from.node].kind == "if" {
						from.port = rapid.IntRange(0, 1).Draw(t, "port")
					}
					if !slices.Contains(n.in[input], from) {
						n.in[input] = append(n.in[input], from)
						connections = append(connections, fmt.Sprintf("N%d.%d N%d.%d", from.node, from.port, i, input))
					}
				}
			}
			n.evaluate(nodes)
			heads[fmt.Sprintf("N%d %s 2", i, n.kind)] = params[n.kind]
			if n.kind == "if" {
				delete(heads, fmt.Sprintf("N%d %s 2", i, n.kind))
				heads[fmt.Sprintf("N%d %s 1", i, n.kind)] = params[n.kind]
			}
			nodes = append(nodes, n)
		}
		src := graph(t, heads, connections...)
		r, err := n8n.Import(src, n8n.Config{})
		if err != nil {
			t.Fatal(err)
		}
		flow, err := flows.Parse("test.yaml", r.Flow, catalogue)
		if err != nil {
			t.Fatalf("%v\n%s", err, r.Flow)
		}
		recorded := &recorder{items: map[string][]placed{}}
		if _, err := flow.Execute(t.Context(), flows.Run{ID: "r", Event: map[string]any{}}, flows.Env{Scripts: patient{}, Trace: recorded}); err != nil {
			t.Fatalf("%v\n%s", err, r.Flow)
		}
		for i, n := range nodes {
			if n.kind == "if" || n.kind == "start" {
				continue // its step is a switch
			}
			got := recorded.at(r.Steps[fmt.Sprintf("N%d", i)])
			if a, b := sorted(got), ids(n.outs[0]); a != b {
				t.Fatalf("N%d (%s) puts out %s, want %s\n%s\n%s", i, n.kind, a, b, strings.Join(connections, ", "), r.Flow)
			}
		}
	})
}

func source(ids []int) string {
	var b strings.Builder
	for _, id := range ids {
		fmt.Fprintf(&b, "{id: %d}, ", id)
	}
	return `{"jsCode": "return [` + b.String() + `];"}`
}

// evaluate gives the outputs of a node.
func (n *randomNode) evaluate(nodes []*randomNode) {
	var all []int
	for _, list := range n.in {
		for _, from := range list {
			all = append(all, nodes[from.node].outs[from.port]...)
		}
	}
	if n.kind != "if" {
		n.outs[0] = all
		return
	}
	for _, id := range all {
		n.outs[id%2] = append(n.outs[id%2], id)
	}
}

func ids(list []int) string {
	items := make([]any, len(list))
	for i, id := range list {
		items[i] = map[string]any{"id": id}
	}
	return sorted(items)
}

// sorted is a list of items as JSON, in an order of its own.
func sorted(items []any) string {
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = strings.TrimSpace(encode(item))
	}
	slices.SortFunc(texts, cmp.Compare)
	return strings.Join(texts, " ")
}
