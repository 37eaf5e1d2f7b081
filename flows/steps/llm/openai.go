package llm

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/penstock/penstock/flows"
)

// openAI is the shape of OpenAI's Chat Completions (https://platform.openai.com/docs/api-reference/chat).
type openAI struct {
	limitField string // member that takes the most tokens of an answer
}

func (o openAI) request(r *request) (string, http.Header, map[string]any) {
	var messages []any
	if r.system != "" {
		messages = append(messages, map[string]any{"role": "system", "content": r.system})
	}
	for turn, m := range r.messages {
		switch {
		case m.answer != nil:
			messages = append(messages, o.assistant(m.answer, turn))
		case m.results != nil:
			for i, got := range m.results { // of the answer before
				messages = append(messages, map[string]any{"role": "tool", "tool_call_id": callID(turn-1, i), "content": got.text})
			}
		default:
			messages = append(messages, map[string]any{"role": m.role, "content": m.text})
		}
	}
	body := map[string]any{"model": r.model, "messages": messages, o.limitField: r.maxTokens}
	if r.temperature != "" {
		body["temperature"] = r.temperature
	}
	if r.schema != nil {
		body["response_format"] = map[string]any{"type": "json_schema", "json_schema": map[string]any{"name": finalTool, "schema": r.schema}}
	}
	if len(r.tools) > 0 {
		tools := make([]any, len(r.tools))
		for i, t := range r.tools {
			tools[i] = map[string]any{"type": "function", "function": map[string]any{"name": t.name, "description": t.description, "parameters": t.schema}}
		}
		body["tools"] = tools
	}
	return "/chat/completions", nil, body
}

// assistant returns an answer of the model as a message. The ids of its calls are made here: what the provider calls them is not sent back.
func (openAI) assistant(a *answer, turn int) map[string]any {
	said := map[string]any{"role": "assistant", "content": a.text}
	var calls []any
	for i, c := range a.calls {
		arguments := string(flows.EncodeJSON(c.arguments))
		if c.wrong {
			arguments = "{}"
		}
		calls = append(calls, map[string]any{"id": callID(turn, i), "type": "function", "function": map[string]any{"name": c.name, "arguments": arguments}})
	}
	if calls != nil {
		said["tool_calls"] = calls
	}
	return said
}

// callID is the id of a call in the conversation.
func callID(turn, i int) string { return fmt.Sprintf("call_%d_%d", turn, i) }

func (openAI) answer(body any) (*answer, error) {
	choices, _ := member(body, "choices").([]any)
	if len(choices) == 0 {
		return nil, errors.New("it has no choices")
	}
	said := member(choices[0], "message")
	a := &answer{text: textOf(said, "content")}
	usage := member(body, "usage")
	a.input, a.tokens = whole(member(usage, "prompt_tokens")), whole(member(usage, "completion_tokens"))
	switch textOf(choices[0], "finish_reason") {
	case "length":
		a.stop = stopCutOff
	case "content_filter":
		a.stop = stopFiltered
	}
	if refusal := textOf(said, "refusal"); refusal != "" {
		a.stop, a.text = stopRefused, refusal
	}
	calls, _ := member(said, "tool_calls").([]any)
	if len(calls) > maxCalls {
		return nil, errTooManyCalls
	}
	for _, v := range calls {
		function := member(v, "function")
		c := call{name: textOf(function, "name")}
		var err error
		if text := textOf(function, "arguments"); text != "" {
			c.arguments, err = flows.DecodeJSON([]byte(text))
		} else {
			c.arguments = map[string]any{}
		}
		c.wrong = err != nil
		a.calls = append(a.calls, c)
	}
	return a, nil
}
