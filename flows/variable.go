package flows

// variable is a predefined variable that a program reads.
type variable struct {
	name string // name in the compiled program: "$event"
	kind variableKind
	slot int // of the step, for ofStep
}

type variableKind uint8

const (
	ofEvent variableKind = iota
	ofVars
	ofParams
	ofHeaders
	ofRun
	ofIndex
	ofListing
	ofStep // $steps.NAME
)

// variables are the predefined variables. $steps is not among them, because only its members are values.
var variables = map[string]variableKind{
	"$event": ofEvent, "$vars": ofVars, "$params": ofParams,
	"$headers": ofHeaders, "$run": ofRun, "$index": ofIndex, "$listing": ofListing,
}

// runFields are the members of $run.
var runFields = []string{"id", "attempt", "flow", "version", "principal", "deadline"}

// value returns the value of the variable for an item. Values are shared between goroutines and must not be modified.
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
	case ofListing:
		return in.p.x.listing
	}
	return in.item.lineage.find(v.slot)
}

// ancestor is a value that an item was made from at an earlier step. Only steps named by some program are recorded.
type ancestor struct {
	slot  int
	value any
	up    *ancestor
}

// find returns the value at the step with that slot; nil when the item did not pass that step.
func (a *ancestor) find(slot int) any {
	for ; a != nil; a = a.up {
		if a.slot == slot {
			return a.value
		}
	}
	return nil
}
