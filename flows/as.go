package flows

import "maps"

// withMember returns the item with one more member; the item is an object or null.
func withMember(item any, name string, v any) map[string]any {
	object, _ := item.(map[string]any)
	larger := make(map[string]any, len(object)+1)
	maps.Copy(larger, object)
	larger[name] = v
	return larger
}

// checkAs returns the error of a step with `as` for an item that cannot have members. It is found before the step has an
// effect.
func (p *stepRun) checkAs(item any) error {
	if _, ok := item.(map[string]any); ok || item == nil || p.step.as == "" {
		return nil
	}
	return &Error{Code: CodeStepFailed, Message: "as: the item is not an object, and takes no member"}
}

// output returns the value that goes on for a result of the step.
func (p *stepRun) output(in *Input, result any) any {
	if p.step.as == "" {
		return result
	}
	return withMember(in.item.value, p.step.as, result)
}

// errorItem returns the item for an error with on_error: continue.
func (p *stepRun) errorItem(in *Input, e *Error) any {
	if p.step.as == "" || p.checkAs(in.item.value) != nil {
		return e.item()
	}
	return withMember(in.item.value, "error", e.item()["error"])
}
