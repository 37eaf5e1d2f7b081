package flows

import (
	"context"
	"strconv"
)

// NestedRunner is a Runner that sends items through nested steps, as switch does.
// The frame calls Nest instead of Run, and the items that come out keep their
// ancestors.
type NestedRunner interface {
	Nest(ctx context.Context, in *Input) (Items, error)
}

// Items are what came out of nested steps.
type Items struct {
	list []item
	size int64 // bytes that the run holds for them
}

// Len is how many they are.
func (s Items) Len() int { return len(s.list) }

// Values are the items themselves.
func (s Items) Values() []any {
	values := make([]any, len(s.list))
	for i, it := range s.list {
		values[i] = it.value
	}
	return values
}

// Append appends others.
func (s Items) Append(others Items) Items {
	return Items{list: append(s.list, others.list...), size: s.size + others.size}
}

// Passthrough is the item unchanged.
func (in *Input) Passthrough() Items { return Items{list: []item{in.item}} }

// NewItems is new items that this one becomes. The error says that they are too
// much for the run.
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

// Discard lets go of items that go nowhere.
func (in *Input) Discard(s Items) { in.p.x.release(s.size) }

// RunItem sends one item through the block, on behalf of the step that owns it.
func (b *Block) RunItem(ctx context.Context, in *Input) (Items, error) {
	p := in.p
	return p.x.block(ctx, b, []item{in.item}, p.at+strconv.Itoa(in.index)+".")
}

// Run sends one item through the block and returns the values that come out.
func (b *Block) Run(ctx context.Context, in *Input) ([]any, error) {
	items, err := b.RunItem(ctx, in)
	if err != nil {
		return nil, err
	}
	in.p.x.release(items.size)
	return items.Values(), nil
}

// Answers reports whether some step of the block may answer the caller.
func (b *Block) Answers() bool { return b != nil && b.answers }

// RouteFunc is a Nester that chooses which nested steps an item goes through.
// No block: the item passes unchanged.
type RouteFunc func(ctx context.Context, in *Input) (*Block, error)

// Nest sends the item through the block that the function chooses.
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

// Run is Nest without ancestors.
func (f RouteFunc) Run(ctx context.Context, in *Input) ([]any, error) {
	return nestedValues(ctx, in, f)
}

// NestFunc is a Nester that needs no more than a function.
type NestFunc func(ctx context.Context, in *Input) (Items, error)

// Nest calls the function.
func (f NestFunc) Nest(ctx context.Context, in *Input) (Items, error) { return f(ctx, in) }

// Run is Nest without ancestors.
func (f NestFunc) Run(ctx context.Context, in *Input) ([]any, error) { return nestedValues(ctx, in, f) }

func nestedValues(ctx context.Context, in *Input, n NestedRunner) ([]any, error) {
	items, err := n.Nest(ctx, in)
	if err != nil {
		return nil, err
	}
	return items.Values(), nil
}
