package flows

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/flows/internal/yaml"
	"github.com/penstock/penstock/flows/problem"
)

// maxText is the maximum size in bytes of a flow with the connectors behind it.
const maxText = 1 << 20

// documents reads the documents of the file: the flow, and connectors behind it. flow is nil when it cannot be read.
func (c *compiler) documents(src string) (flow *yaml.Node) {
	if len(src) > maxText {
		c.Add(mistake.TooLarge, yaml.Place{Line: 1, Column: 1}, "", "the file has %d bytes, %d are allowed", len(src), maxText)
		return nil
	}
	parts := yaml.Documents(src)
	flow = yaml.ReadPart(parts[0], c.Lines, c.Add)
	for _, part := range parts[1:] {
		d := c.connectorDoc(part)
		if d == nil {
			continue
		}
		if slices.ContainsFunc(c.documentOrder, func(other *connectorDoc) bool { return other.name == d.name }) {
			c.Add(mistake.DuplicateName, d.place, "", "the connector %s is in the file twice", d.name)
			continue
		}
		c.documentOrder = append(c.documentOrder, d)
		c.connectors[d.name] = d
	}
	return flow
}

// ConnectorsIn returns the connectors behind the flow in the text of a file, without the operations that have mistakes. The flow may
// have mistakes, too.
func ConnectorsIn(file string, src []byte, catalogue *Catalogue) (all []*Connector) {
	if len(src) > maxText {
		return nil
	}
	c := newCompiler(file, src, catalogue)
	for _, part := range yaml.Documents(string(src))[1:] {
		if d := c.connectorDoc(part); d != nil {
			all = append(all, c.checkConnector(d))
		}
	}
	return all
}

// attach returns the text of the file with what the flow uses of connectors in other files behind it, so that its version depends on
// nothing else. Documents that are there win, except that one which an earlier deployment has attached is replaced when it lacks an
// operation. What is wrong in other files is in c.elsewhere then.
func (c *compiler) attach(src string, flow *yaml.Node) string {
	used := map[string][]string{}
	for _, name := range []string{"steps", onFailure} {
		if steps := flow.Member(name); steps != nil {
			usedOperations(steps, used)
		}
	}
	attached := map[string]string{}
	for name, operations := range used {
		d := c.connectors[name]
		if d != nil && (!d.attached || !slices.ContainsFunc(operations, func(o string) bool { return d.operation(o) == nil })) {
			continue
		}
		if text := c.find(name, operations); text != "" {
			attached[name] = text
		}
	}
	if len(attached) == 0 {
		return src
	}
	var b strings.Builder
	for _, part := range yaml.Documents(src) {
		if !slices.ContainsFunc(c.documentOrder, func(d *connectorDoc) bool { return d.part.Before == part.Before && attached[d.name] != "" }) {
			b.WriteString(part.Text)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(attached)) {
		if !strings.HasSuffix(b.String(), "\n") {
			b.WriteString("\n")
		}
		b.WriteString("---\n# Attached by the deployment: what the flow uses of the connector " + name + ".\n" + attached[name])
	}
	return b.String()
}

// usedOperations adds the names of the operations that steps use, by their connectors.
func usedOperations(n *yaml.Node, used map[string][]string) {
	for i, item := range n.Items {
		usedOperations(item, used)
		if n.Shape != yaml.Mapping || n.Keys[i].Name != UsesKind {
			continue
		}
		if long := item.Member("operation"); long != nil {
			item = long
		}
		text, _ := item.Value.(string)
		if ref := operationRef.FindStringSubmatch(text); ref != nil && !slices.Contains(used[ref[1]], ref[2]) {
			used[ref[1]] = append(used[ref[1]], ref[2])
		}
	}
}

// find returns the document of a connector of another file with the operations of these names; empty when there is none.
func (c *compiler) find(name string, operations []string) string {
	if c.catalogue.connectors == nil {
		return ""
	}
	file, src, err := c.catalogue.connectors.Connector(name)
	if err != nil {
		c.elsewhere = append(c.elsewhere, problem.NewMistake(mistake.BadConnector, file, 1, 1, "%v", err))
	}
	if src == nil || err != nil {
		c.unreadable[name] = err != nil
		return ""
	}
	other := newCompiler(file, src, c.catalogue)
	d := other.connectorDoc(yaml.Documents(string(src))[0])
	if d != nil && d.name != name {
		other.Add(mistake.BadConnector, d.place, "the name of a connector is that of its file", "the file is named %s", name)
	}
	text := ""
	if d != nil && len(other.Found) == 0 {
		c.offered[name] = d.names()
		text = other.excerpt(d, operations)
	}
	var problems problem.List
	if errors.As(other.err(), &problems) {
		c.elsewhere, c.unreadable[name] = append(c.elsewhere, problems...), true
		return ""
	}
	return text
}

// The fields of a connector that a version of a flow needs. Read only.
var (
	attachedHead       = []string{"connector", "title", "source", "base", "connection", "http", "timeout", "retry"}
	attachedConnection = []string{"types", "hosts"}
	attachedOperation  = []string{"summary", "effect", "params", "http", "timeout", "retry", "example"}
)

// excerpt checks operations of a document and returns the text of a document with these alone; empty when it has none of them.
func (c *compiler) excerpt(d *connectorDoc, operations []string) string {
	chosen := &yaml.Node{Shape: yaml.Mapping}
	for _, o := range d.operations {
		if !slices.Contains(operations, o.name) || c.connectorOperation(d, o) == nil {
			continue
		}
		chosen.Keys, chosen.Items = append(chosen.Keys, yaml.Key{Name: o.name}), append(chosen.Items, only(c.operationNode(o), attachedOperation))
	}
	if len(chosen.Keys) == 0 {
		return ""
	}
	head := only(d.head, attachedHead)
	for i, k := range head.Keys {
		switch k.Name {
		case "connection":
			head.Items[i] = only(head.Items[i], attachedConnection)
		case "source":
			head.Items[i] = without(head.Items[i], "security")
		}
	}
	head.Keys = append(head.Keys, yaml.Key{Name: "attached"}, yaml.Key{Name: "operations"})
	head.Items = append(head.Items, &yaml.Node{Value: true}, chosen)
	return head.Text()
}

// without returns a value without one of its members.
func without(n *yaml.Node, name string) *yaml.Node {
	if n.Shape != yaml.Mapping {
		return n
	}
	var names []string
	for _, k := range n.Keys {
		if k.Name != name {
			names = append(names, k.Name)
		}
	}
	return only(n, names)
}

// only returns a mapping with the members of these names.
func only(n *yaml.Node, names []string) *yaml.Node {
	kept := &yaml.Node{Place: n.Place, Shape: n.Shape}
	for i, k := range n.Keys {
		if slices.Contains(names, k.Name) {
			kept.Keys, kept.Items = append(kept.Keys, k), append(kept.Items, n.Items[i])
		}
	}
	return kept
}
