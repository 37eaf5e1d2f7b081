package steps

import (
	"context"
	"fmt"

	"github.com/penstock/penstock/flows"
)

// Bounds of what is kept between runs.
const (
	maxKeptName  = 512     // bytes of a name or key
	maxKeptValue = 1 << 20 // bytes of a value as JSON
)

// scopeParam says who shares a value that is kept between runs.
func scopeParam() flows.Param {
	return flows.Param{Name: "scope", Type: flows.TypeEnum, Enum: []string{"flow", "shared"}, Default: "flow", Names: flows.ResourceState,
		Summary: "Whose it is: this flow's, or shared by all flows."}
}

// keeper is a step that keeps something between runs under a key.
type keeper struct {
	kind   string
	name   *flows.Template
	shared bool
}

func newKeeper(kind, param string, args *flows.Args) keeper {
	return keeper{kind: kind, name: args.Template(param), shared: args.String("scope") == "shared"}
}

// key renders the key for the item.
func (k keeper) key(ctx context.Context, in *flows.Input) (string, error) {
	name, err := k.name.Text(ctx, in)
	switch {
	case err != nil:
		return "", err
	case name == "":
		return "", stepError("the key is empty")
	case len(name) > maxKeptName:
		return "", stepError("the key is longer than %d bytes", maxKeptName)
	}
	return in.StateKey(k.kind, name, k.shared), nil
}

// store is where it is kept.
func store(in *flows.Input) (flows.State, error) {
	if in.Env().State == nil {
		return nil, stepError("nothing can be kept between runs here")
	}
	return in.Env().State, nil
}

// unkept is a failure of the store: ours, not the flow's.
func unkept(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &flows.Error{Message: "the state cannot be reached", Class: flows.ClassNetwork, Err: err}
}

// keptJSON is a value as it is kept.
func keptJSON(v any) ([]byte, error) {
	text := flows.EncodeJSON(v)
	if len(text) > maxKeptValue {
		return nil, stepError("the value has %d bytes as JSON, %d are allowed", len(text), maxKeptValue)
	}
	return text, nil
}

// keptValue reads what keptJSON wrote.
func keptValue(text []byte) (any, error) {
	if text == nil {
		return nil, nil
	}
	v, err := flows.DecodeJSON(text)
	if err != nil {
		return nil, fmt.Errorf("read a kept value: %w", err)
	}
	return v, nil
}
