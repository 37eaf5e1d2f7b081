// Package llm is the step kind llm: it asks a language model, which may call flows as tools.
package llm

import (
	"encoding/json"
	"math"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
)

// Bounds of a step.
const (
	defaultTokens    = 1024 // of an answer
	maxTokens        = 1_000_000
	defaultRunTokens = 1_000_000 // of all turns and items in a run
	maxRunTokens     = 1_000_000_000
	defaultTurns     = 8
	maxTurns         = 50
	maxTools         = 64
)

// Kind asks a language model and puts out its answer.
func Kind() flows.Kind {
	return flows.Kind{
		Name:       "llm",
		Summary:    "Asks a language model and returns its answer; the model may call flows as tools.",
		Doc:        doc,
		Params:     params(),
		Example:    example,
		Effect:     flows.Once,
		ThroughEnv: true,
		InParts:    true,
		New:        func(args *flows.Args) (flows.Runner, error) { return newStep(args) },
	}
}

func params() []flows.Param {
	return []flows.Param{
		{Name: "connection", Type: flows.TypeString, Names: flows.ResourceConnection, Required: true, Summary: "Name of the connection with the API and its key, of the type `openai` or `anthropic`."},
		{Name: "model", Type: flows.TypeTemplate, Required: true, Summary: "Name of the model, as the provider writes it."},
		{Name: "system", Type: flows.TypeTemplate, Summary: "Instructions that stand before the conversation."},
		{Name: "prompt", Type: flows.TypeTemplate, OneOf: "input", Summary: "The question: text, or any other value as JSON."},
		{Name: "messages", Type: flows.TypeTemplate, OneOf: "input", Summary: "The conversation so far: a list of `{role, content}` with the roles `user` and `assistant`, the last one of the user."},
		{Name: "schema", Type: flows.TypeLiteral, Summary: "JSON Schema of the answer, with `type: object`: the answer is then JSON, in `output`."},
		{Name: "tools", Type: flows.TypeStrings, Names: flows.ResourceFlow, Summary: "Numbers or slugs of the flows that the model may call."},
		{Name: "max_tokens", Type: flows.TypeInt, Default: "1024", Summary: "The most tokens of one answer. A longer answer is a failure."},
		{Name: "max_run_tokens", Type: flows.TypeInt, Default: "1000000", Summary: "The most tokens, of input and output, that the step may use in a run: for all items and turns together."},
		{Name: "max_cost", Type: flows.TypeLiteral, Default: "none", Summary: "The most that the step may cost in a run, a number in the currency of the connection's prices."},
		{Name: "max_turns", Type: flows.TypeInt, Default: "8", Summary: "The most answers of the model for an item, at most 50: each with calls of tools is one."},
		{Name: "temperature", Type: flows.TypeLiteral, Default: "the provider's", Summary: "A number from 0 to 2: how much answers to the same question vary."},
	}
}

// step is one llm step of a flow.
type step struct {
	connection  string
	model       *flows.Template
	system      *flows.Template // nil: none
	prompt      *flows.Template // nil: messages
	messages    *flows.Template
	schema      any              // nil: the answer is text
	validator   *flows.Validator // of schema
	tools       []string
	maxTokens   int
	maxTurns    int
	limits      limits
	temperature json.Number // empty: the provider's
}

func newStep(args *flows.Args) (*step, error) {
	s := &step{
		connection: args.String("connection"), model: args.Template("model"), system: args.Template("system"),
		prompt: args.Template("prompt"), messages: args.Template("messages"), tools: args.Strings("tools"),
	}
	var err error
	if args.Has("schema") {
		s.schema = args.Literal("schema")
		if object, ok := s.schema.(map[string]any); !ok || object["type"] != "object" {
			return nil, args.Refuse(problem.BadSchema, "schema", "schema: the answer is an object, and the schema must say so: type: object")
		}
		if s.validator, err = flows.NewValidator(s.schema); err != nil {
			return nil, args.Refuse(problem.BadSchema, "schema", "schema: %v", err)
		}
	}
	if len(s.tools) > maxTools {
		return nil, args.Refuse(problem.TooMany, "tools", "tools: expected at most %d", maxTools)
	}
	for _, n := range []struct {
		name           string
		to             *int
		otherwise, max int
	}{
		{"max_tokens", &s.maxTokens, defaultTokens, maxTokens},
		{"max_run_tokens", &s.limits.tokens, defaultRunTokens, maxRunTokens},
		{"max_turns", &s.maxTurns, defaultTurns, maxTurns},
	} {
		if *n.to = n.otherwise; !args.Has(n.name) {
			continue
		}
		if *n.to = args.Int(n.name); *n.to < 1 || *n.to > n.max {
			return nil, args.Refuse(problem.OutOfRange, n.name, "%s: expected 1 to %d", n.name, n.max)
		}
	}
	if s.limits.cost, _, err = number(args, "max_cost", math.MaxFloat64); err != nil {
		return nil, err
	}
	s.limits.priced = args.Has("max_cost")
	_, s.temperature, err = number(args, "temperature", 2)
	return s, err
}

// number reads a literal number from 0 to most; empty: it is not given.
func number(args *flows.Args, name string, most float64) (float64, json.Number, error) {
	if !args.Has(name) {
		return 0, "", nil
	}
	text, ok := args.Literal(name).(json.Number)
	n, err := text.Float64()
	if !ok || err != nil || n < 0 || n > most {
		return 0, "", args.Refuse(problem.OutOfRange, name, "%s: expected a number, at least 0", name)
	}
	return n, text, nil
}

// OnlyReads implements flows.OnlyReader: a question without tools changes nothing.
func (s *step) OnlyReads() bool { return len(s.tools) == 0 }
