// Package reference generates the reference of flow files and their JSON Schema from a catalogue of step kinds.
package reference

import (
	"fmt"
	"slices"
	"strings"

	"github.com/penstock/penstock/flows"
)

// Page is one page of the reference, as Markdown.
type Page struct {
	Name     string // of the kind; "flow" and "step" for the common fields; "functions"
	Markdown string
}

// Pages returns the reference: the fields of a flow file, the common attributes of steps, the functions of expressions,
// and each kind of the catalogue.
func Pages(catalogue *flows.Catalogue) []Page {
	pages := []Page{
		{"flow", "# The fields of a flow file\n\n" + table(without(catalogue.FlowParams(), "on"), "")},
		{"step", "# What every step may have\n\nBeside its kind.\n\n" + table(flows.StepParams(), "")},
		{"functions", functionsPage()},
	}
	for _, k := range catalogue.Kinds() {
		pages = append(pages, Page{k.Name, kindPage(k)})
	}
	return pages
}

// without returns the parameters with the fields of the named one removed, because they are those of another
// parameter.
func without(params []flows.Param, name string) []flows.Param {
	params = slices.Clone(params)
	for i := range params {
		if params[i].Name == name {
			params[i].Fields = nil
		}
	}
	return params
}

func kindPage(k flows.Kind) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n\n", k.Name, k.Summary)
	if k.Doc != "" {
		fmt.Fprintf(&b, "%s\n\n", strings.TrimSpace(k.Doc))
	}
	if k.Example != "" {
		fmt.Fprintf(&b, "```yaml\n- %s\n```\n\n", strings.ReplaceAll(strings.TrimSpace(k.Example), "\n", "\n  "))
	}
	if len(k.Params) > 0 {
		b.WriteString(table(k.Params, "") + "\n")
	}
	fmt.Fprintf(&b, "Effect: %s.\n", effectWords[k.Effect])
	return b.String()
}

// effectWords describe an effect for the reference. Read only.
var effectWords = map[flows.Effect]string{
	flows.Pure:       "pure: computed again when a run resumes",
	flows.Read:       "read, it may be executed again when a run resumes",
	flows.Idempotent: "idempotent: may be executed again when a run resumes",
	flows.Once:       "once, unless its arguments make it idempotent or read",
	flows.Durable:    "durable: a run that resumes continues it",
}

// table lists parameters; fields of objects have the path to them.
func table(params []flows.Param, path string) string {
	var b strings.Builder
	if path == "" {
		b.WriteString("| parameter | holds | meaning |\n|---|---|---|\n")
	}
	for _, p := range params {
		meaning := p.Summary
		if p.Required {
			meaning += " Required."
		}
		if p.Default != "" {
			meaning += " Default: " + p.Default + "."
		}
		if p.Inline {
			meaning += " May stand by itself as the value."
		}
		fmt.Fprintf(&b, "| `%s%s` | %s | %s |\n", path, p.Name, holds(p), cell(meaning))
		switch p.Type {
		case flows.TypeList:
			b.WriteString(table(p.Fields, path+p.Name+"[]."))
		case flows.TypeMap:
			b.WriteString(table(p.Fields, path+p.Name+".NAME."))
		default:
			b.WriteString(table(p.Fields, path+p.Name+"."))
		}
	}
	return b.String()
}

// holds describes the values of a parameter.
func holds(p flows.Param) string {
	words := map[flows.Type]string{
		flows.TypeString: "text", flows.TypeInt: "whole number", flows.TypeBool: "true or false", flows.TypeDuration: "duration",
		flows.TypeExpr: "jq program", flows.TypeTemplate: "any value, `${ }` rendered", flows.TypeFields: "mapping, `${ }` rendered",
		flows.TypeStrings: "words", flows.TypeObject: "mapping", flows.TypeList: "list of mappings", flows.TypeSteps: "steps",
		flows.TypeLiteral: "any value", flows.TypeStatuses: "statuses", flows.TypeMap: "names, with mappings",
	}
	if p.Computed {
		p.Computed = false
		return holds(p) + ", or a `${ }` that gives all of it"
	}
	if p.Single {
		return "mapping, or list of mappings"
	}
	if p.Type == flows.TypeEnum {
		return "`" + strings.Join(p.Enum, "`, `") + "`"
	}
	return words[p.Type]
}
