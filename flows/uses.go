package flows

// Resource is a kind of thing beside the flow that a flow names.
type Resource string

// The resources.
const (
	ResourceFlow       Resource = "flow" // by number or slug
	ResourceConnection Resource = "connection"
	ResourceSecret     Resource = "secret"
	ResourceState      Resource = "state" // by its scope: "flow", or "shared" by all flows
)

// Use is a place in a flow file that names a resource.
type Use struct {
	Resource Resource
	Name     string
	place    place
}

// Uses are all places in the flow that name a resource, in no order.
func (f *Flow) Uses() []Use { return f.uses }

// Refuse returns a problem for each use that refused has a reason against, as
// Parse would of a file of this name; nil: there is none.
func (f *Flow) Refuse(file string, refused func(Use) (reason string)) Problems {
	r := newReport(file, f.Source)
	for _, u := range f.uses {
		if reason := refused(u); reason != "" {
			r.add(u.place, "", "%s %q: %s", u.Resource, u.Name, reason)
		}
	}
	return r.found
}

// noteUse notes what a parameter names.
func (c *compiler) noteUse(what Resource, n *node) {
	for _, element := range append([]*node{n}, n.items...) {
		if element.shape == scalar && element.value != nil {
			c.flow.uses = append(c.flow.uses, Use{what, stringify(element.value), element.place})
		}
	}
}
