package llm

import (
	"encoding/json"
	"net/http"

	"github.com/penstock/penstock/flows"
)

// request is what is asked of a model in one turn, in the shape of no provider.
type request struct {
	model       string
	system      string // empty: none
	messages    []message
	schema      any // nil: the answer is text
	tools       []tool
	maxTokens   int
	temperature json.Number // empty: the provider's
}

// message is one of a conversation: text of the user, an answer of the model, or the results of the calls in the answer before.
type message struct {
	text    string
	answer  *answer  // nil: it is not the model's
	results []result // nil: there are none
	role    string   // of text: "user" or "assistant"
}

// answer is one answer of a model.
type answer struct {
	text   string
	calls  []call
	output any  // the structured answer, where the provider gives it as a value
	given  bool // there is an output
	input  int  // tokens
	tokens int  // tokens of the answer
	stop   stop // why it ended
}

// call is a call of a tool by the model.
type call struct {
	name      string
	arguments any
	wrong     bool // the arguments are no JSON
}

// result is what a call gave.
type result struct {
	text   string
	failed bool
}

// stop is why an answer ended.
type stop uint8

const (
	stopEnd stop = iota
	stopCutOff
	stopRefused
	stopFiltered
)

// shape is the wire format of a provider.
type shape interface {
	// request returns the path behind the base of the API, additional headers, and the body.
	request(r *request) (path string, header http.Header, body map[string]any)
	// answer reads the body of a response. The error says what is wrong with it.
	answer(body any) (*answer, error)
}

// shapeOf returns the wire format of an API.
func shapeOf(api *flows.ModelAPI) shape {
	switch api.Shape {
	case flows.ShapeOpenAI:
		return openAI{limitField: api.LimitField}
	case flows.ShapeAnthropic:
		return anthropic{version: api.Version}
	}
	return neutral{}
}

// value returns the answer as a value of JSON for the journal; turnOf reads it.
func (a *answer) value() map[string]any {
	calls := make([]any, len(a.calls))
	for i, c := range a.calls {
		calls[i] = map[string]any{"name": c.name, "arguments": c.arguments, "wrong": c.wrong}
	}
	turn := map[string]any{"text": a.text, "calls": calls, "input_tokens": a.input, "output_tokens": a.tokens}
	if a.given {
		turn["output"] = a.output
	}
	return map[string]any{"turn": turn}
}

// turnOf reads an answer from the journal; nil: the value is none.
func turnOf(v any) *answer {
	recorded, _ := v.(map[string]any)
	turn, ok := recorded["turn"].(map[string]any)
	if !ok || len(recorded) != 1 {
		return nil
	}
	a := &answer{input: whole(turn["input_tokens"]), tokens: whole(turn["output_tokens"])}
	a.text, _ = turn["text"].(string)
	a.output, a.given = turn["output"]
	calls, _ := turn["calls"].([]any)
	for _, v := range calls {
		recorded, _ := v.(map[string]any)
		c := call{arguments: recorded["arguments"]}
		c.name, _ = recorded["name"].(string)
		c.wrong, _ = recorded["wrong"].(bool)
		a.calls = append(a.calls, c)
	}
	return a
}

// maxCount is the largest number of tokens that is believed.
const maxCount = 1_000_000_000

// whole reads a number of tokens; 0 for what is none.
func whole(v any) int {
	switch n := v.(type) {
	case int:
		return n
	case json.Number:
		i, err := n.Int64()
		if err == nil && i > 0 {
			return int(min(i, maxCount))
		}
	}
	return 0
}

// member returns a member of an object; nil: v is none, or has no such member.
func member(v any, name string) any {
	object, _ := v.(map[string]any)
	return object[name]
}

// textOf returns a member that is text; empty: it is none.
func textOf(v any, name string) string {
	text, _ := member(v, name).(string)
	return text
}
