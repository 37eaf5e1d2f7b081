package diagram

import (
	"bytes"
	"encoding/json"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Sample is the event of a test of a flow.
type Sample struct {
	Name  string
	Event string // JSON, indented; empty: none
}

// Samples returns the events of a flow's tests. Tests that cannot be parsed are skipped.
func Samples(source []byte) (all []Sample) {
	defer func() { _ = recover() }() // the YAML library may panic; the samples read before count
	file, err := parser.ParseBytes(source, 0)
	if err != nil || len(file.Docs) == 0 {
		return nil
	}
	tests, _ := unwrap(member(file.Docs[0].Body, "tests")).(*ast.SequenceNode)
	if tests == nil {
		return nil
	}
	for _, test := range tests.Values {
		event := member(test, "event")
		if event == nil {
			all = append(all, Sample{Name: text(member(test, "name"))})
			continue
		}
		if pretty, ok := indented(event); ok {
			all = append(all, Sample{text(member(test, "name")), pretty})
		}
	}
	return all
}

func indented(n ast.Node) (string, bool) {
	compact, err := yaml.YAMLToJSON([]byte(n.String() + "\n"))
	if err != nil {
		return "", false
	}
	var pretty bytes.Buffer
	if json.Indent(&pretty, bytes.TrimSpace(compact), "", "  ") != nil {
		return "", false
	}
	return pretty.String(), true
}
