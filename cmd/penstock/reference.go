package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"penstock/flows"
	"penstock/flows/steps"
)

func newFlowKinds() *cobra.Command {
	return &cobra.Command{
		Use:   "kinds [KIND…]",
		Short: "Print the reference of step kinds, as Markdown",
		RunE: func(cmd *cobra.Command, names []string) error {
			catalogue := steps.Catalogue()
			kinds := catalogue.Kinds()
			if len(names) > 0 {
				kinds = nil
			}
			for _, name := range names {
				kind, ok := catalogue.Kind(name)
				if !ok {
					return fmt.Errorf("there is no step kind %q", name)
				}
				kinds = append(kinds, kind)
			}
			for _, kind := range kinds {
				describe(cmd.OutOrStdout(), kind)
			}
			return nil
		},
	}
}

// describe writes the section of one kind.
func describe(w io.Writer, k flows.Kind) {
	fmt.Fprintf(w, "## %s\n\n%s\n\n", k.Name, k.Summary)
	if k.Doc != "" {
		fmt.Fprintf(w, "%s\n\n", strings.TrimSpace(k.Doc))
	}
	if len(k.Params) > 0 {
		fmt.Fprint(w, "| parameter | holds | |\n|---|---|---|\n")
		describeParams(w, "", k.Params)
		fmt.Fprintln(w)
	}
	if k.Example != "" {
		fmt.Fprintf(w, "```yaml\n%s\n```\n\n", strings.TrimSpace(k.Example))
	}
}

func describeParams(w io.Writer, prefix string, params []flows.Param) {
	for _, p := range params {
		fmt.Fprintf(w, "| `%s%s` | %s | %s |\n", prefix, p.Name, holds(p), about(p))
		describeParams(w, prefix+p.Name+".", p.Fields)
	}
}

// about is what a reader must know of a parameter, in one cell of a table.
func about(p flows.Param) string {
	s := p.Summary
	if p.Required {
		s += " Required."
	}
	if p.Default != "" {
		s += " Default: " + p.Default + "."
	}
	if p.Inline {
		s += " May stand for the whole: `kind: value`."
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, "\n", " "), "|", `\|`)
}

// holds is a type as a reader thinks of it.
func holds(p flows.Param) string {
	switch p.Type {
	case flows.TypeString:
		return "text"
	case flows.TypeInt:
		return "whole number"
	case flows.TypeBool:
		return "true or false"
	case flows.TypeDuration:
		return "duration"
	case flows.TypeEnum:
		return "`" + strings.Join(p.Enum, "`, `") + "`"
	case flows.TypeExpr:
		return "jq program"
	case flows.TypeTemplate:
		return "value with `${ }`"
	case flows.TypeFields:
		return "fields with `${ }`"
	case flows.TypeStrings:
		return "list of texts"
	case flows.TypeObject:
		return "mapping"
	case flows.TypeList:
		return "list of mappings"
	case flows.TypeSteps:
		return "steps"
	case flows.TypeStatuses:
		return "statuses: `200`, `2xx`"
	}
	return "any value"
}
