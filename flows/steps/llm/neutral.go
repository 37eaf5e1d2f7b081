package llm

import (
	"errors"
	"net/http"
)

// neutral is the shape of requests in tests and rehearsals, which reach no provider.
type neutral struct{}

func (neutral) request(r *request) (string, http.Header, map[string]any) {
	messages := make([]any, len(r.messages))
	for i, m := range r.messages {
		messages[i] = map[string]any{"role": m.role, "content": m.text}
	}
	body := map[string]any{"model": r.model, "messages": messages, "max_tokens": r.maxTokens}
	if r.system != "" {
		body["system"] = r.system
	}
	if r.schema != nil {
		body["schema"] = r.schema
	}
	if r.temperature != "" {
		body["temperature"] = r.temperature
	}
	if len(r.tools) > 0 {
		names := make([]any, len(r.tools))
		for i, t := range r.tools {
			names[i] = t.name
		}
		body["tools"] = names
	}
	return "/llm", nil, body
}

func (neutral) answer(any) (*answer, error) { return nil, errors.New("nobody answers in a rehearsal") }
