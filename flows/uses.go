package flows

import (
	"slices"

	"github.com/penstock/penstock/flows/internal/yaml"
)

// Resource is a type of object outside of the flow that a flow refers to by name.
type Resource string

// The resources.
const (
	ResourceFlow       Resource = "flow" // by number or slug
	ResourceConnection Resource = "connection"
	ResourceSecret     Resource = "secret"
	ResourceState      Resource = "state" // by scope: "flow", or "shared" by all flows
	ResourceAlert      Resource = "alert" // by kind; it tells of all flows
	ResourceTopic      Resource = "topic" // whose events start or resume runs of the flow
	ResourceEvent      Resource = "event" // by topic: it starts and resumes runs of all flows
	ResourceSnapshot   Resource = "snapshot"
)

// Use is a reference to a resource in a flow file.
type Use struct {
	Resource Resource
	Name     string
	place    yaml.Place
}

// Uses returns all references to resources, in no particular order.
func (f *Flow) Uses() []Use { return f.uses }

// Publishes returns the topics whose events the flow publishes, sorted.
func (f *Flow) Publishes() []string { return f.used(ResourceEvent) }

// Snapshots returns the names of the snapshots that the flow keeps, sorted.
func (f *Flow) Snapshots() []string { return f.used(ResourceSnapshot) }

// used returns the names of the resources of a type, sorted, each once.
func (f *Flow) used(what Resource) (names []string) {
	for _, u := range f.uses {
		if u.Resource == what {
			names = append(names, u.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Refuse returns a Problem for each reference for which refused returns a reason, with the file name of Parse; nil
// when there is none.
func (f *Flow) Refuse(file string, refused func(Use) (reason string)) Problems {
	r := newReport(file, f.Source)
	for _, u := range f.uses {
		if reason := refused(u); reason != "" {
			r.add(u.place, "", "%s %q: %s", u.Resource, u.Name, reason)
		}
	}
	return r.found
}

// noteUse records the references in a parameter.
func (c *compiler) noteUse(what Resource, n *yaml.Node) {
	for _, element := range append([]*yaml.Node{n}, n.Items...) {
		if element.Shape == yaml.Scalar && element.Value != nil {
			c.flow.uses = append(c.flow.uses, Use{what, stringify(element.Value), element.Place})
		}
	}
}
