package flows

import (
	"context"
	"errors"
	"fmt"
	"strconv"
)

// NestedRunner is a Runner that sends items through nested steps, as switch does. The engine calls Nest instead of
// Run; the resulting items keep their lineage.
type NestedRunner interface {
	Nest(ctx context.Context, in *Input) (Items, error)
}

// Items are the items that nested steps put out.
type Items struct {
	list []item
	size int64 // bytes that the run holds for them
}

// Len returns their number.
func (s Items) Len() int { return len(s.list) }

// Values returns their values.
func (s Items) Values() []any {
	values := make([]any, len(s.list))
	for i, it := range s.list {
		values[i] = it.value
	}
	return values
}

// Append returns s followed by others.
func (s Items) Append(others Items) Items {
	return Items{list: append(s.list, others.list...), size: s.size + others.size}
}

// Passthrough returns the item unchanged.
func (in *Input) Passthrough() Items { return Items{list: []item{in.item}} }

// NewItems returns new items made from this one. It fails when they exceed the memory limit of the run.
func (in *Input) NewItems(values ...any) (Items, error) {
	s := Items{list: make([]item, len(values))}
	for i, v := range values {
		size, err := measure(v)
		if err != nil {
			return s, &Error{Code: CodeLimit, Message: "an item cannot go on: " + err.Error(), Err: err}
		}
		s.list[i], s.size = item{value: v, lineage: in.item.lineage}, s.size+size
	}
	return s, in.p.x.reserve(context.Background(), s.size)
}

// Discard releases the memory of items that are not returned.
func (in *Input) Discard(s Items) { in.p.x.release(s.size) }

// RunItem sends one item through the block, on behalf of the step that the block is nested in.
func (b *Block) RunItem(ctx context.Context, in *Input) (Items, error) {
	p := in.p
	return p.x.block(ctx, b, []item{in.item}, p.at+strconv.Itoa(in.index)+".")
}

// RunItems sends values, made from the item of the step that the block is nested in, through the block.
func (b *Block) RunItems(ctx context.Context, in *Input, values []any) (Items, error) {
	items, err := in.NewItems(values...)
	if err != nil {
		return Items{}, err
	}
	defer in.Discard(items)
	p := in.p
	return p.x.block(ctx, b, items.list, p.at+strconv.Itoa(in.index)+".")
}

// RunRound sends a value in the place of the step's item through the block, as one of several rounds. Its programs read
// the number of the round, from 1, as $round.
func (b *Block) RunRound(ctx context.Context, in *Input, value any, round int) (Items, error) {
	p := in.p
	lineage := &ancestor{slot: roundSlot, value: round, up: in.item.lineage}
	return p.x.block(ctx, b, []item{{value: value, lineage: lineage}}, p.at+strconv.Itoa(in.index)+"."+strconv.Itoa(round)+".")
}

// All reports whether a condition is true for each of the items, of which there is at least one. in is that of the
// step whose nested steps put them out.
func (s Items) All(ctx context.Context, in *Input, condition *Expr) (bool, error) {
	for _, it := range s.list {
		of := *in
		of.item = it
		if yes, err := condition.True(ctx, &of); err != nil || !yes {
			return false, err
		}
	}
	return len(s.list) > 0, nil
}

// Run sends one item through the block and returns the resulting values.
func (b *Block) Run(ctx context.Context, in *Input) ([]any, error) {
	items, err := b.RunItem(ctx, in)
	if err != nil {
		return nil, err
	}
	in.p.x.release(items.size)
	return items.Values(), nil
}

// Responds reports whether a step of the block may answer the caller. A nil block does not.
func (b *Block) Responds() bool { return b != nil && b.responds }

// RouteFunc is a NestedRunner that selects the block for an item. For a nil block the item passes unchanged.
type RouteFunc func(ctx context.Context, in *Input) (*Block, error)

// Nest sends the item through the selected block.
func (f RouteFunc) Nest(ctx context.Context, in *Input) (Items, error) {
	block, err := f(ctx, in)
	if err != nil {
		return Items{}, err
	}
	if block == nil {
		return in.Passthrough(), nil
	}
	return block.RunItem(ctx, in)
}

// Run is Nest without lineage.
func (f RouteFunc) Run(ctx context.Context, in *Input) ([]any, error) {
	return nestedValues(ctx, in, f)
}

// NestFunc adapts a function to NestedRunner.
type NestFunc func(ctx context.Context, in *Input) (Items, error)

// Nest calls f.
func (f NestFunc) Nest(ctx context.Context, in *Input) (Items, error) { return f(ctx, in) }

// Run is Nest without lineage.
func (f NestFunc) Run(ctx context.Context, in *Input) ([]any, error) { return nestedValues(ctx, in, f) }

func nestedValues(ctx context.Context, in *Input, n NestedRunner) ([]any, error) {
	items, err := n.Nest(ctx, in)
	if err != nil {
		return nil, err
	}
	return items.Values(), nil
}

// maxCalls is the maximum depth of flows that call each other within one run.
const maxCalls = 8

// Call executes another flow for one item as a part of this run: within its limit, with its journal and its Env. The
// called flow cannot answer the caller; its items are returned. Its steps have the paths "<step>/<step of the flow>".
func (in *Input) Call(ctx context.Context, f *Flow, event any) ([]any, error) {
	x := in.p.x
	if x.depth == maxCalls {
		return nil, &Error{Code: CodeLimit, Message: fmt.Sprintf("flows call each other deeper than %d: does one call itself?", maxCalls)}
	}
	run, env := x.run, x.env
	run.Event, run.Params, run.Headers = event, nil, nil
	env.Respond = nil
	called := f.begin(run, env)
	called.memory, called.shared, called.depth, called.rehearsal = x.memory, x.shared, x.depth+1, x.rehearsal
	called.prefix, called.trail = in.Key()+"/", in.p.path()+"/"
	if x.rehearsal != nil {
		x.rehearsal.noteRedaction(f)
	}
	items, err := called.runAll(ctx)
	if err != nil {
		return nil, in.p.step.errorFromCalled(err)
	}
	x.release(items.size)
	return items.Values(), nil
}

// errorFromCalled prefixes the step of an error that comes from a called flow with the calling step.
func (s *step) errorFromCalled(err error) error {
	var known *Error
	if !errors.As(err, &known) || known.Step == "" {
		return err
	}
	placed := *known
	placed.Step = s.path + "/" + known.Step
	return &placed
}
