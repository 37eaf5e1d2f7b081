package llm

import (
	"context"
	"fmt"
	"strings"

	"github.com/penstock/penstock/flows"
)

// output returns the structured answer; nil without a schema. An error that is no *flows.Error says how the answer does not fit.
func (s *step) output(ctx context.Context, a *answer) (any, error) {
	if s.schema == nil {
		return nil, nil
	}
	v := a.output
	if !a.given {
		var err error
		if v, err = flows.DecodeJSON([]byte(unfenced(a.text))); err != nil {
			return nil, fmt.Errorf("it is no JSON: %v", err)
		}
	}
	return v, s.validator.Check(ctx, v)
}

// unfenced returns the text in a block of Markdown, in which some models write JSON, or else the text itself.
func unfenced(text string) string {
	text = strings.TrimSpace(text)
	inner, begins := strings.CutPrefix(text, "```")
	inner, ends := strings.CutSuffix(inner, "```")
	if !begins || !ends {
		return text
	}
	return strings.TrimPrefix(inner, "json")
}

// repair is the message that follows an answer that does not fit the schema.
func repair(a *answer, wrong error) message {
	text := "The answer does not fit the schema: " + wrong.Error() + "\nAnswer again, with an object that fits it and nothing else."
	if a.given {
		return message{results: []result{{text: text, failed: true}}}
	}
	return message{role: "user", text: text}
}
