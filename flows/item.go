package flows

import (
	"context"
	"fmt"
)

// item puts one item through the step and appends what comes out.
func (p *passage) item(ctx context.Context, in *Input, out []item) ([]item, error) {
	s := p.step
	before := len(out)
	in.arrive()
	out, err := p.attended(ctx, in, out)
	p.leave(in, err, len(out)-before)
	p.x.holding.account.Settle(in.made)
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
	if s.nester != nil {
		items, err := p.nest(ctx, in)
		if err != nil {
			return p.caught(ctx, in, err, out)
		}
		p.size.Add(items.size)
		return append(out, items.list...), nil
	}
	results, err := p.journaled(ctx, in)
	if err != nil {
		return p.caught(ctx, in, err, out)
	}
	for _, v := range results {
		if err := p.hold(ctx, v, in.index); err != nil {
			p.failed(in, err)
			return nil, err
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

// hold adds a value that the step puts out to what the run holds.
func (p *passage) hold(ctx context.Context, v any, index int) error {
	size, err := measured(v)
	if err != nil {
		return p.step.fail(&Error{Code: CodeLimit, Message: "an item cannot go on: " + err.Error(), Err: err}, index)
	}
	p.size.Add(size)
	if err := p.x.hold(ctx, size); err != nil {
		return p.step.fail(err, index)
	}
	return nil
}

// nest sends the item through the nested steps that the runner chooses.
func (p *passage) nest(ctx context.Context, in *Input) (items Items, err error) {
	ctx, stop := p.timed(ctx)
	defer stop()
	defer broken(&err)
	p.tries(in)
	items, err = p.step.nester.Nest(ctx, in)
	return items, p.overdue(ctx, err)
}

// caught does what on_error says.
func (p *passage) caught(ctx context.Context, in *Input, err error, out []item) ([]item, error) {
	if ctx.Err() != nil || asParked(err) != nil {
		return nil, err
	}
	e := p.step.fail(err, in.index)
	p.failed(in, e)
	if !e.catchable() {
		return nil, e
	}
	switch p.step.onError {
	case skipItem:
		return out, nil
	case becomeItem:
		return append(out, item{value: e.item(), came: in.item.came}), nil
	case handleItem:
		items, err := p.step.handler.Through(ctx, in.With(e.item()))
		p.size.Add(items.size)
		return append(out, items.list...), err
	}
	return nil, e
}
