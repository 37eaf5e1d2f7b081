package schema

import (
	"context"
	"fmt"
	"math/big"
	"reflect"
	"runtime"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// Limits of one check.
const (
	maxSteps      = 20_000_000      // a step takes 10 to 100 ns; the count is the same on every machine
	maxTime       = 5 * time.Second // limit for a machine that is too busy to reach maxSteps
	stepsPerCheck = 10_000          // steps between two checks of the clock: at most a millisecond
	maxDepth      = 10_000          // schemas nested at one value
)

// LimitError reports that a check exceeded its limits.
type LimitError struct{ reason string }

func (e *LimitError) Error() string { return e.reason }

// ValidationError describes the first violations of a value.
type ValidationError struct{ text string }

func (e *ValidationError) Error() string { return e.text }

// Check validates v. It returns a *ValidationError for an invalid value, a *LimitError for a check that exceeds its
// limits, and the context's error after the end of ctx.
func (s *Schema) Check(ctx context.Context, v any) error {
	_, err := s.check(ctx, v)
	return err
}

// check is Check that also returns the number of steps.
func (s *Schema) check(ctx context.Context, v any) (int, error) {
	e := evaluation{ctx: ctx, begun: time.Now(), next: stepsPerCheck, dynamic: s.dynamic, lowestRunning: maxDepth}
	if e.valid(s.root, v, nil, nil) || e.err != nil {
		return e.steps, e.err
	}
	found := newReport()
	e.check(s.root, v, nil, nil, nil, found)
	if e.err != nil && len(found.texts) == 0 {
		return e.steps, e.err
	}
	return e.steps, found.err()
}

// evaluation is one check of one value.
type evaluation struct {
	ctx           context.Context
	begun         time.Time
	steps         int // of about 10 ns
	next          int // steps at which the clock is checked next
	err           error
	depth         int
	dynamic       bool
	results       map[visitKey]*result
	scopes        map[entry]*scope
	lowestRunning int // lowest depth of a schema that was reached again inside itself
}

// visitKey is a schema applied to a value. Equal scalars are the same value; an array or object is identified by its
// address.
type visitKey struct {
	node  *node
	value any
	scope *scope
}

// result is the result of a visit.
type result struct {
	depth     int
	running   bool
	known     bool
	valid     bool
	evaluated *evaluated // nil: not requested yet
}

// container identifies an array or object.
type container struct {
	at  uintptr
	len int
}

func identity(v any) any {
	switch v := v.(type) {
	case []any:
		return container{reflect.ValueOf(v).Pointer(), len(v)}
	case map[string]any:
		return container{reflect.ValueOf(v).Pointer(), -1}
	case *big.Int:
		return v.String()
	}
	return v
}

// spend charges steps and checks the clock when it is due.
func (e *evaluation) spend(steps int) {
	if e.steps += steps; e.steps < e.next || e.err != nil {
		return
	}
	e.next = e.steps + stepsPerCheck
	runtime.Gosched() // lets newly started goroutines run before this one
	switch {
	case e.ctx.Err() != nil:
		e.err = e.ctx.Err()
	case e.steps > maxSteps:
		e.err = &LimitError{fmt.Sprintf("checking it takes more than %d steps", maxSteps)}
	case time.Since(e.begun) > maxTime:
		e.err = &LimitError{fmt.Sprintf("checking it takes longer than %v", maxTime)}
	}
}

func (e *evaluation) valid(n *node, v any, in *scope, m *evaluated) bool {
	return e.check(n, v, in, m, nil, nil)
}

// check evaluates a schema at a value. m collects the evaluated parts; nil: not requested. Without a report it stops
// at the first violation; with one it reports all, and at is the path of the value.
func (e *evaluation) check(n *node, v any, in *scope, m *evaluated, at *path, out *report) bool {
	if e.spend(1); e.err != nil || out.full() {
		return false
	}
	if n.Bool != nil {
		if !*n.Bool {
			out.add(at, &kind.FalseSchema{})
		}
		return *n.Bool
	}
	if e.dynamic {
		in = e.enter(in, n)
	}
	if e.depth++; e.depth > maxDepth {
		e.err = &LimitError{fmt.Sprintf("more than %d schemas apply inside each other", maxDepth)}
	}
	var ok bool
	switch {
	case n.shared:
		ok = e.checkShared(n, v, in, m, at, out)
	case m == nil:
		ok = e.evaluate(n, v, in, nil, at, out)
	default: // an invalid value has no evaluated parts
		own := &evaluated{}
		if ok = e.evaluate(n, v, in, own, at, out); ok {
			m.merge(own)
		}
	}
	e.depth--
	return ok
}

// checkShared is check with stored results, for a schema that several references lead to.
func (e *evaluation) checkShared(n *node, v any, in *scope, m *evaluated, at *path, out *report) bool {
	if s, ok := v.(string); ok {
		e.spend(len(s) / 16)
	}
	e.spend(10)
	key := visitKey{n, identity(v), in}
	seen := e.results[key]
	if seen == nil {
		seen = &result{}
		if e.results == nil {
			e.results = map[visitKey]*result{}
		}
		e.results[key] = seen
	}
	if seen.running {
		e.lowestRunning = min(e.lowestRunning, seen.depth)
		out.add(at, &circularReference{n.Location})
		return false
	}
	if !seen.known || seen.valid && m != nil && seen.evaluated == nil {
		e.decide(seen, n, v, in, m)
	}
	if seen.valid {
		m.merge(seen.evaluated)
		return true
	}
	if out != nil {
		seen.running = true
		e.evaluate(n, v, in, nil, at, out)
		seen.running = false
	}
	return false
}

// decide evaluates once. The result is stored unless it depends on an enclosing schema that is still being evaluated.
func (e *evaluation) decide(seen *result, n *node, v any, in *scope, m *evaluated) {
	if m != nil {
		seen.evaluated = &evaluated{}
	}
	seen.running, seen.depth = true, e.depth
	seen.valid = e.evaluate(n, v, in, seen.evaluated, nil, nil)
	seen.running = false
	if seen.known = e.lowestRunning >= seen.depth; seen.known {
		e.lowestRunning = maxDepth
	}
}

// evaluate evaluates the keywords in the library's order.
func (e *evaluation) evaluate(n *node, v any, in *scope, m *evaluated, at *path, out *report) bool {
	if why := e.basicViolation(n, v); why != nil {
		out.add(at, why)
		return false
	}
	own := m
	if n.unevaluatedProps != nil || n.unevaluatedSet != nil {
		own = &evaluated{}
	}
	a := application{e, n, v, in, own, at, out, true}
	if n.ref != nil {
		a.applySelf(n.ref)
		if n.DraftVersion < 2019 {
			return a.ok // keywords beside $ref are ignored
		}
	}
	switch v := v.(type) {
	case map[string]any:
		a.object(v)
	case []any:
		a.array(v)
	case string:
		a.text(v)
	case nil, bool:
	default:
		a.number(v)
	}
	if !a.done() {
		a.references()
	}
	if !a.done() {
		a.combine()
	}
	if !a.done() && own != m {
		a.unevaluated()
		m.merge(own)
	}
	return a.ok
}

// basicViolation checks type, const, enum and format, whose violations hide all others.
func (e *evaluation) basicViolation(n *node, v any) violation {
	t := typeOf(v)
	if t == "" {
		return &kind.InvalidJsonValue{Value: v}
	}
	if n.types != 0 && n.types&typeBit(t) == 0 {
		if d, ok := decimalOf(v); !ok || n.types&typeBit("integer") == 0 || !d.integer() {
			return &kind.Type{Got: t, Want: n.Types.ToStrings()}
		}
	}
	if n.constant != nil && !e.contains(n.constant, v) {
		return &kind.Const{Got: v, Want: *n.Const}
	}
	if n.enum != nil && !e.contains(n.enum, v) {
		return &kind.Enum{Got: v, Want: n.Enum.Values}
	}
	if n.Format != nil {
		s, isText := v.(string)
		e.spend(len(s) / 2)
		if isText {
			if err := n.Format.Validate(s); err != nil {
				return &kind.Format{Got: truncate(s), Want: n.Format.Name, Err: err}
			}
		}
	}
	return nil
}
