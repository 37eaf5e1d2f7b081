package flows

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// passage is one step on its way through a list of items.
type passage struct {
	x     *execution
	step  *step
	at    string    // indices of the items that led into the enclosing blocks
	entry *ancestor // what the enclosing block was entered with

	attempts atomic.Int64
	replayed atomic.Int64
	made     atomic.Int64 // items put out so far
}

// run puts all items through the step and tells the tracer.
func (p *passage) run(ctx context.Context, items []item) ([]item, error) {
	trace := p.x.env.Trace
	if trace == nil {
		return p.through(ctx, items)
	}
	begun := time.Now()
	trace.Begin(Begun{Step: p.step.path, Kind: p.step.kind, In: len(items), At: begun})
	out, err := p.through(ctx, items)
	now := time.Now()
	trace.End(Ended{
		Step: p.step.path, Kind: p.step.kind, In: len(items), Out: len(out), At: now, Duration: now.Sub(begun),
		Attempts: int(p.attempts.Load()), Replayed: int(p.replayed.Load()), Err: err,
	})
	return out, err
}

func (p *passage) through(ctx context.Context, items []item) ([]item, error) {
	if p.step.gathers {
		items = p.gathered(items)
	}
	if workers := min(p.step.workers, len(items)); workers > 1 {
		return p.together(ctx, items, workers)
	}
	out := make([]item, 0, len(items))
	in := Input{p: p}
	for i, it := range items {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		in.item, in.index = it, i
		var err error
		if out, err = p.item(ctx, &in, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// gathered makes one item of all: the array of their values.
func (p *passage) gathered(items []item) []item {
	all := make([]any, len(items))
	for i, it := range items {
		all[i] = it.value
	}
	return []item{{value: all, came: p.entry}}
}

// together works on several items at once. Results keep the order of the
// items; of several failures the one of the first item counts.
func (p *passage) together(ctx context.Context, items []item, workers int) ([]item, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make([][]item, len(items))
	var next atomic.Int64
	var first failure
	var crew sync.WaitGroup
	for range workers {
		crew.Go(func() {
			in := Input{p: p}
			for {
				i := int(next.Add(1) - 1)
				if i >= len(items) || ctx.Err() != nil {
					return
				}
				in.item, in.index = items[i], i
				var err error
				if results[i], err = p.item(ctx, &in, nil); err != nil {
					first.note(i, err, ctx.Err() != nil)
					cancel()
				}
			}
		})
	}
	crew.Wait()
	if first.err != nil {
		return nil, first.err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out := make([]item, 0, len(items))
	for _, r := range results {
		out = append(out, r...)
	}
	return out, nil
}

// failure keeps the error of the first item that failed by itself; what fails
// because others were cancelled counts only when nothing else is known.
type failure struct {
	mu    sync.Mutex // guards the rest
	err   error
	index int
	late  bool
}

func (f *failure) note(index int, err error, late bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil || f.late && !late || f.late == late && index < f.index {
		f.err, f.index, f.late = err, index, late
	}
}

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
