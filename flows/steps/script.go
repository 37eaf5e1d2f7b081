package steps

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/script"
)

// scriptKind evaluates JavaScript.
func scriptKind() flows.Kind {
	return flows.Kind{
		Name:    "script",
		Summary: "Evaluates JavaScript on the item, for what a jq program should not do.",
		Doc:     scriptDoc,
		Params: []flows.Param{
			{Name: "code", Type: flows.TypeString, Required: true, Inline: true, Verbatim: true, Summary: "Body of a function; what it returns are the items."},
			{Name: "max_time", Type: flows.TypeDuration, Default: "250ms", Summary: "Longest evaluation of one item, at most 5s."},
			{Name: "max_memory", Type: flows.TypeString, Default: "32MB", Summary: "Most memory of one evaluation, from 4MB to 256MB."},
		},
		Example: scriptExample,
		Slow:    true,
		New:     func(args *flows.Args) (flows.Runner, error) { return newScriptStep(args) },
	}
}

// Bounds of one evaluation.
const (
	defaultScriptTime   = 250 * time.Millisecond
	mostScriptTime      = 5 * time.Second
	defaultScriptMemory = 32_000_000 // bytes
	leastScriptMemory   = 4_000_000
	mostScriptMemory    = 256_000_000
)

// scriptStep is one script step of a flow.
type scriptStep struct {
	code   string
	input  *flows.Expr // what the script is given, an object
	time   time.Duration
	memory int64
}

func newScriptStep(args *flows.Args) (*scriptStep, error) {
	s := &scriptStep{code: args.String("code"), time: defaultScriptTime, memory: defaultScriptMemory}
	if args.Has("max_time") {
		if s.time = args.Duration("max_time"); s.time < time.Millisecond || s.time > mostScriptTime {
			return nil, args.Errorf("max_time", "max_time is from 1ms to %v", mostScriptTime)
		}
	}
	if args.Has("max_memory") {
		size, ok := parseSize(args.String("max_memory"))
		if !ok || size < leastScriptMemory || size > mostScriptMemory {
			return nil, args.Errorf("max_memory", "max_memory is from %s to %s", sizeText(leastScriptMemory), sizeText(mostScriptMemory))
		}
		s.memory = size
	}
	if line, err := script.Check(s.code); err != nil {
		return nil, args.Errorf("code", "line %d of the script: %v", line, err)
	}
	program, err := scriptInput(s.code)
	if err != nil {
		return nil, args.Errorf("code", "%v", err)
	}
	s.input = args.Program("code", program)
	return s, nil
}

// Run evaluates the script for one item.
func (s *scriptStep) Run(ctx context.Context, in *flows.Input) ([]any, error) {
	given, err := s.input.First(ctx, in)
	if err != nil {
		return nil, err
	}
	call := &flows.Script{Code: s.code, Time: s.time, Memory: s.memory, Mark: "integer-" + rand.Text() + ":"}
	tab := in.Tab(ctx)
	if err := tab.Charge(flows.SizeOf(given)); err != nil { // a copy of it
		return nil, tooMuch(err)
	}
	if call.Input, err = flows.EncodeJSONOn(tab, marked(call.Mark, given)); err != nil {
		return nil, err
	}
	evaluate := script.Eval
	if scripts := in.Env().Scripts; scripts != nil {
		evaluate = scripts.Eval
	}
	content, err := evaluate(ctx, call)
	if err != nil {
		return nil, err
	}
	if err := tab.Charge(2 * int64(len(content))); err != nil { // the frame and what it holds
		return nil, tooMuch(err)
	}
	v, err := flows.DecodeJSONOn(tab, content)
	if known := (*flows.Error)(nil); errors.As(err, &known) {
		return nil, known
	}
	if err != nil {
		return nil, stepError("what the script returns cannot be read: %v", err)
	}
	items, ok := v.([]any)
	if !ok {
		return nil, stepError("the script returns %s, not items", kindOf(v))
	}
	if strings.Contains(string(content), call.Mark) {
		items = unmarked(call.Mark, items).([]any)
	}
	return items, nil
}
