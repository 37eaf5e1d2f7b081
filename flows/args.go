package flows

import (
	"fmt"
	"time"

	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/flows/internal/yaml"
	"github.com/penstock/penstock/flows/problem"
)

// Args are the arguments of one step, parsed and checked against the parameters of its kind. An accessor returns the
// zero value for a parameter that the flow leaves out, and panics when the kind declared the parameter with another
// type, which is a bug in the kind.
type Args struct {
	values map[string]any
	places map[string]yaml.Place // of each value
	place  yaml.Place            // of the arguments as a whole

	compile   func(source string, locate func(offset int) yaml.Place) *Expr // set while the flow is compiled
	operation func() (Runner, error)                                        // likewise, for a uses step
}

// Field is one member of a TypeFields parameter.
type Field struct {
	Name  string
	Value *Template
}

// Entry is one member of a TypeMap parameter.
type Entry struct {
	Name string
	*Args
}

func arg[T any](a *Args, name string) T {
	v, ok := a.values[name]
	if !ok {
		var zero T
		return zero
	}
	typed, ok := v.(T)
	if !ok {
		panic(fmt.Sprintf("flows: parameter %q holds %T, the kind reads %T", name, v, typed))
	}
	return typed
}

// Has reports whether the flow gave the parameter.
func (a *Args) Has(name string) bool { _, ok := a.values[name]; return ok }

// String returns a TypeString or TypeEnum argument.
func (a *Args) String(name string) string { return arg[string](a, name) }

// Int returns a TypeInt argument.
func (a *Args) Int(name string) int { return arg[int](a, name) }

// Bool returns a TypeBool argument.
func (a *Args) Bool(name string) bool { return arg[bool](a, name) }

// Duration returns a TypeDuration argument, never negative.
func (a *Args) Duration(name string) time.Duration { return arg[time.Duration](a, name) }

// Strings returns a TypeStrings argument.
func (a *Args) Strings(name string) []string { return arg[[]string](a, name) }

// Expr returns a TypeExpr argument, nil when absent.
func (a *Args) Expr(name string) *Expr { return arg[*Expr](a, name) }

// Template returns a TypeTemplate argument, nil when absent.
func (a *Args) Template(name string) *Template { return arg[*Template](a, name) }

// Fields returns a TypeFields argument in the order of the file.
func (a *Args) Fields(name string) []Field { return arg[[]Field](a, name) }

// Object returns a TypeObject argument, nil when absent.
func (a *Args) Object(name string) *Args { return arg[*Args](a, name) }

// List returns a TypeList argument.
func (a *Args) List(name string) []*Args { return arg[[]*Args](a, name) }

// Map returns a TypeMap argument in the order of the file.
func (a *Args) Map(name string) []Entry { return arg[[]Entry](a, name) }

// Steps returns a TypeSteps argument, nil when absent.
func (a *Args) Steps(name string) *Block { return arg[*Block](a, name) }

// Literal returns a TypeLiteral argument, numbers as json.Number.
func (a *Args) Literal(name string) any { return a.values[name] }

// Statuses returns a TypeStatuses argument.
func (a *Args) Statuses(name string) Statuses { return arg[Statuses](a, name) }

// Program compiles a jq program that the kind generates from the named argument. Only Kind.New may call it. Problems
// are reported at the argument; the result is then nil.
func (a *Args) Program(param, source string) *Expr {
	return a.compile(source, func(int) yaml.Place { return a.places[param] })
}

// Errorf returns a Problem in the named argument. It points at the argument in the file, or at the step when the flow
// leaves the argument out. Its code is bad_value; Refuse has one of your choice.
func (a *Args) Errorf(param, format string, args ...any) error {
	return a.Refuse(mistake.BadValue, param, format, args...)
}

// Refuse is Errorf with the code of the cause.
func (a *Args) Refuse(code problem.Code, param, format string, args ...any) error {
	at, ok := a.places[param]
	if !ok {
		at = a.place
	}
	return problem.At(code, at, format, args...)
}

// nested reports whether any nested step in the arguments has effects.
func (a *Args) nested() bool {
	for _, v := range a.values {
		switch v := v.(type) {
		case *Block:
			if v.effects {
				return true
			}
		case *Args:
			if v.nested() {
				return true
			}
		case []*Args:
			for _, element := range v {
				if element.nested() {
					return true
				}
			}
		}
	}
	return false
}
