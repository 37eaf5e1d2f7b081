package steps

import (
	"context"
	"fmt"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/internal/failure"
)

// Limits of values stored between runs.
const (
	maxStateKey   = 512     // bytes of a name or key
	maxStateValue = 1 << 20 // bytes of a value as JSON
)

// scopeParam selects whether a stored value belongs to the flow or to all flows.
func scopeParam() flows.Param {
	return flows.Param{Name: "scope", Type: flows.TypeEnum, Enum: []string{"flow", "shared"}, Default: "flow", Names: flows.ResourceState,
		Summary: "Whether it belongs to this flow or to all flows."}
}

// keyedState is the part of a step that stores a value under a key between runs.
type keyedState struct {
	kind   string
	name   *flows.Template
	shared bool
}

func newKeyedState(kind, param string, args *flows.Args) keyedState {
	return keyedState{kind: kind, name: args.Template(param), shared: args.String("scope") == "shared"}
}

// key renders the key for the item.
func (k keyedState) key(ctx context.Context, in *flows.Input) (string, error) {
	name, err := k.name.Text(ctx, in)
	switch {
	case err != nil:
		return "", err
	case name == "":
		return "", failure.Errorf("the key is empty")
	case len(name) > maxStateKey:
		return "", failure.Errorf("the key is longer than %d bytes", maxStateKey)
	}
	return in.StateKey(k.kind, name, k.shared), nil
}

// stateOf returns the state store of the environment.
func stateOf(in *flows.Input) (flows.State, error) {
	if in.Env().State == nil {
		return nil, failure.Errorf("nothing can be kept between runs here")
	}
	return in.Env().State, nil
}

// stateError is a failure of the state store.
func stateError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &flows.Error{Message: "the state cannot be reached", Class: flows.ClassNetwork, Err: err}
}

// encodeState encodes a value for the state store.
func encodeState(v any) ([]byte, error) {
	text := flows.EncodeJSON(v)
	if len(text) > maxStateValue {
		return nil, failure.Errorf("the value has %d bytes as JSON, %d are allowed", len(text), maxStateValue)
	}
	return text, nil
}

// decodeState decodes a value of encodeState; nil for nil.
func decodeState(text []byte) (any, error) {
	if text == nil {
		return nil, nil
	}
	v, err := flows.DecodeJSON(text)
	if err != nil {
		return nil, fmt.Errorf("read a kept value: %w", err)
	}
	return v, nil
}
