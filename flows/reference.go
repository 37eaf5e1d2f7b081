package flows

import (
	"fmt"
	"slices"
	"strings"
)

// Page is one page of the reference.
type Page struct {
	Name     string // of the kind, or "flow" and "step" for what all have
	Markdown string
}

// Reference is the reference of the flow file, of what every step has, and of
// each kind of the catalogue.
func Reference(catalogue *Catalogue) []Page {
	pages := []Page{
		{"flow", "# The fields of a flow file\n\n" + table(without(flowParams, "on"), "")},
		{"step", "# What every step may have\n\nBeside its kind.\n\n" + table(attributes, "")},
	}
	for _, k := range catalogue.kinds {
		pages = append(pages, Page{k.Name, kindPage(k)})
	}
	return pages
}

// without leaves out the fields of a parameter, which are those of another one.
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

// effectWords say what a reader must know of an effect. Read only.
var effectWords = map[Effect]string{
	Pure:       "pure, it is computed again when a run resumes",
	Read:       "read, it may be executed again when a run resumes",
	Idempotent: "idempotent, it may be executed again when a run resumes",
	Once:       "once, unless its arguments say that it is less",
	Durable:    "durable, a run that resumes goes on with it",
}

// table lists parameters, those of objects with the path to them.
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
		fmt.Fprintf(&b, "| `%s%s` | %s | %s |\n", path, p.Name, holds(p), strings.ReplaceAll(meaning, "|", `\|`))
		if p.Type == TypeList {
			b.WriteString(table(p.Fields, path+p.Name+"[]."))
		} else {
			b.WriteString(table(p.Fields, path+p.Name+"."))
		}
	}
	return b.String()
}

// holds names what a parameter may hold.
func holds(p Param) string {
	words := map[Type]string{
		TypeString: "text", TypeInt: "whole number", TypeBool: "true or false", TypeDuration: "duration",
		TypeExpr: "jq program", TypeTemplate: "any value, `${ }` rendered", TypeFields: "mapping, `${ }` rendered",
		TypeStrings: "words", TypeObject: "mapping", TypeList: "list of mappings", TypeSteps: "steps",
		TypeLiteral: "any value", TypeStatuses: "statuses",
	}
	if p.Type == TypeEnum {
		return "`" + strings.Join(p.Enum, "`, `") + "`"
	}
	return words[p.Type]
}
