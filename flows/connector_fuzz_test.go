// The race detector makes these tests many times slower: they have one goroutine.

//go:build !race

package flows_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
)

// maxFuzzed is the maximum size in bytes of a text that the fuzz target of connectors reads.
const maxFuzzed = 64 << 10

// For any bytes ParseConnector returns a connector, or a problem.List with positions in the file. A connector is attached to a flow that
// uses it, and the flow has the same version when it is parsed again without the connector.
func FuzzParseConnector(f *testing.F) {
	for _, source := range filesOf(f, "connectors/*.yaml") {
		f.Add(source)
	}
	f.Add([]byte(zoom))
	f.Add([]byte(crmConnector))
	f.Add([]byte("connector: a\noperations: {b: {http: {get: 'http://h/${ $params.x }'}}}\n"))
	f.Add([]byte("connector: a\noperations:\n  b: &b {params: {$ref: '#'}, http: {get: /}}\n  c: *b\n"))
	f.Add([]byte("connector: a\noperations:\n" + strings.Repeat("  b:\n", 200)))
	f.Add([]byte("connector: a\nbase: http://h\nhttp: {headers: [1]}\noperations: {b: {http: {get: /, paginate: {}}}}\ntests: [{name: n, operation: b, response: {status: x}, output: 1}]\n"))
	kinds := catalogue()
	f.Fuzz(func(t *testing.T, source []byte) {
		if len(source) > maxFuzzed {
			return
		}
		c, err := flows.ParseConnector("fuzz.yaml", source, kinds)
		var problems problem.List
		if err != nil && (!errors.As(err, &problems) || len(problems) == 0) {
			t.Fatalf("%T %v", err, err)
		}
		lines := strings.Count(strings.ReplaceAll(string(source), "\r", "\n"), "\n") + 1
		for _, p := range problems {
			if p.Line < 1 || p.Line > lines || p.Column < 1 || p.Message == "" {
				t.Errorf("%d lines: %+v", lines, p)
			}
		}
		behind := append([]byte("flow: 1\nsteps: [{set: {a: 1}}]\n---\n"), source...)
		flows.ConnectorsIn("fuzz.yaml", behind, kinds)
		if c == nil {
			return
		}
		flows.RunConnectorTests(t.Context(), c)
		for _, o := range c.Operations[:min(len(c.Operations), 3)] {
			uses := "flow: 1\nsteps:\n  - uses: " + c.Name + "." + o.Name + "\n    with: \"${ . }\"\n"
			if len(c.Connection.Types) > 0 {
				uses += "    connection: c\n"
			}
			flow, err := flows.Parse("flow.yaml", []byte(uses), kinds.WithConnectors(connectorTexts{c.Name: string(source)}))
			if err != nil {
				t.Fatalf("%s is valid, and cannot be used: %v", o.Name, err)
			}
			again, err := flows.Parse("flow.yaml", flow.Source, kinds)
			if err != nil || again.Version != flow.Version {
				t.Fatalf("what is attached of %s: %v\n%s", o.Name, err, flow.Source)
			}
		}
	})
}
