package flows

import (
	"fmt"
	"slices"
	"strings"
)

// Page is one page of the generated reference.
type Page struct {
	Name     string // of the kind; "flow" and "step" for the common fields; "functions"
	Markdown string
}

// Reference generates the reference: the fields of a flow file, the common attributes of steps, the functions of
// expressions, and each kind of the catalogue.
func Reference(catalogue *Catalogue) []Page {
	pages := []Page{
		{"flow", "# The fields of a flow file\n\n" + table(without(flowParams, "on"), "")},
		{"step", "# What every step may have\n\nBeside its kind.\n\n" + table(attributes, "")},
		{"functions", functionsPage()},
	}
	for _, k := range catalogue.kinds {
		pages = append(pages, Page{k.Name, kindPage(k)})
	}
	return pages
}

// without returns the parameters with the fields of the named one removed, because they are those of another
// parameter.
func without(params []Param, name string) []Param {
	params = slices.Clone(params)
	for i := range params {
		if params[i].Name == name {
			params[i].Fields = nil
		}
	}
	return params
}

func kindPage(k Kind) string {
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
var effectWords = map[Effect]string{
	Pure:       "pure: computed again when a run resumes",
	Read:       "read, it may be executed again when a run resumes",
	Idempotent: "idempotent: may be executed again when a run resumes",
	Once:       "once, unless its arguments make it idempotent or read",
	Durable:    "durable: a run that resumes continues it",
}

// table lists parameters; fields of objects have the path to them.
func table(params []Param, path string) string {
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
		case TypeList:
			b.WriteString(table(p.Fields, path+p.Name+"[]."))
		case TypeMap:
			b.WriteString(table(p.Fields, path+p.Name+".NAME."))
		default:
			b.WriteString(table(p.Fields, path+p.Name+"."))
		}
	}
	return b.String()
}

// holds describes the values of a parameter.
func holds(p Param) string {
	words := map[Type]string{
		TypeString: "text", TypeInt: "whole number", TypeBool: "true or false", TypeDuration: "duration",
		TypeExpr: "jq program", TypeTemplate: "any value, `${ }` rendered", TypeFields: "mapping, `${ }` rendered",
		TypeStrings: "words", TypeObject: "mapping", TypeList: "list of mappings", TypeSteps: "steps",
		TypeLiteral: "any value", TypeStatuses: "statuses", TypeMap: "names, with mappings",
	}
	if p.Computed {
		p.Computed = false
		return holds(p) + ", or a `${ }` that gives all of it"
	}
	if p.Single {
		return "mapping, or list of mappings"
	}
	if p.Type == TypeEnum {
		return "`" + strings.Join(p.Enum, "`, `") + "`"
	}
	return words[p.Type]
}
