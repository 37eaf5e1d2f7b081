package flows

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/flows/internal/yaml"
	"github.com/penstock/penstock/flows/problem"
)

// Resource is a type of object outside of the flow that a flow refers to by name.
type Resource string

// The resources.
const (
	ResourceFlow       Resource = "flow" // by number or slug
	ResourceConnection Resource = "connection"
	ResourceSecret     Resource = "secret"
	ResourceVar        Resource = "var"   // declared by the flow; the environment may have a value
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

	operation *operation // of a connection: the operation of a connector that the step uses; nil: none, or any connection does
}

// IsRef reports whether a reference to a flow, by number or slug, names this one.
func (f *Flow) IsRef(ref string) bool {
	return ref == strconv.FormatInt(f.Number, 10) || f.Slug != "" && ref == f.Slug
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
func (f *Flow) Refuse(file string, refused func(Use) (reason string)) problem.List {
	r := problem.NewReport(file, f.Source)
	for _, u := range f.uses {
		if reason := refused(u); reason != "" {
			r.Add(mistake.RefusedUse, u.place, "", "%s %q: %s", u.Resource, u.Name, reason)
		}
	}
	return r.Found
}

// howToAdd is the hint for a resource that a server does not have.
var howToAdd = map[Resource]string{ // read only
	ResourceFlow:       "deploy it, too",
	ResourceConnection: "penstock connection put %s --file FILE",
	ResourceSecret:     "penstock secret put %s --file FILE",
	ResourceVar:        "penstock var put %s VALUE",
}

// Missing returns a warning with the code "missing_" and the resource for each reference for which trouble returns a reason why
// nothing serves it, with the file name of Parse; nil when there is none.
func (f *Flow) Missing(file string, trouble func(Use) (reason string)) problem.List {
	r := problem.NewReport(file, f.Source)
	for _, u := range f.uses {
		if reason := trouble(u); reason != "" {
			hint := strings.ReplaceAll(howToAdd[u.Resource], "%s", u.Name)
			r.Put(problem.Problem{
				Line: u.place.Line, Column: u.place.Column, Severity: problem.Warning, Code: "missing_" + string(u.Resource),
				Doc: problem.Page + "missing_" + string(u.Resource), Name: u.Name,
				Message: fmt.Sprintf("%s %q: %s", u.Resource, u.Name, reason), Hint: hint,
			})
		}
	}
	return r.Found.Sorted()
}

// NameRule describes the names of connections, secrets and variables, for messages.
const NameRule = "1 to 64 letters, digits, '_', '.' or '-', a letter first"

var nameForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,63}$`)

// ValidName reports whether a connection, secret or variable can have the name.
func ValidName(name string) bool { return nameForm.MatchString(name) }

// checkName reports the name of a connection or a secret that none can have.
func (c *compiler) checkName(what Resource, n *yaml.Node) {
	if name := stringify(n.Value); (what == ResourceConnection || what == ResourceSecret) && !ValidName(name) {
		c.Add(mistake.BadName, n.Place, "", "%q cannot be the name of a %s: it is %s", name, what, NameRule)
	}
}

// noteUse records the references in a parameter.
func (c *compiler) noteUse(what Resource, n *yaml.Node) {
	for _, element := range append([]*yaml.Node{n}, n.Items...) {
		if element.Shape == yaml.Scalar && element.Value != nil {
			c.checkName(what, element)
			c.flow.uses = append(c.flow.uses, Use{Resource: what, Name: stringify(element.Value), place: element.Place})
		}
	}
}
