package jq

import (
	"slices"
	"strings"

	"github.com/penstock/penstock/flows/internal/mistake"
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

// call checks a function call, or a variable that suffixes has not resolved.
func (p *compilation) call(t *gojq.Term) {
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
		p.problem(mistake.ForbiddenFunction, p.find(f.Name), why, "%s cannot be used in a flow", f.Name)
		return
	}
	if strings.HasPrefix(f.Name, "$") {
		p.checkReserved(f.Name)
		return
	}
	if strings.HasPrefix(f.Name, "_") {
		p.problem(mistake.UnknownFunction, p.find(f.Name), "", "unknown function %s/%d", f.Name, len(f.Args))
	}
}

// predefined reports whether a name is one of the scope.
func (p *compilation) predefined(name string) bool { return slices.Contains(p.scope.Names(), name) }

// resolve resolves a reference to a variable of the scope and records that the program reads it.
func (p *compilation) resolve(name, member string) string {
	at := p.find(name)
	if i := p.find(name + "." + member); member != "" && i > 0 {
		at = i
	}
	value := p.scope.Resolve(Reference{Name: name, Member: member, Offset: at, Report: func(code mistake.Code, hint, format string, args ...any) {
		p.problem(code, at, hint, format, args...)
	}})
	if value != "" && !slices.Contains(p.vars, value) {
		p.vars = append(p.vars, value)
	}
	return value
}

// checkReserved reports a variable with a reserved name that no reference was resolved to. Other variables are left
// to the jq compiler, which knows the program's bindings.
func (p *compilation) checkReserved(name string) {
	resolved := !strings.Contains(p.source, name) && slices.Contains(p.vars, name)
	if strings.HasPrefix(name, "$__") && name != "$__loc__" && !resolved {
		p.problem(mistake.UnknownVariable, p.find(name), "", "unknown variable %s", name)
	}
}

// functionNames are the functions that flows may call.
func functionNames() []string {
	names := libraryNames()
	for _, name := range builtins() {
		name, _, _ := strings.Cut(name, "/")
		if _, refused := refusedFunctions[name]; !refused && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// builtins are the functions of jq, as name/arity.
func builtins() []string {
	query, err := gojq.Parse("builtins")
	if err != nil {
		return nil
	}
	all, _ := query.Run(nil).Next()
	list, _ := all.([]any)
	names := make([]string, len(list))
	for i, v := range list {
		names[i], _ = v.(string)
	}
	return names
}
