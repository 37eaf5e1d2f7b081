package flows

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The members of the event of an http trigger.
const (
	eventOperation = "operation"
	eventParams    = "params"
	eventBody      = "body"
	eventListing   = "listing"
)

// eventMembers are all members of the event. Read only.
var eventMembers = []string{eventOperation, eventParams, eventBody, eventListing, "method", "path"}

// httpEvent completes and checks the event of a flow with an http trigger, which comes from the front door, or from
// whoever runs the flow by its number. What is missing has its default. Errors are *Error with status 422.
func (f *Flow) httpEvent(ctx context.Context, event any) (map[string]any, error) {
	given, ok := event.(map[string]any)
	if !ok && event != nil {
		return nil, eventError("expected an object with operation, params and body, as the http trigger makes it")
	}
	e := maps.Clone(given)
	if e == nil {
		e = map[string]any{}
	}
	for _, name := range slices.Sorted(maps.Keys(e)) {
		if !slices.Contains(eventMembers, name) {
			return nil, eventError(fmt.Sprintf("there is no member %.60q; the members are %s", name, strings.Join(eventMembers, ", ")))
		}
	}
	o, err := f.eventOperation(e)
	if err != nil {
		return nil, err
	}
	if err := o.completeParams(e); err != nil {
		return nil, err
	}
	if _, ok := e[eventListing].(map[string]any); !ok && o.Listing != nil {
		e[eventListing] = o.Listing.defaultListing()
	}
	if o.body != nil {
		if err := o.CheckBody(ctx, e[eventBody]); err != nil {
			return nil, err
		}
	}
	return e, nil
}

func eventError(message string) error {
	return &Error{Code: CodeValidation, Message: "event: " + message, Status: 422}
}

// eventOperation finds the operation of an event and completes what the event says of it.
func (f *Flow) eventOperation(e map[string]any) (*Operation, error) {
	all := f.HTTP.Operations
	o := all[0]
	if name, given := e[eventOperation].(string); given || len(all) > 1 {
		if o = f.HTTP.named(name); o == nil {
			names := make([]string, len(all))
			for i := range all {
				names[i] = all[i].Name
			}
			return nil, eventError("operation is one of " + strings.Join(names, ", "))
		}
	}
	e[eventOperation], e["method"] = o.Name, o.Method
	if e["path"] == nil {
		e["path"] = o.Path.String()
	}
	return o, nil
}

// completeParams converts the parameters of an event to their types and adds the defaults.
func (o *Operation) completeParams(e map[string]any) error {
	given, ok := e[eventParams].(map[string]any)
	if !ok && e[eventParams] != nil {
		return eventError("params is an object")
	}
	params := make(map[string]any, len(o.Params))
	for name := range given {
		if o.Param(name) == nil {
			return eventError("params: " + o.Name + " has no parameter " + name)
		}
	}
	for i := range o.Params {
		p := &o.Params[i]
		params[p.Name] = p.Default
		if v := given[p.Name]; v != nil {
			var err error
			if params[p.Name], err = p.Value(v); err != nil {
				return eventError("params: " + err.Error())
			}
		}
	}
	e[eventParams] = params
	return nil
}

// CheckBody returns how a body violates the operation's schema; nil when it does not. Errors are *Error with status
// 422, and that of ctx.
func (o *Operation) CheckBody(ctx context.Context, body any) error {
	if o.body == nil {
		return nil
	}
	if err := o.body.Check(ctx, body); err != nil {
		return SchemaError(err, "body: ", 422)
	}
	return nil
}

// ChecksBody reports whether the operation has a schema of the request's body.
func (o *Operation) ChecksBody() bool { return o.body != nil }

// setHTTP makes what the event says available to programs.
func (x *execution) setHTTP(event any) {
	e, _ := event.(map[string]any)
	x.params, _ = e[eventParams].(map[string]any)
	x.listing, _ = e[eventListing].(map[string]any)
}

// prepareHTTP completes the event of the run.
func (x *execution) prepareHTTP(ctx context.Context) error {
	event, err := x.flow.httpEvent(ctx, x.run.Event)
	if err != nil {
		return err
	}
	x.run.Event = event
	x.setHTTP(event)
	return nil
}
