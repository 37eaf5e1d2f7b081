package flows

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
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

// Input is one item at a step. It is valid until Run returns.
type Input struct {
	p       *stepRun
	item    item
	index   int
	outcome *ItemOutcome  // scratch record of the worker; nil: not recorded, see newOutcome
	again   string        // makes the key of an effect another one, see RunKey
	begun   bool          // see Begun
	uuids   *atomic.Int64 // number of UUIDs made for the item; nil: outside of a step
	made    *atomic.Int64 // bytes charged by chargers for the item

	call *operationCall // of the operation of a connector; nil: outside of one

	saved []string // ids of the files that the current attempt has stored

	checkpoint checkpoint
	advanced   bool // the current attempt has set checkpoint
}

// checkpoint is where an attempt on the item goes on.
type checkpoint struct {
	value any   // nil: the attempt begins anew
	uuids int64 // number of UUIDs made for the item before
}

// Checkpoint returns what an earlier attempt on the item has passed to SetCheckpoint; nil: nothing.
func (in *Input) Checkpoint() any { return in.checkpoint.value }

// SetCheckpoint keeps what a part of the step's work on the item gave, so that an attempt after a failure goes on from
// there; its attempts are counted anew. What it refers to stays charged to the run. It is kept in this process only, until
// the step has finished the item.
func (in *Input) SetCheckpoint(v any) {
	in.checkpoint, in.advanced = checkpoint{v, in.uuids.Load()}, true
}

// Value returns the item, or for an aggregating kind the array of all items. It must not be modified: other items
// share its parts.
func (in *Input) Value() any { return in.item.value }

// Index is the position of the item among the input items of the step.
func (in *Input) Index() int { return in.index }

// Key identifies this step and item within the run: "<step path>.<item index>". It is equal in every attempt of the
// run.
func (in *Input) Key() string {
	return in.p.journalKey() + strconv.Itoa(in.index)
}

// RunKey is Key made unique across runs, for an Idempotency-Key header. A run that continues another one has its keys,
// except of effects that it repeats although they had succeeded.
func (in *Input) RunKey() string { return in.p.x.run.origin() + "." + in.Key() + in.again }

// uuid returns the next UUID for the item: version 5 (RFC 9562, section 5.5) of the run, the step, the item and a number.
// Every attempt has the same.
func (in *Input) uuid() string {
	name := in.RunKey() + "." + strconv.FormatInt(in.uuids.Add(1), 10)
	return uuid.NewSHA1(uuidNamespace, []byte(name)).String()
}

// uuidNamespace makes UUIDs of runs other ones than those that other programs derive from equal names.
var uuidNamespace = uuid.MustParse("5f0c9a52-6a2e-4b0e-9d0b-3f1c8f6f2d17")

// Run returns the current run. It must not be modified.
func (in *Input) Run() *Run { return &in.p.x.run }

// Flow returns the flow of the step. It must not be modified.
func (in *Input) Flow() *Flow { return in.p.x.flow }

// StateKey returns the key in Env.State for a value that a kind keeps between runs, for this flow or shared by all
// flows.
func (in *Input) StateKey(kind, name string, shared bool) string {
	return stateKey(in.p.x.flow, kind, name, shared)
}

func stateKey(f *Flow, kind, name string, shared bool) string {
	if shared {
		return "shared/" + kind + "/" + name
	}
	return "flow/" + strconv.FormatInt(f.Number, 10) + "/" + kind + "/" + name
}

// All returns the values of all input items of the step.
func (in *Input) All() []any {
	values := make([]any, len(in.p.items))
	for i, it := range in.p.items {
		values[i] = it.value
	}
	return values
}

// Env returns the environment of the execution. It must not be modified.
func (in *Input) Env() *Env {
	if in.call != nil {
		return in.call.env
	}
	return &in.p.x.env
}

// Log adds a line to the run's record. Fields named by the step's redact attribute are masked.
func (in *Input) Log(level, message string, fields map[string]any) {
	trace := in.p.x.env.Trace
	if trace == nil {
		return
	}
	trace.Log(LogLine{
		Step: in.p.path(), Item: in.index, At: time.Now(),
		Level: level, Message: message, Fields: in.p.step.maskFields(fields),
	})
}

// With returns the same input with another value, for a program that reads something other than the item: a response,
// a page.
func (in *Input) With(value any) *Input {
	other := *in
	other.item.value = value
	return &other
}

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
