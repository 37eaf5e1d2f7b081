package steps

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/flows/script"
	"github.com/penstock/penstock/flows/steps/internal/content"
	"github.com/penstock/penstock/flows/steps/internal/failure"
)

// scriptKind evaluates JavaScript.
func scriptKind() flows.Kind {
	return flows.Kind{
		Name:    "script",
		Summary: "Evaluates JavaScript on the item, for logic that is unsuitable for a jq program.",
		Doc:     scriptDoc,
		Params: []flows.Param{
			{Name: "code", Type: flows.TypeString, Required: true, Inline: true, Verbatim: true, Summary: "Body of a function; its results are the items."},
			{Name: "max_time", Type: flows.TypeDuration, Default: "250ms", Summary: "Longest evaluation of one item, at most 5s."},
			{Name: "max_memory", Type: flows.TypeString, Default: "32MB", Summary: "Most memory of one evaluation, from 4MB to 256MB."},
		},
		Example:  scriptExample,
		CPUBound: true,
		New:      func(args *flows.Args) (flows.Runner, error) { return newScriptStep(args) },
	}
}

// Limits of one evaluation.
const (
	defaultScriptTime   = 250 * time.Millisecond
	maxScriptTime       = 5 * time.Second
	defaultScriptMemory = 32_000_000 // bytes
	minScriptMemory     = 4_000_000
	maxScriptMemory     = 256_000_000
)

// scriptStep is one script step of a flow.
type scriptStep struct {
	code   string
	input  *flows.Expr // program for the script's input, an object
	time   time.Duration
	memory int64
}

func newScriptStep(args *flows.Args) (*scriptStep, error) {
	s := &scriptStep{code: args.String("code"), time: defaultScriptTime, memory: defaultScriptMemory}
	if args.Has("max_time") {
		if s.time = args.Duration("max_time"); s.time < time.Millisecond || s.time > maxScriptTime {
			return nil, args.Refuse(problem.OutOfRange, "max_time", "max_time is from 1ms to %v", maxScriptTime)
		}
	}
	if args.Has("max_memory") {
		size, ok := flows.ParseSize(args.String("max_memory"))
		if !ok || size < minScriptMemory || size > maxScriptMemory {
			return nil, args.Refuse(problem.OutOfRange, "max_memory", "max_memory is from %s to %s", flows.SizeText(minScriptMemory), flows.SizeText(maxScriptMemory))
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
	if now, fixed := flows.FixedNow(ctx); fixed {
		call.Now = now.UnixMilli()
	}
	charger := in.Charger(ctx)
	if err := charger.Charge(flows.SizeOf(given)); err != nil { // for a copy of it
		return nil, failure.Limit(err)
	}
	if call.Input, err = flows.EncodeJSONOn(charger, markIntegers(call.Mark, given)); err != nil {
		return nil, err
	}
	evaluate := script.Eval
	if scripts := in.Env().Scripts; scripts != nil {
		evaluate = scripts.Eval
	}
	evaluated, err := evaluate(ctx, call)
	logLines(in, evaluated.Lines)
	if err != nil {
		return nil, err
	}
	result := evaluated.Items
	if err := charger.Charge(2 * int64(len(result))); err != nil { // for the frame and its content
		return nil, failure.Limit(err)
	}
	v, err := flows.DecodeJSONOn(charger, result)
	if known := (*flows.Error)(nil); errors.As(err, &known) {
		return nil, known
	}
	if err != nil {
		return nil, failure.Errorf("the result of the script cannot be read: %v", err)
	}
	items, ok := v.([]any)
	if !ok {
		return nil, failure.Errorf("the script returns %s, not items", content.TypeName(v))
	}
	if strings.Contains(string(result), call.Mark) {
		items = unmarkIntegers(call.Mark, items).([]any)
	}
	return items, nil
}

// logLines writes what a script logged into the record of the run. Values are fields, so that redact masks their members.
func logLines(in *flows.Input, lines []flows.ScriptLine) {
	for _, line := range lines {
		var fields map[string]any
		if line.Values != nil {
			if values, err := flows.DecodeJSON(line.Values); err == nil {
				fields = map[string]any{"values": values}
			}
		}
		in.Log(line.Level, line.Message, fields)
	}
}
