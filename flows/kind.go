package flows

import "context"

// Effect says what executing a step does to the world, and so what a resumed
// run may do with a step that had started.
type Effect uint8

const (
	Pure       Effect = iota // computes only: recomputed freely, never journaled
	Read                     // reads the world: executed again when it left no result
	Idempotent               // writes, and writing twice is writing once: executed again with the same key
	Once                     // must not happen twice: a start without a result is uncertain
	Durable                  // keeps what it needs in the journal itself: executed again by every attempt
)

// Kind is one kind of step. Its parameters are declared once and drive the
// parser, the JSON Schema, the reference page and the console's form.
type Kind struct {
	Name         string // as a flow writes it: "http"
	Summary      string // one sentence
	Doc          string // Markdown: what a reader needs beyond the parameters
	Params       []Param
	Example      string // YAML of one step
	Effect       Effect // of every step of the kind, unless its Runner is an Effecter
	Aggregates   bool   // runs once, on the array of all items, as collect does; the results have no single ancestor
	Terminal     bool   // no item ever comes out of it, as of fail
	Answers      bool   // answers the caller, as respond does: once on every path
	CPUBound     bool   // it only computes, but long enough for the time of each item to be told
	InternalOnly bool   // reaches nothing but Penstock's own state: tests of flows execute it, without a mock

	// New builds one step from arguments that the frame has parsed and
	// checked against Params. An error made with Args.Errorf points at the
	// parameter in the file.
	New func(*Args) (Runner, error)
}

// Type is what a parameter holds.
type Type uint8

const (
	TypeString   Type = iota // literal text
	TypeInt                  // literal whole number
	TypeBool                 // literal true or false
	TypeDuration             // literal "200ms", "8s", "1h", "2d"
	TypeEnum                 // literal, one of Param.Enum
	TypeExpr                 // a bare jq program, without ${ }
	TypeTemplate             // any value, ${ } rendered wherever a string stands
	TypeFields               // mapping from name to template, order kept
	TypeStrings              // list of literal strings; one string is a list of one
	TypeObject               // mapping with the parameters in Param.Fields
	TypeList                 // list of mappings with the parameters in Param.Fields
	TypeSteps                // nested steps
	TypeLiteral              // any literal value: a JSON Schema
	TypeStatuses             // list of HTTP statuses and classes: 200, 404, 2xx
)

// Param is one parameter of a kind.
type Param struct {
	Name     string
	Type     Type
	Summary  string // one sentence
	Required bool
	Default  string   // shown to readers; New applies it
	Enum     []string // TypeEnum
	Fields   []Param  // TypeObject, TypeList
	Inline   bool     // `kind: value` stands for this one parameter; the others may then stand beside the kind
	Short    bool     // TypeObject: the name of one of its TypeObject fields stands for it, as in `trigger: webhook`
	Hint     string   // TypeString: what to write where an author tries ${ }
	Verbatim bool     // TypeString: ${ } has no meaning in it and is allowed, as in a script
	OneOf    string   // parameters that share this word exclude each other, and one is required
	Names    Resource // TypeString, TypeStrings: what the value names; empty: nothing
}

// Runner executes one step for one item. It is used by many goroutines at once.
type Runner interface {
	// Run returns the items that in becomes: none drops it. The context ends
	// at the step's timeout or the run's deadline, whichever is first.
	Run(ctx context.Context, in *Input) ([]any, error)
}

// RunFunc is a Runner that needs no more than a function.
type RunFunc func(ctx context.Context, in *Input) ([]any, error)

// Run calls the function.
func (f RunFunc) Run(ctx context.Context, in *Input) ([]any, error) { return f(ctx, in) }

// Effecter is a Runner whose effect depends on its arguments, as that of http
// depends on the method.
type Effecter interface{ Effect() Effect }
