package flows

// variable is something that a program reads besides its item.
type variable struct {
	name string // as the compiled program calls it: "$event"
	kind variableKind
	slot int // of a step, for ofStep
}

type variableKind uint8

const (
	ofEvent variableKind = iota
	ofVars
	ofParams
	ofHeaders
	ofRun
	ofIndex
	ofStep // $steps.NAME
)

// variables are those that every program may read; $steps is apart, because
// only its members are values.
var variables = map[string]variableKind{
	"$event": ofEvent, "$vars": ofVars, "$params": ofParams,
	"$headers": ofHeaders, "$run": ofRun, "$index": ofIndex,
}

// variableNames is what "did you mean" chooses from.
func variableNames() []string {
	return []string{"$event", "$steps", "$vars", "$params", "$headers", "$run", "$index"}
}

// runFields are the members of $run.
var runFields = []string{"id", "attempt", "flow", "version", "principal", "deadline"}

// value of the variable for an item. All are shared between goroutines and
// never changed.
func (v variable) value(in *Input) any {
	switch v.kind {
	case ofEvent:
		return in.p.x.run.Event
	case ofVars:
		return in.p.x.vars
	case ofParams:
		return in.p.x.params
	case ofHeaders:
		return in.p.x.headers
	case ofRun:
		return in.p.x.runInfo
	case ofIndex:
		return in.index
	}
	return in.item.lineage.find(v.slot)
}

// ancestor is what an item was at an earlier step. Only steps that some
// program names are remembered.
type ancestor struct {
	slot  int
	value any
	up    *ancestor
}

// find is the value at the step of that slot; nil when the item did not come
// that way.
func (a *ancestor) find(slot int) any {
	for ; a != nil; a = a.up {
		if a.slot == slot {
			return a.value
		}
	}
	return nil
}

// path is the most frequent program by far, a chain of names such as
// $event.email.address, followed without the interpreter.
type path struct {
	root  *variable // nil: the item
	names []string
}

// follow returns false when the interpreter must say what is wrong.
func (p *path) follow(in *Input) (any, bool) {
	v := in.item.value
	if p.root != nil {
		v = p.root.value(in)
	}
	for _, name := range p.names {
		switch object := v.(type) {
		case map[string]any:
			v = object[name]
		case nil:
			return nil, true
		default:
			return nil, false
		}
	}
	return v, true
}
