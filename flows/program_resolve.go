package flows

import (
	"maps"
	"slices"
	"strings"

	"github.com/penstock/penstock/third_party/gojq"
)

// refusedFunctions are the jq functions that flows cannot use, with the reason.
var refusedFunctions = map[string]string{
	"env": "the environment cannot be read", "$ENV": "the environment cannot be read",
	"input": "there is no further input: the item is .", "inputs": "there is no further input: the item is .",
	"debug": "use a log step", "stderr": "use a log step",
	"halt": "use a fail step", "halt_error": "use a fail step or error",
	"modulemeta": "modules cannot be loaded", "get_search_list": "modules cannot be loaded",
	"input_filename": "there is no input file", "input_line_number": "there is no input file",
}

// call resolves a variable or checks a function call.
func (p *program) call(t *gojq.Term) {
	if t.Type != gojq.TermTypeFunc {
		return
	}
	f := t.Func
	for _, a := range f.Args {
		p.query(a)
	}
	if slices.Contains(p.defs, signature(f.Name, len(f.Args))) {
		return
	}
	if slices.Contains(regexFunctions, f.Name) || f.Name == "split" && len(f.Args) == 2 {
		p.checkPattern(f)
	}
	if why, refused := refusedFunctions[f.Name]; refused {
		p.problem(p.find(f.Name), why, "%s cannot be used in a flow", f.Name)
		return
	}
	if strings.HasPrefix(f.Name, "$") {
		p.variable(f.Name)
		return
	}
	if strings.HasPrefix(f.Name, "_") {
		p.problem(p.find(f.Name), "", "unknown function %s/%d", f.Name, len(f.Args))
	}
}

// variable records a predefined variable that the program reads. Others are left to the jq compiler, which knows the
// program's bindings.
func (p *program) variable(name string) {
	if kind, ours := variables[name]; ours {
		p.read(variable{name: name, kind: kind})
		return
	}
	if strings.HasPrefix(name, "$__") && name != "$__loc__" && !p.resolved(name) {
		p.problem(p.find(name), "", "unknown variable %s", name)
	}
}

// resolved reports whether stepVariable created the variable.
func (p *program) resolved(name string) bool {
	return !strings.Contains(p.source, name) && slices.ContainsFunc(p.vars, func(v variable) bool { return v.name == name })
}

func (p *program) read(v variable) {
	p.flow.reads[v.kind] = true
	if !slices.Contains(p.vars, v) {
		p.vars = append(p.vars, v)
	}
}

// stepVariable replaces $steps.NAME by a variable for that step.
func (p *program) stepVariable(t *gojq.Term, name string) {
	if name == "" {
		p.problem(p.find("$steps"), "write $steps.NAME", "$steps is no value: name the step")
		return
	}
	at := max(p.find("$steps."+name), p.find("$steps"))
	slot, visible := p.scope.steps[name]
	if !visible {
		p.unknownStep(at, name)
		return
	}
	p.slots[slot].recorded = true
	v := variable{name: "$__step_" + name, kind: ofStep, slot: slot}
	p.read(v)
	t.Func.Name = v.name
}

func (p *program) unknownStep(at int, name string) {
	if by, gone := p.scope.ambiguous[name]; gone {
		p.problem(at, "carry what you need in the item itself",
			"$steps.%s is ambiguous here: %s made one list of all items, which have different ancestors", name, by)
		return
	}
	if _, later := p.names[name]; later {
		p.problem(at, "only earlier steps have a value", "$steps.%s does not exist yet at this step", name)
		return
	}
	known := slices.Sorted(maps.Keys(p.scope.steps))
	p.problem(at, didYouMean(name, known), "no step is named %q", name)
}

// member checks a member of $vars, $params, $headers or $run.
func (p *program) member(variable, name string) {
	if name == "" {
		return
	}
	at := p.find(variable)
	if i := p.find(variable + "." + name); i > 0 {
		at = i
	}
	switch variable {
	case "$vars":
		if !slices.Contains(p.flow.varNames, name) {
			p.problem(at, didYouMean(name, p.flow.varNames), "vars has no %q", name)
		}
	case "$run":
		if !slices.Contains(runFields, name) {
			p.problem(at, didYouMean(name, runFields), "$run has no %q", name)
		}
	case "$params":
		p.param(at, name)
	case "$headers":
		p.header(at, name)
	}
}

func (p *program) param(at int, name string) {
	w := p.flow.Webhook
	if w == nil {
		p.problem(at, "", "$params belongs to a webhook trigger, this flow has none")
		return
	}
	if !slices.Contains(w.Params, name) {
		hint := didYouMean(name, w.Params)
		if hint == "" {
			hint = "add it: trigger: {webhook: {params: [" + name + "]}}"
		}
		p.problem(at, hint, "the query parameter %q is not declared in trigger.webhook.params", name)
	}
}

// header declares the header that an expression names. Headers with credentials are rejected: no run receives them.
func (p *program) header(at int, name string) {
	lower := strings.ToLower(name)
	switch {
	case p.flow.Webhook == nil:
		p.problem(at, "", "$headers belongs to a webhook trigger, this flow has none")
	case lower != name:
		p.problem(at, "write "+lower, "header names are lower-case here")
	case slices.Contains(secretHeaders, lower):
		p.problem(at, "", "the header %s carries a credential: no expression can read it", lower)
	case !slices.Contains(p.flow.Webhook.Headers, lower):
		p.flow.Webhook.Headers = append(p.flow.Webhook.Headers, lower)
	}
}

// secretHeaders never reach a run.
var secretHeaders = []string{"authorization", "cookie", "proxy-authorization", "penstock-signature"}
