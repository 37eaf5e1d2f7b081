package build

import (
	"context"
	"errors"
	"regexp"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
)

// Bounds of the evaluation of one expression.
const (
	maxPreview = time.Second
	maxProgram = 16 << 10 // bytes of the expression
	maxResults = 3        // of a program, that are shown
	maxShown   = 2 << 10  // bytes of each of them
)

// sampleVar is the variable of the flow that evaluates an expression, which holds the data.
const sampleVar = "penstock_sample"

var stepName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)

// question is an expression with the data that it reads.
type question struct {
	Text     string            // a program, or a template with ${ }
	Template bool              //
	Item     any               `json:"item"`
	Event    any               `json:"event"`
	Steps    map[string]any    `json:"steps"` // results by the names of steps
	Vars     map[string]any    `json:"vars"`
	Params   map[string]string `json:"params"`
	Headers  map[string]string `json:"headers"`
}

// answer is the value of an expression.
type answer struct {
	Values []string `json:"values"` // JSON, shortened
	More   bool     `json:"more,omitempty"`
	Error  string   `json:"error,omitempty"`
}

// sendPreview responds with the value of an expression on the data of the form. It evaluates with the limits of a run, and has no
// effects: the flow that it makes has steps that compute only, and no connection, secret or network.
func (b *Builder) sendPreview(req *Request) error {
	q := question{Text: req.HTTP.PostFormValue("text"), Template: req.HTTP.PostFormValue("template") == "yes"}
	data, err := flows.DecodeJSON([]byte(req.HTTP.PostFormValue("data")))
	if err != nil || len(q.Text) > maxProgram {
		req.Send("application/json", flows.EncodeJSON(answer{Values: []string{}, Error: "the expression or its data cannot be read"}))
		return nil
	}
	q.read(data)
	req.Send("application/json", flows.EncodeJSON(b.evaluate(req.HTTP.Context(), &q)))
	return nil
}

// read sets the data of the question.
func (q *question) read(data any) {
	object, _ := data.(map[string]any)
	q.Item, q.Event = object["item"], object["event"]
	q.Steps, _ = object["steps"].(map[string]any)
	q.Vars, _ = object["vars"].(map[string]any)
	q.Params, q.Headers = texts(object["params"]), texts(object["headers"])
}

func texts(v any) map[string]string {
	object, _ := v.(map[string]any)
	all := make(map[string]string, len(object))
	for name, value := range object {
		all[name], _ = value.(string)
	}
	return all
}

// flow returns the flow that evaluates the expression: steps that put out the data, and one with the expression.
func (q *question) flow() map[string]any {
	vars := map[string]any{sampleVar: map[string]any{}}
	for name, value := range q.Vars {
		if value != nil && name != sampleVar {
			vars[name] = value
		}
	}
	var params []any
	for name := range q.Params {
		params = append(params, name)
	}
	steps := []any{}
	for name := range q.Steps {
		if stepName.MatchString(name) && len(steps) < maxSteps {
			steps = append(steps, map[string]any{"name": name, "transform": "$vars." + sampleVar + ".steps." + name})
		}
	}
	steps = append(steps, map[string]any{"transform": "$vars." + sampleVar + ".item"})
	if q.Template {
		steps = append(steps, map[string]any{"set": map[string]any{"value": q.Text}})
	} else {
		steps = append(steps, map[string]any{"transform": q.Text})
	}
	return map[string]any{
		"flow": 1, "trigger": map[string]any{"webhook": map[string]any{"params": params}}, "vars": vars, "steps": steps,
		"run": map[string]any{"limit": "2s", "expression_time": "250ms"},
	}
}

func (b *Builder) evaluate(ctx context.Context, q *question) answer {
	failed := func(err error) answer { return answer{Values: []string{}, Error: reason(err)} }
	flow, err := flows.Parse("preview", flows.EncodeJSON(q.flow()), b.config.Catalogue)
	if err != nil {
		return failed(err)
	}
	ctx, cancel := context.WithTimeout(ctx, maxPreview)
	defer cancel()
	run := flows.Run{ID: "preview", Attempt: 1, Event: q.Event, Params: q.Params, Headers: q.Headers}
	output, err := flow.Execute(ctx, run, flows.Env{
		Vars: map[string]any{sampleVar: map[string]any{"item": q.Item, "steps": q.Steps}}, MaxMemory: 8 << 20,
	})
	if err != nil {
		return failed(err)
	}
	a := answer{Values: []string{}, More: len(output) > maxResults}
	for _, v := range output[:min(len(output), maxResults)] {
		if q.Template {
			object, _ := v.(map[string]any)
			v = object["value"]
		}
		text := string(flows.EncodeJSON(v))
		if len(text) > maxShown {
			text = text[:maxShown] + "…"
		}
		a.Values = append(a.Values, text)
	}
	return a
}

// reason returns what is wrong with an expression, without the place in the flow that was made for it.
func reason(err error) string {
	var problems problem.List
	var failure *flows.Error
	switch {
	case errors.As(err, &problems) && len(problems) > 0:
		if hint := problems[0].Hint; hint != "" {
			return problems[0].Message + " (" + hint + ")"
		}
		return problems[0].Message
	case errors.Is(err, context.DeadlineExceeded):
		return "takes longer than a second"
	case errors.As(err, &failure):
		return failure.Message
	}
	return err.Error()
}
