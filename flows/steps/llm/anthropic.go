package llm

import (
	"errors"
	"net/http"
)

// anthropic is the shape of Anthropic's Messages (https://docs.anthropic.com/en/api/messages). A structured answer is the call of a tool
// that the model must call.
type anthropic struct {
	version string
}

// finalTool is the name of a structured answer.
const finalTool = "final_answer"

func (p anthropic) request(r *request) (string, http.Header, map[string]any) {
	var messages []any
	for turn, m := range r.messages {
		switch {
		case m.answer != nil:
			messages = append(messages, map[string]any{"role": "assistant", "content": p.assistant(m.answer, turn)})
		case m.results != nil:
			blocks := make([]any, len(m.results))
			for i, got := range m.results { // of the answer before
				blocks[i] = map[string]any{"type": "tool_result", "tool_use_id": callID(turn-1, i), "content": got.text, "is_error": got.failed}
			}
			messages = append(messages, map[string]any{"role": "user", "content": blocks})
		default:
			messages = append(messages, map[string]any{"role": m.role, "content": m.text})
		}
	}
	body := map[string]any{"model": r.model, "messages": messages, "max_tokens": r.maxTokens}
	if r.system != "" {
		body["system"] = r.system
	}
	if r.temperature != "" {
		body["temperature"] = r.temperature
	}
	var tools []any
	for _, t := range r.tools {
		tools = append(tools, map[string]any{"name": t.name, "description": t.description, "input_schema": t.schema})
	}
	if r.schema != nil {
		tools = append(tools, map[string]any{"name": finalTool, "description": "Gives the final answer.", "input_schema": r.schema})
		if body["tool_choice"] = any(map[string]any{"type": "any"}); len(tools) == 1 {
			body["tool_choice"] = map[string]any{"type": "tool", "name": finalTool}
		}
	}
	if tools != nil {
		body["tools"] = tools
	}
	return "/messages", http.Header{"Anthropic-Version": {p.version}}, body
}

// assistant returns the blocks of an answer of the model.
func (anthropic) assistant(a *answer, turn int) []any {
	var blocks []any
	if a.text != "" {
		blocks = append(blocks, map[string]any{"type": "text", "text": a.text})
	}
	if a.given { // other calls beside it were not executed
		return append(blocks, map[string]any{"type": "tool_use", "id": callID(turn, 0), "name": finalTool, "input": a.output})
	}
	for i, c := range a.calls {
		input, ok := c.arguments.(map[string]any)
		if !ok {
			input = map[string]any{}
		}
		blocks = append(blocks, map[string]any{"type": "tool_use", "id": callID(turn, i), "name": c.name, "input": input})
	}
	if blocks == nil {
		blocks = append(blocks, map[string]any{"type": "text", "text": "(nothing)"})
	}
	return blocks
}

func (anthropic) answer(body any) (*answer, error) {
	blocks, ok := member(body, "content").([]any)
	if !ok {
		return nil, errors.New("it has no content")
	}
	usage := member(body, "usage")
	a := &answer{tokens: whole(member(usage, "output_tokens"))}
	for _, name := range []string{"input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"} {
		a.input += whole(member(usage, name))
	}
	switch textOf(body, "stop_reason") {
	case "max_tokens", "model_context_window_exceeded":
		a.stop = stopCutOff
	case "refusal":
		a.stop = stopRefused
	}
	for _, block := range blocks {
		switch textOf(block, "type") {
		case "text":
			a.text += textOf(block, "text")
		case "tool_use":
			if textOf(block, "name") == finalTool {
				a.output, a.given = member(block, "input"), true
				continue
			}
			if len(a.calls) == maxCalls {
				return nil, errTooManyCalls
			}
			input, isObject := member(block, "input").(map[string]any)
			a.calls = append(a.calls, call{name: textOf(block, "name"), arguments: input, wrong: !isObject})
		}
	}
	if a.given && !isObject(a.output) {
		a.output = map[string]any{}
	}
	return a, nil
}

func isObject(v any) bool { _, ok := v.(map[string]any); return ok }
