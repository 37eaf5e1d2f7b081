package flows

import (
	"context"
	"fmt"
)

// processItem executes the step for one item and appends its results to out.
func (p *stepRun) processItem(ctx context.Context, in *Input, out []item) ([]item, error) {
	s := p.step
	before := len(out)
	in.startItem()
	out, err := p.applyAttributes(ctx, in, out)
	p.finishItem(in, err, len(out)-before)
	p.x.memory.account.Settle(in.made)
	if err != nil {
		return nil, err
	}
	if p.made.Add(int64(len(out)-before)) > maxItems {
		return nil, &Error{Code: CodeLimit, Message: fmt.Sprintf("put out more than %d items", maxItems), Step: s.path}
	}
	if s.recorded {
		for i := before; i < len(out); i++ {
			out[i].lineage = &ancestor{slot: s.slot, value: out[i].value, up: out[i].lineage}
		}
	}
	return out, nil
}

// applyAttributes executes the step for one item under its if and on_error attributes.
func (p *stepRun) applyAttributes(ctx context.Context, in *Input, out []item) ([]item, error) {
	s := p.step
	if s.cond != nil {
		applies, err := s.cond.True(ctx, in)
		if err != nil {
			return p.handleError(ctx, in, err, out)
		}
		if !applies {
			return p.passThrough(in, out), nil
		}
	}
	if err := p.checkAs(in.item.value); err != nil {
		return p.handleError(ctx, in, err, out)
	}
	if s.nestedRunner != nil {
		items, err := p.runNested(ctx, in)
		if err != nil {
			return p.handleError(ctx, in, err, out)
		}
		p.size.Add(items.size)
		return append(out, items.list...), nil
	}
	results, err := p.journaled(ctx, in)
	if err != nil {
		return p.handleError(ctx, in, err, out)
	}
	for _, result := range results {
		v := p.output(in, result)
		if err := p.holdValue(ctx, v, in.index); err != nil {
			p.noteFailure(in, err)
			return nil, err
		}
		out = append(out, item{value: v, lineage: in.item.lineage})
	}
	return out, nil
}

// passThrough appends the item unchanged. For an aggregating step it appends the items that were aggregated.
func (p *stepRun) passThrough(in *Input, out []item) []item {
	if !p.step.aggregates {
		return append(out, in.item)
	}
	for _, v := range in.item.value.([]any) {
		out = append(out, item{value: v, lineage: in.item.lineage})
	}
	return out
}

// holdValue reserves the memory of an output value.
func (p *stepRun) holdValue(ctx context.Context, v any, index int) error {
	size, err := measure(v)
	if err != nil {
		return p.step.fail(&Error{Code: CodeLimit, Message: "an item cannot go on: " + err.Error(), Err: err}, index)
	}
	p.size.Add(size)
	if err := p.x.reserve(ctx, size); err != nil {
		return p.step.fail(err, index)
	}
	return nil
}

// runNested sends the item through the nested steps that the runner chooses.
func (p *stepRun) runNested(ctx context.Context, in *Input) (items Items, err error) {
	ctx, stop := p.withTimeout(ctx)
	defer stop()
	defer recoverPanic(&err)
	p.countAttempt(in)
	if p.x.rehearsal != nil {
		if !p.step.throughEnv && p.step.effect != Pure {
			return Items{}, p.x.rehearsal.stop(p)
		}
		ctx = withEffect(ctx, &RehearsedEffect{Step: p.path(), nested: true})
	}
	items, err = p.step.nestedRunner.Nest(ctx, in)
	return items, p.timeoutError(ctx, err)
}

// handleError applies the on_error attribute.
func (p *stepRun) handleError(ctx context.Context, in *Input, err error, out []item) ([]item, error) {
	if ctx.Err() != nil || asParked(err) != nil {
		return nil, err
	}
	e := p.step.fail(err, in.index)
	p.noteFailure(in, e)
	if p.x.rehearsal != nil {
		p.x.rehearsal.noteLate(e)
	}
	if !e.catchable() {
		return nil, e
	}
	switch p.step.onError {
	case skipItem:
		return out, nil
	case becomeItem:
		return append(out, item{value: p.errorItem(in, e), lineage: in.item.lineage}), nil
	case handleItem:
		items, err := p.step.handler.RunItem(ctx, in.With(e.item()))
		p.size.Add(items.size)
		return append(out, items.list...), err
	}
	return nil, e
}
