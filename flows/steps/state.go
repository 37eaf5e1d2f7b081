package steps

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/flows/steps/internal/failure"
)

// state reads and changes a value stored between runs.
func state() flows.Kind {
	return flows.Kind{
		Name:    "state",
		Summary: "Reads or changes a named value that is kept between runs, such as a watermark.",
		Doc: "| | the item becomes |\n|---|---|\n" +
			"| `get` | the value, or `default` when there is none |\n" +
			"| `set` | the same: it passes unchanged. `to: null` removes the value |\n" +
			"| `increment` | the sum: a whole number, exact to 64 bits; no value is 0 |\n" +
			"| `compare_and_set` | `{changed, value}`: the value becomes `to` when it is `from`; null stands for no value |\n\n" +
			"With `into` the item stays and gets the result as a field. Each change is atomic, and a run that is resumed does not " +
			"repeat its own. Values are at most 1 MiB as JSON.",
		Params: []flows.Param{
			{Name: "get", Type: flows.TypeTemplate, OneOf: "what", Summary: "The name of the value to read."},
			{Name: "set", Type: flows.TypeTemplate, OneOf: "what", Summary: "The name of the value to set."},
			{Name: "increment", Type: flows.TypeTemplate, OneOf: "what", Summary: "The name of the number to add to."},
			{Name: "compare_and_set", Type: flows.TypeTemplate, OneOf: "what", Summary: "The name of the value to set if it still equals `from`."},
			{Name: "default", Type: flows.TypeTemplate, Default: "null", Summary: "With get: the result when there is no value."},
			{Name: "to", Type: flows.TypeTemplate, Summary: "With set and compare_and_set: the new value."},
			{Name: "from", Type: flows.TypeTemplate, Default: "null", Summary: "With compare_and_set: the expected value."},
			{Name: "by", Type: flows.TypeTemplate, Default: "1", Summary: "With increment: how much to add, a whole number."},
			{Name: "for", Type: flows.TypeDuration, Default: "for ever", Summary: "How long the value is kept, from this change on."},
			{Name: "into", Type: flows.TypeString, Summary: "A field of the item for the result; the item must be an object or null."},
			scopeParam(),
		},
		Example:      "name: since\nstate: {get: watermark, default: \"2026-01-01T00:00:00Z\"}",
		Effect:       flows.Idempotent,
		InternalOnly: true,
		New:          newState,
	}
}

type stateStep struct {
	keyedState
	do     func(s *stateStep, ctx context.Context, in *flows.Input, key string) (any, error)
	value  *flows.Template // default, to or by; nil: left out
	from   *flows.Template
	ttl    time.Duration
	into   string
	reads  bool
	passes bool // the item passes unchanged
}

func newState(args *flows.Args) (flows.Runner, error) {
	s := &stateStep{ttl: args.Duration("for"), from: args.Template("from"), into: args.String("into")}
	takes := map[string][]string{"get": {"default"}, "set": {"to", "for"}, "increment": {"by", "for"}, "compare_and_set": {"from", "to", "for"}}
	what := ""
	for name := range takes {
		if args.Has(name) {
			what = name
		}
	}
	for _, name := range []string{"default", "to", "from", "by", "for"} {
		if args.Has(name) && !slices.Contains(takes[what], name) {
			return nil, args.Refuse(problem.MeaninglessKey, name, "%s does not belong to %s", name, what)
		}
	}
	s.keyedState = newKeyedState("state", what, args)
	switch what {
	case "get":
		s.do, s.value, s.reads = (*stateStep).get, args.Template("default"), true
	case "set":
		s.do, s.value, s.passes = (*stateStep).set, args.Template("to"), true
	case "increment":
		s.do, s.value = (*stateStep).increment, args.Template("by")
	case "compare_and_set":
		s.do, s.value = (*stateStep).compareAndSet, args.Template("to")
	}
	if (what == "set" || what == "compare_and_set") && !args.Has("to") {
		return nil, args.Refuse(problem.RequiredKey, what, "to is missing: the new value")
	}
	if s.passes && s.into != "" {
		return nil, args.Refuse(problem.MeaninglessKey, "into", "set has no result: the item passes unchanged")
	}
	return s, nil
}

// Effect is Read for a step that only reads.
func (s *stateStep) Effect() flows.Effect {
	if s.reads {
		return flows.Read
	}
	return flows.Idempotent
}

// Run reads or changes the value for one item.
func (s *stateStep) Run(ctx context.Context, in *flows.Input) ([]any, error) {
	key, err := s.key(ctx, in)
	if err != nil {
		return nil, err
	}
	answer, err := s.do(s, ctx, in, key)
	switch {
	case err != nil:
		return nil, err
	case s.passes:
		return []any{in.Value()}, nil
	case s.into == "":
		return []any{answer}, nil
	}
	item, err := asObject(in.Value())
	if err != nil {
		return nil, err
	}
	object := map[string]any{s.into: answer}
	for name, v := range item {
		if name != s.into {
			object[name] = v
		}
	}
	return []any{object}, nil
}

func (s *stateStep) get(ctx context.Context, in *flows.Input, key string) (any, error) {
	values, err := stateOf(in)
	if err != nil {
		return nil, err
	}
	text, err := values.Load(ctx, key)
	if err != nil {
		return nil, stateError(ctx, err)
	}
	if text == nil && s.value != nil {
		return s.value.Render(ctx, in)
	}
	return decodeState(text)
}

func (s *stateStep) set(ctx context.Context, in *flows.Input, key string) (any, error) {
	_, err := s.swap(ctx, in, flows.Change{Key: key, For: s.ttl})
	return nil, err
}

func (s *stateStep) compareAndSet(ctx context.Context, in *flows.Input, key string) (any, error) {
	old, err := rendered(ctx, in, s.from)
	if err != nil {
		return nil, err
	}
	done, err := s.swap(ctx, in, flows.Change{Key: key, For: s.ttl, If: flows.Equal, Old: old})
	if err != nil {
		return nil, err
	}
	value, err := decodeState(done.Value)
	return map[string]any{"changed": done.Done, "value": value}, err
}

// swap changes the value as the step says.
func (s *stateStep) swap(ctx context.Context, in *flows.Input, c flows.Change) (flows.Swapped, error) {
	values, err := stateOf(in)
	if err != nil {
		return flows.Swapped{}, err
	}
	if c.Value, err = rendered(ctx, in, s.value); err != nil {
		return flows.Swapped{}, err
	}
	c.ID = in.RunKey()
	done, err := values.Swap(ctx, c)
	if err != nil {
		return done, stateError(ctx, err)
	}
	return done, nil
}

// rendered renders a template for the state store; nil for a nil template and for null.
func rendered(ctx context.Context, in *flows.Input, t *flows.Template) ([]byte, error) {
	if t == nil {
		return nil, nil
	}
	v, err := t.Render(ctx, in)
	if err != nil || v == nil {
		return nil, err
	}
	return encodeState(v)
}

func (s *stateStep) increment(ctx context.Context, in *flows.Input, key string) (any, error) {
	values, err := stateOf(in)
	if err != nil {
		return nil, err
	}
	by := int64(1)
	if s.value != nil {
		said, err := s.value.Text(ctx, in)
		if err != nil {
			return nil, err
		}
		if by, err = strconv.ParseInt(said, 10, 64); err != nil {
			return nil, failure.Errorf("by: %q is no whole number of 64 bits", failure.ShortLine(said))
		}
	}
	sum, err := values.Add(ctx, flows.Addition{Key: key, By: by, For: s.ttl, ID: in.RunKey()})
	switch {
	case errors.Is(err, flows.ErrNoNumber):
		return nil, failure.Errorf("the stored value is not a whole number of 64 bits, or the sum would not be")
	case err != nil:
		return nil, stateError(ctx, err)
	}
	return json.Number(strconv.FormatInt(sum, 10)), nil
}
