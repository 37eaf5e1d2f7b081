package flows

import (
	"slices"
	"time"

	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/flows/internal/yaml"
)

// OnFailure is what follows when a run of the flow fails: steps that are executed in a run of their own.
type OnFailure struct {
	Limit time.Duration // maximum duration of that run
	steps *Block
}

// Failure is the failure of a run, which a run of its flow's on_failure handles.
type Failure struct {
	Run   string // id of the run that failed
	Error *Error
}

// variable returns $error.
func (f *Failure) variable() map[string]any {
	v := map[string]any{"run": f.Run, "code": string(f.Error.Code), "message": f.Error.Message, "step": f.Error.Step}
	if f.Error.Status != 0 {
		v["status"] = f.Error.Status
	}
	if f.Error.Item != nil {
		v["item"] = *f.Error.Item
	}
	return v
}

// errorFields are the members of $error.
var errorFields = []string{"run", "code", "message", "step", "status", "item"}

const onFailure = "on_failure"

// splitOnFailure returns a flow file without on_failure, and the value of that; nil when there is none.
func splitOnFailure(root *yaml.Node) (rest, value *yaml.Node) {
	at := slices.IndexFunc(root.Keys, func(k yaml.Key) bool { return k.Name == onFailure })
	if at < 0 {
		return root, nil
	}
	rest = &yaml.Node{
		Place: root.Place, Shape: root.Shape,
		Keys:  slices.Delete(slices.Clone(root.Keys), at, at+1),
		Items: slices.Delete(slices.Clone(root.Items), at, at+1),
	}
	return rest, root.Items[at]
}

// onFailure compiles on_failure, whose steps see none of the flow's.
func (c *compiler) onFailure(n *yaml.Node) {
	param := flowParams[slices.IndexFunc(flowParams, func(p Param) bool { return p.Name == onFailure })]
	c.scope = &scope{steps: map[string]int{}, ambiguous: map[string]string{}}
	c.entry, c.responses, c.handlesFailure = nil, responsePaths{}, true
	c.depth++ // the steps are nested, for the rules about responses
	parsed := c.arguments(yaml.Member(n.Place, onFailure, n), []Param{param}, "")
	c.depth--
	c.handlesFailure = false
	a := parsed.Object(onFailure)
	if a == nil {
		return
	}
	f := &OnFailure{Limit: defaultLimit}
	if a.Has("limit") {
		if f.Limit = a.Duration("limit"); f.Limit < time.Millisecond || f.Limit > maxLimit {
			c.Add(mistake.OutOfRange, a.places["limit"], "", "limit: expected 1ms to 24h")
		}
	}
	if f.steps = a.Steps("steps"); f.steps != nil && f.steps.Responds() {
		c.Add(mistake.ResponsePlace, a.places["steps"], "", "on_failure: no caller waits for these steps, so none of them can respond")
	}
	c.flow.OnFailure = f
}
