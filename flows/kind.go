package flows

import (
	"context"
	"fmt"
	"slices"
)

// Effect is what executing a step does outside of the run. It decides what a later attempt may do with a step that
// was begun.
type Effect uint8

const (
	Pure       Effect = iota // computes only: repeated freely, never journaled
	Read                     // reads: repeated when it left no result
	Idempotent               // writes, and repeating the write changes nothing more: repeated with the same key
	Once                     // must not happen twice: begun without a result means uncertain
	Durable                  // stores its own progress in the journal: executed again by every attempt
)

// String returns the name of the effect, as a flow writes it; Durable has none there.
func (e Effect) String() string {
	return [...]string{"pure", "read", "idempotent", "once", "durable"}[e]
}

// Kind is one kind of step. The declaration of its parameters drives the parser, the JSON Schema, the reference page
// and the console's form.
type Kind struct {
	Name         string // as a flow writes it: "http"
	Summary      string // one sentence
	Doc          string // Markdown: explanation beyond the parameters
	Params       []Param
	Example      string // YAML of one step
	Effect       Effect // of every step of the kind, unless its Runner is an Effecter
	Aggregates   bool   // runs once, on the array of all items, as collect does; the results have no single ancestor
	Terminal     bool   // puts out no items, as fail does
	Responds     bool   // responds to the caller, as the step respond does: at most once on every path
	CPUBound     bool   // computes only, but takes long enough to record the time of each item
	ThroughEnv   bool   // has its effects through Input.Env only: a rehearsal executes it, with an Env that does nothing
	Repeats      bool   // executes nested steps in rounds: the programs among its arguments read $round
	InParts      bool   // its work on an item has parts that are effects of their own, see Input.Part: an attempt after a lost worker goes on with it
	InternalOnly bool   // uses only Penstock's own state: tests of flows execute it, without a mock

	// New creates the runner of one step from parsed and checked arguments. An error of Args.Errorf points at the
	// parameter in the file.
	New func(*Args) (Runner, error)
}

// Type is the type of a parameter.
type Type uint8

const (
	TypeString   Type = iota // literal text
	TypeInt                  // literal whole number
	TypeBool                 // literal true or false
	TypeDuration             // literal "200ms", "8s", "1h", "2d"
	TypeEnum                 // literal, one of Param.Enum
	TypeExpr                 // a jq program without ${ }
	TypeTemplate             // any value, ${ } rendered in every string of it
	TypeFields               // mapping from name to template, in the order of the file
	TypeStrings              // list of literal strings; one string is a list of one
	TypeObject               // mapping with the parameters in Param.Fields
	TypeList                 // list of mappings with the parameters in Param.Fields
	TypeSteps                // nested steps
	TypeLiteral              // any literal value: a JSON Schema
	TypeStatuses             // list of HTTP statuses and classes: 200, 404, 2xx
	TypeMap                  // mapping from names of the flow's own to mappings with the parameters in Param.Fields; a list of names stands for empty ones
)

// Param is one parameter of a kind.
type Param struct {
	Name      string
	Type      Type
	Summary   string // one sentence
	Required  bool
	Default   string              // for the reference; New applies it
	Enum      []string            // TypeEnum
	Fields    []Param             // TypeObject, TypeList, TypeMap
	Inline    bool                // `kind: value` sets this parameter; the others may then stand beside the kind
	Takes     map[string][]string // of an enum: the fields beside it that each of its values takes; nil: all
	Condition bool                // TypeExpr: only whether the result is true counts
	Computed  bool                // TypeFields, TypeList: one ${ } may stand for all of it; see Args.FieldSet, Args.EntryList
	Single    bool                // TypeList: one mapping stands for a list of one
	Short     bool                // TypeObject: the name of one of its TypeObject fields is its one-word form, as in `trigger: webhook`
	Hint      string              // TypeString: what to write instead of ${ }, for the error message
	Verbatim  bool                // TypeString: ${ } is literal text, as in a script
	OneOf     string              // name of a group of parameters, exactly one of which must be given; empty: none
	Secrets   bool                // TypeTemplate, TypeFields, TypeList: its value is sent to a system and never comes back, so that its programs may call secret
	Names     Resource            // TypeString, TypeStrings: the resource type that the value names; empty: none
}

// Runner executes one step for one item. Safe for concurrent use.
type Runner interface {
	// Run returns the items that replace in; none drops it. ctx ends at the step's timeout or the run's deadline,
	// whichever is first.
	Run(ctx context.Context, in *Input) ([]any, error)
}

// RunFunc adapts a function to Runner.
type RunFunc func(ctx context.Context, in *Input) ([]any, error)

// Run calls f.
func (f RunFunc) Run(ctx context.Context, in *Input) ([]any, error) { return f(ctx, in) }

// Effecter is a Runner whose effect depends on its arguments, such as http's on the method.
type Effecter interface{ Effect() Effect }

// Catalogue is the set of step kinds that flows may use. It is immutable; With returns a larger one.
type Catalogue struct {
	kinds  []Kind
	byName map[string]*Kind

	connectors Connectors // nil: none

	// Of modules:
	connections []ConnectionType
	sources     []Source
}

// NewCatalogue returns a catalogue with the kinds in the given order, which is that of the reference. It panics on a
// duplicate name, or on the name of a common attribute: the list is source code, so that the mistake shows at the
// first start.
func NewCatalogue(kinds ...Kind) *Catalogue {
	c := &Catalogue{kinds: kinds, byName: make(map[string]*Kind, len(kinds))}
	for i, k := range kinds {
		if c.byName[k.Name] != nil || slices.ContainsFunc(attributes, func(p Param) bool { return p.Name == k.Name }) {
			panic(fmt.Sprintf("flows: the name of the kind %q is taken", k.Name))
		}
		c.byName[k.Name] = &kinds[i]
	}
	return c
}

// With returns a catalogue with further kinds.
func (c *Catalogue) With(kinds ...Kind) *Catalogue {
	return c.Add(Module{Kinds: kinds})
}

// WithConnectors returns a catalogue with other connectors. Flows that use them are parsed with the text of what they use behind
// their own.
func (c *Catalogue) WithConnectors(connectors Connectors) *Catalogue {
	changed := *c
	changed.connectors = connectors
	return &changed
}

// Connectors returns the connectors of the catalogue; nil: none.
func (c *Catalogue) Connectors() Connectors { return c.connectors }

// Kinds returns the kinds in the order of the list.
func (c *Catalogue) Kinds() []Kind { return slices.Clone(c.kinds) }

// Kind returns the kind of that name.
func (c *Catalogue) Kind(name string) (Kind, bool) {
	k, ok := c.byName[name]
	if !ok {
		return Kind{}, false
	}
	return *k, true
}

func (c *Catalogue) names() []string {
	names := make([]string, len(c.kinds))
	for i, k := range c.kinds {
		names[i] = k.Name
	}
	return names
}
