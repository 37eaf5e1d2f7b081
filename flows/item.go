package flows

import (
	"context"
	"fmt"
	"strconv"
)

// item puts one item through the step and appends what comes out.
func (p *passage) item(ctx context.Context, in *Input, out []item) ([]item, error) {
	s := p.step
	before := len(out)
	out, err := p.attended(ctx, in, out)
	if err != nil {
		return nil, err
	}
	if p.made.Add(int64(len(out)-before)) > maxItems {
		return nil, &Error{Code: CodeLimit, Message: fmt.Sprintf("put out more than %d items", maxItems), Step: s.path}
	}
	if s.recorded {
		for i := before; i < len(out); i++ {
			out[i].came = &ancestor{slot: s.slot, value: out[i].value, up: out[i].came}
		}
	}
	return out, nil
}

// attended is one item under the attributes that every step has.
func (p *passage) attended(ctx context.Context, in *Input, out []item) ([]item, error) {
	s := p.step
	if s.cond != nil {
		applies, err := s.cond.True(ctx, in)
		if err != nil {
			return p.caught(ctx, in, err, out)
		}
		if !applies {
			return p.passed(in, out), nil
		}
	}
	if s.router != nil {
		items, err := p.routed(ctx, in)
		if err != nil {
			return p.caught(ctx, in, err, out)
		}
		return append(out, items...), nil
	}
	results, err := p.journaled(ctx, in)
	if err != nil {
		return p.caught(ctx, in, err, out)
	}
	for _, v := range results {
		if err := bounded(v); err != nil {
			return nil, &Error{Code: CodeLimit, Message: "an item cannot go on: " + err.Error(), Step: s.path, Item: &in.index, Err: err}
		}
		out = append(out, item{value: v, came: in.item.came})
	}
	return out, nil
}

// passed lets an item go on unchanged; one that was gathered becomes the
// items that it was made of.
func (p *passage) passed(in *Input, out []item) []item {
	if !p.step.gathers {
		return append(out, in.item)
	}
	for _, v := range in.item.value.([]any) {
		out = append(out, item{value: v, came: in.item.came})
	}
	return out
}

// routed sends the item through the nested steps that the router chooses.
func (p *passage) routed(ctx context.Context, in *Input) ([]item, error) {
	ctx, stop := p.timed(ctx)
	defer stop()
	p.attempts.Add(1)
	block, err := p.step.router.Route(ctx, in)
	if err != nil {
		return nil, p.overdue(ctx, err)
	}
	if block == nil {
		return []item{in.item}, nil
	}
	items, err := p.nested(ctx, block, in, in.item.value)
	return items, p.overdue(ctx, err)
}

// nested runs steps inside this one for one item, which enters them as v.
func (p *passage) nested(ctx context.Context, b *Block, in *Input, v any) ([]item, error) {
	at := p.at + strconv.Itoa(in.index) + "."
	return p.x.block(ctx, b, []item{{value: v, came: in.item.came}}, at)
}

// caught does what on_error says.
func (p *passage) caught(ctx context.Context, in *Input, err error, out []item) ([]item, error) {
	if ctx.Err() != nil {
		return nil, err
	}
	e := p.step.fail(err, in.index)
	if !e.catchable() {
		return nil, e
	}
	switch p.step.onError {
	case skipItem:
		return out, nil
	case becomeItem:
		return append(out, item{value: e.item(), came: in.item.came}), nil
	case handleItem:
		items, err := p.nested(ctx, p.step.handler, in, e.item())
		return append(out, items...), err
	}
	return nil, e
}
