package flows

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/penstock/penstock/flows/internal/jq"
	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/internal/mask"
)

// RecordedRun is a run that has ended, as its record and its journal have it.
type RecordedRun struct {
	Run
	At      time.Time         // what the flow takes for the current time
	Results map[string][]byte // of the journal, by key
	Redacts bool              // a step of the version that the run executed has redact, or the version is unknown
}

// RehearsalEnv is what a rehearsal may reach.
type RehearsalEnv struct {
	Flows   Flows           // nil: steps that call another flow fail
	Scripts Scripts         // nil: scripts are evaluated in this process
	Vars    map[string]any  // as in Env
	Memory  *budget.Account // as in Env
	// Connection returns the type of a connection. The error says that there is none.
	Connection func(ctx context.Context, name string) (string, error)
}

// Rehearsal is the result of an execution that did nothing.
type Rehearsal struct {
	Output  []any  // nil: the run failed or stopped
	Failure *Error // nil: the run did not fail
	// Stopped is the path of the step whose effect has no known result, so that the rest of the run is unknown. Empty: the
	// run ended.
	Stopped string
	Effects []RehearsedEffect // in the order of their steps and items
	Redacts bool              // RecordedRun.Redacts, or a step of the flow, or of one that it called, has redact: values must not be shown
	Late    bool              // a program took too long, which it may not do another time

	byKey      map[string]*RehearsedEffect
	byIdentity map[string][]*RehearsedEffect // those with a result that the journal has
}

// RehearsedEffect is what a step would have asked of the outside for one item.
type RehearsedEffect struct {
	Step    string // path, prefixed with those of the calling steps: "call/charge"
	Kind    string
	Key     string // of the journal
	Request any    // as a value of JSON: the members depend on the kind

	identity string // see Identity
	item     any    // the input of the step
	result   []byte // that the journal has
	requests []any
	nested   bool // of a step with nested steps, which asks for decisions of its own only
}

// Identity is equal for two effects that would ask the same of the outside.
func (e *RehearsedEffect) Identity() string { return e.identity }

// Bounds of a rehearsal.
const (
	maxRehearsal = 10 * time.Second
	maxRehearsed = 10_000 // effects
)

// Errors of Rehearse, besides that of its context.
var (
	ErrRehearsalTime = errors.New("the run takes longer than " + maxRehearsal.String())
	ErrRehearsalSize = errors.New("the run has more than " + strconv.Itoa(maxRehearsed) + " effects")
)

// Rehearse executes the flow on the event of a recorded run and answers its effects from the run's journal. It does and
// writes nothing. An effect has the result that the same request had in the run, else that of its step and item. Without one,
// it has the mock of its step in the flow's tests, or the rehearsal stops there.
//
// earlier is the rehearsal of the version to compare with, whose requests tell which result is for which request; nil: this is
// that version. Errors: that of ctx, ErrRehearsalTime, ErrRehearsalSize. Safe for concurrent use.
func (f *Flow) Rehearse(ctx context.Context, recorded RecordedRun, env RehearsalEnv, earlier *Rehearsal) (*Rehearsal, error) {
	limited, cancel := context.WithTimeout(jq.WithNow(ctx, recorded.At), maxRehearsal)
	defer cancel()
	r := &rehearsal{results: recorded.Results, earlier: earlier, remembered: map[string][]byte{}, waiting: map[string]*RehearsedEffect{}, redacts: recorded.Redacts}
	r.noteRedaction(f)
	x := f.begin(recorded.Run, r.env(env))
	x.rehearsal = r
	items, err := x.rehearse(limited)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case limited.Err() != nil:
		return nil, ErrRehearsalTime
	case len(r.effects) > maxRehearsed:
		return nil, ErrRehearsalSize
	}
	done := &Rehearsal{Stopped: r.stopped, Redacts: r.redacts, Late: r.late, Effects: r.inOrder()}
	done.index()
	switch known := (*Error)(nil); {
	case r.stopped != "":
	case err == nil:
		done.Output = items.Values()
	case errors.As(err, &known):
		done.Failure = known
	default:
		done.Failure = &Error{Code: CodeInternal, Message: err.Error()}
	}
	return done, nil
}

// index fills in byKey and byIdentity.
func (d *Rehearsal) index() {
	d.byKey, d.byIdentity = make(map[string]*RehearsedEffect, len(d.Effects)), map[string][]*RehearsedEffect{}
	for i := range d.Effects {
		e := &d.Effects[i]
		if d.byKey[e.Key] = e; e.result != nil {
			d.byIdentity[e.identity] = append(d.byIdentity[e.identity], e)
		}
	}
}

func (x *execution) rehearse(ctx context.Context) (Items, error) {
	size, err := measure(x.run.Event)
	if err == nil {
		err = x.reserve(ctx, size)
	}
	if err != nil {
		return Items{}, &Error{Code: CodeLimit, Message: "event: " + err.Error(), Err: err}
	}
	return x.runAll(ctx)
}

// Now returns the current time; in a rehearsal, the time of the recorded run.
func Now(ctx context.Context) time.Time {
	if t, fixed := jq.FixedNow(ctx); fixed {
		return t
	}
	return time.Now()
}

// FixedNow returns the time of the recorded run; false: ctx is not that of a rehearsal.
func FixedNow(ctx context.Context) (time.Time, bool) { return jq.FixedNow(ctx) }

// rehearsal is the state of one rehearsal. It implements Journal, for remembered values.
type rehearsal struct {
	results map[string][]byte
	earlier *Rehearsal // nil: none

	responses *cannedResponses // of requests; nil: nothing is sent

	mu         sync.Mutex
	effects    []*RehearsedEffect          // guarded by mu
	remembered map[string][]byte           // guarded by mu; what this execution remembered
	waiting    map[string]*RehearsedEffect // guarded by mu; effects that are being executed, by key
	bodies     int64                       // guarded by mu; bytes of recorded request bodies
	stopped    string                      // guarded by mu
	redacts    bool                        // guarded by mu
	late       bool                        // guarded by mu
}

// Start implements Journal.
func (r *rehearsal) Start(_ context.Context, key string, _ Effect) (Recorded, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if result := r.results[key]; result != nil {
		return Recorded{Started: true, Result: result}, nil
	}
	return Recorded{Result: r.remembered[key]}, nil
}

// Finish implements Journal.
func (r *rehearsal) Finish(_ context.Context, key string, result []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.remembered[key] = result
	return nil
}

func (r *rehearsal) noteRedaction(f *Flow) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.redacts = r.redacts || f.Redacts()
}

func (r *rehearsal) noteLate(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.late = r.late || jq.IsLate(err)
}

// errUnanswered ends an execution at an effect without a known result.
var errUnanswered = errors.New("no result is known for the effect")

// stop returns the error with which the rehearsal ends at a step. The code is one that on_error does not handle.
func (r *rehearsal) stop(p *stepRun) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = cmp.Or(r.stopped, p.path())
	return &Error{Code: CodeUncertain, Message: errUnanswered.Error(), Err: errUnanswered}
}

// execute executes a step with effects for one item, up to the point where it would reach the outside.
func (r *rehearsal) execute(ctx context.Context, p *stepRun, in *Input) ([]any, error) {
	e := &RehearsedEffect{Step: p.path(), Kind: p.step.kind, Key: in.Key(), item: in.Value()}
	if !p.step.throughEnv { // only its item can be compared
		e.requests = []any{map[string]any{"item": in.Value()}}
		return r.resolve(ctx, p, in, r.add(e))
	}
	r.wait(e)
	ctx, _ = mask.With(ctx)
	results, err := p.attempt(withEffect(ctx, e), in)
	r.waited(e)
	r.mu.Lock()
	reached := len(e.requests) > 0
	if reader, ok := p.step.runner.(ResponseReader); ok && reached {
		if request, ok := e.requests[0].(map[string]any); ok {
			if reads := reader.ReadsResponses(); len(reads) > 0 {
				request["response"] = reads
			}
		}
	}
	r.mu.Unlock()
	var known *Error
	switch {
	case !reached, ctx.Err() != nil, errors.As(err, &known) && known.Step != "": // the last: of a nested step
		return results, err
	case p.step.effect == Durable: // it answers the caller
		r.add(e)
		return results, err
	}
	return r.resolve(ctx, p, in, r.add(e))
}

// wait notes that an effect is being executed.
func (r *rehearsal) wait(e *RehearsedEffect) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting[e.Key] = e
}

// waited notes the end of the execution of an effect.
func (r *rehearsal) waited(e *RehearsedEffect) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.waiting, e.Key)
}

// ResponseReader is a Runner that says how it reads the responses to its requests, as a value of JSON, without defaults. A rehearsal compares
// that like a part of the request, because its results are those that the recorded run has read.
type ResponseReader interface {
	Runner
	ReadsResponses() map[string]any
}

// add completes an effect and records it.
func (r *rehearsal) add(e *RehearsedEffect) *RehearsedEffect {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.Request = e.requests; len(e.requests) == 1 {
		e.Request = e.requests[0]
	}
	sum := sha256.Sum256(append([]byte(e.Kind+" "), EncodeJSON(e.Request)...))
	e.identity = string(sum[:])
	r.effects = append(r.effects, e)
	return e
}

// resolve returns the result of an effect.
func (r *rehearsal) resolve(ctx context.Context, p *stepRun, in *Input, e *RehearsedEffect) ([]any, error) {
	r.mu.Lock()
	many := len(r.effects) > maxRehearsed
	r.mu.Unlock()
	if many {
		return nil, r.stop(p)
	}
	if before := r.equalRequest(e); before != nil {
		e.result = before.result
		items, _, err := decodeResult(in.Charger(ctx), before.result)
		return passOn(p, in, before, items), err
	}
	if result := r.results[e.Key]; result != nil {
		items, of, err := decodeResult(in.Charger(ctx), result)
		if of < 0 || of == len(p.items) {
			e.result = result
			return passOn(p, in, r.earlierEffect(e), items), err
		}
	}
	for i := range p.x.flow.tests {
		mocks := p.x.flow.tests[i].mocks
		v, ok := mocks[p.step.name]
		if !ok || p.step.name == "" {
			v, ok = mocks[p.step.kind]
		}
		if ok {
			return p.mocked(v, &mockSequence{taken: map[string]int{}})
		}
	}
	return nil, r.stop(p)
}

// equalRequest returns the effect of the earlier version with the same request and a known result, preferably for the same
// item; nil: there is none.
func (r *rehearsal) equalRequest(e *RehearsedEffect) *RehearsedEffect {
	if r.earlier == nil {
		return nil
	}
	if same := r.earlier.byKey[e.Key]; same != nil && same.identity == e.identity && same.result != nil {
		return same
	}
	if all := r.earlier.byIdentity[e.identity]; len(all) > 0 {
		return all[0]
	}
	return nil
}

// earlierEffect returns the effect of the earlier version with the same key; nil: there is none.
func (r *rehearsal) earlierEffect(e *RehearsedEffect) *RehearsedEffect {
	if r.earlier == nil {
		return nil
	}
	return r.earlier.byKey[e.Key]
}

// passOn applies to this item what a step did to the item of the earlier version: a step that passes its item on, perhaps
// with further fields, must pass on the item of this version.
func passOn(p *stepRun, in *Input, before *RehearsedEffect, items []any) []any {
	if before == nil || len(items) != 1 || equal(before.item, in.Value()) {
		return items
	}
	if equal(items[0], before.item) {
		return []any{in.Value()}
	}
	result, ok := items[0].(map[string]any)
	old, isObject := before.item.(map[string]any)
	item, isToo := in.Value().(map[string]any)
	if !p.step.internalOnly || !ok || !isObject || !isToo {
		return items
	}
	passed := make(map[string]any, len(item)+1)
	for name, v := range item {
		passed[name] = v
	}
	for name, v := range result {
		if had, known := old[name]; !known || !equal(had, v) {
			passed[name] = v
		}
	}
	return []any{passed}
}

func equal(a, b any) bool { return bytes.Equal(EncodeJSON(a), EncodeJSON(b)) }

// inOrder returns the effects in the order of their steps' paths and of the items.
func (r *rehearsal) inOrder() []RehearsedEffect {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]RehearsedEffect, len(r.effects))
	for i, e := range r.effects {
		all[i] = *e
	}
	slices.SortStableFunc(all, func(a, b RehearsedEffect) int {
		return cmp.Or(strings.Compare(a.Step, b.Step), cmp.Compare(len(a.Key), len(b.Key)), strings.Compare(a.Key, b.Key))
	})
	return all
}
