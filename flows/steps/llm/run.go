package llm

import (
	"context"
	"errors"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/httpstep"
	"github.com/penstock/penstock/flows/steps/internal/failure"
)

// conversation is the state of the step for one item.
type conversation struct {
	step    *step
	api     *flows.ModelAPI
	shape   shape
	request request
	shared  *spending // of all items
	used    use       // by this item
	turns   int
}

// Run asks the model until it has answered. Every answer is an effect of its own, and so are the effects of the flows that the model calls.
func (s *step) Run(ctx context.Context, in *flows.Input) ([]any, error) {
	c, err := s.begin(ctx, in)
	if err != nil {
		return nil, err
	}
	items, err := c.run(ctx, in)
	if err != nil && ctx.Err() == nil && c.used != (use{}) {
		_, _ = in.Remember(ctx, spentName, func() (any, error) { return c.used.value(c.api), nil }) // for Replayed; the failure is what counts
	}
	return items, err
}

// spentName is the name of the remembered value with what a failed conversation has used.
const spentName = "spent"

// Replayed implements flows.Replayer: what an earlier attempt used counts in this one.
func (s *step) Replayed(ctx context.Context, in *flows.Input, items []any, failed error) {
	var used any
	switch {
	case failed != nil:
		used, _ = in.Remember(ctx, spentName, func() (any, error) { return nil, nil })
	case len(items) == 1:
		used = member(items[0], "usage")
	}
	sharedOf(in).add(useOf(used))
}

func sharedOf(in *flows.Input) *spending {
	return in.Shared(func() any { return &spending{} }).(*spending)
}

// begin renders what the step asks.
func (s *step) begin(ctx context.Context, in *flows.Input) (*conversation, error) {
	connections := in.Env().Connections
	if connections == nil {
		return nil, failure.Errorf("there is no connection %q: no connections are configured here", s.connection)
	}
	found, err := connections.HTTP(ctx, s.connection)
	if err != nil {
		return nil, err
	}
	conn, _ := found.(flows.ModelConnection)
	if conn == nil || conn.Model() == nil {
		return nil, failure.Errorf("the connection %q is none of the types openai and anthropic, which llm steps use", s.connection)
	}
	c := &conversation{step: s, api: conn.Model(), shared: sharedOf(in)}
	c.shape = shapeOf(c.api)
	c.request = request{schema: s.schema, maxTokens: s.maxTokens, temperature: s.temperature}
	if c.request.tools, err = s.findTools(ctx, in, c.shape == shape(neutral{})); err != nil {
		return nil, err
	}
	if c.request.model, err = s.model.Text(ctx, in); err != nil {
		return nil, err
	}
	if s.system != nil {
		if c.request.system, err = s.system.Text(ctx, in); err != nil {
			return nil, err
		}
	}
	c.request.messages, err = s.input(ctx, in)
	return c, err
}

// input returns the messages that the flow gives.
func (s *step) input(ctx context.Context, in *flows.Input) ([]message, error) {
	if s.prompt != nil {
		v, err := s.prompt.Render(ctx, in)
		if err != nil {
			return nil, err
		}
		text, ok := v.(string)
		if !ok {
			text = string(flows.EncodeJSON(v))
		}
		return []message{{role: "user", text: text}}, nil
	}
	v, err := s.messages.Render(ctx, in)
	if err != nil {
		return nil, err
	}
	list, _ := v.([]any)
	messages := make([]message, len(list))
	for i, v := range list {
		m := message{role: textOf(v, "role"), text: textOf(v, "content")}
		if m.role != "user" && m.role != "assistant" || m.text == "" {
			return nil, failure.Errorf("messages: message %d is no {role, content} with the role user or assistant and a text", i+1)
		}
		messages[i] = m
	}
	if len(list) == 0 || messages[len(list)-1].role != "user" {
		return nil, failure.Errorf("messages: expected a list whose last message is one of the user")
	}
	return messages, nil
}

// run has the conversation.
func (c *conversation) run(ctx context.Context, in *flows.Input) ([]any, error) {
	repaired := false
	for {
		if c.turns == c.step.maxTurns {
			return nil, failed(codeTurns, "the model did not finish within %d answers", c.turns)
		}
		c.turns++
		a, assumed, err := c.turn(ctx, in)
		if err != nil || assumed != nil {
			return assumed, err
		}
		said := message{answer: a}
		if len(a.calls) > 0 && !a.given {
			results, err := c.callTools(ctx, in, c.turns, a.calls)
			if err != nil {
				return nil, err
			}
			c.request.messages = append(c.request.messages, said, message{results: results})
			continue
		}
		output, err := c.step.output(ctx, a)
		if err == nil {
			return []any{c.result(a, output)}, nil
		}
		var limit *flows.Error
		if ctx.Err() != nil || errors.As(err, &limit) {
			return nil, err
		}
		if repaired {
			return nil, failed(codeOutput, "the answer does not fit the schema: %s", failure.ShortLine(err.Error()))
		}
		repaired = true
		c.request.messages = append(c.request.messages, said, repair(a, err))
	}
}

// result is the item that the step puts out.
func (c *conversation) result(a *answer, output any) map[string]any {
	return map[string]any{"text": a.text, "output": output, "usage": c.used.value(c.api), "turns": c.turns, "stop": "end"}
}

// turn asks the model once, or returns what an earlier attempt got. assumed is what the person who resumed the run says that the step
// put out; nil: nobody did.
func (c *conversation) turn(ctx context.Context, in *flows.Input) (a *answer, assumed []any, err error) {
	path, header, body := c.shape.request(&c.request)
	charger := in.Charger(ctx).Part()
	defer charger.Drop()
	encoded, err := flows.EncodeJSONOn(charger, body)
	if err != nil {
		return nil, nil, failure.Limit(err)
	}
	asked, counted := false, false
	reserved := c.step.estimate(len(encoded))
	post := httpstep.Post{Connection: c.step.connection, URL: c.api.Base + path, Header: header, Body: encoded, MaxResponse: maxResponse}
	v, err := in.Part(ctx, c.turns, func(ctx context.Context, in *flows.Input) (any, error) {
		if in.Begun() && !counted { // an earlier attempt may have been charged for
			c.shared.add(reserved)
		}
		asked, counted = true, true
		return c.ask(ctx, in, post, reserved)
	})
	if err != nil {
		return nil, nil, err
	}
	if a = turnOf(v); a == nil && v == nil {
		return nil, nil, failed(codeAnswer, "the answer that was assumed is not known: say what the step put out")
	} else if a == nil {
		return nil, []any{v}, nil
	}
	if used := (use{a.input, a.tokens}); !asked {
		c.shared.add(used)
		c.used.add(used)
	}
	return a, nil, nil
}

// maxResponse is the maximum size in bytes of a response.
const maxResponse = 4 << 20

// ask sends one request and returns the answer as a value for the journal.
func (c *conversation) ask(ctx context.Context, in *flows.Input, post httpstep.Post, reserved use) (any, error) {
	if c.shape != shape(neutral{}) {
		if err := c.shared.reserve(reserved, c.step.limits, c.api); err != nil {
			return nil, err
		}
	}
	body, err := post.Send(ctx, in)
	if err != nil {
		if !lost(err) {
			c.shared.settle(reserved, use{})
		}
		return nil, err
	}
	a, err := c.shape.answer(body)
	if err != nil {
		return nil, failed(codeAnswer, "the model's response cannot be used: %v", err)
	}
	if a.tokens == 0 { // a server that does not count
		a.input, a.tokens = reserved.input, len(a.text)/bytesPerToken+1
	}
	used := use{a.input, a.tokens}
	c.shared.settle(reserved, used)
	c.used.add(used)
	if err := c.step.unfinished(a); err != nil {
		in.Log("warn", err.Error(), map[string]any{"answer": failure.ShortLine(a.text)})
		return nil, err
	}
	return a.value(), nil
}
