package flow

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/reference"
)

func newSchema(kinds *flows.Catalogue) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of flow files, for editors",
		Long: "Print the JSON Schema of flow files. An editor with a YAML language server completes and\n" +
			"checks a file whose first line names it:\n\n" +
			"  # yaml-language-server: $schema=flow.schema.json\n\n" +
			"It knows the operations of the connectors that ship and of those in connectors/ of the directory of flows, and their\n" +
			"parameters. A connector with mistakes is left out, and its mistakes are printed on standard error.",
		Example: "  penstock flow schema > flow.schema.json\n  penstock flow schema --flows flows/ > flows/flow.schema.json",
		Args:    command.UsageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			schema, problems, err := reference.SchemaWithConnectors(withConnectors(kinds, dir, ""))
			if err != nil {
				return err
			}
			printProblems(cmd.ErrOrStderr(), problems)
			_, err = cmd.OutOrStdout().Write(schema)
			return err
		},
	}
	cmd.Flags().StringVar(&dir, "flows", ".", "`directory` of the flows")
	return cmd
}

func newDocs(kinds *flows.Catalogue) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:     "docs [PAGE…]",
		Aliases: []string{"kinds"},
		Short:   "Print the reference of flow files and step kinds as Markdown",
		Long: "Print the reference: the page of flow files (flow), of the members of every step (step), of the\n" +
			"functions of expressions (functions), of a step kind, or of a connector or one of its operations. Without names: the pages of all kinds.",
		Example: "  penstock flow docs http\n" +
			"  penstock flow docs slack\n" +
			"  penstock flow docs --dir reference",
		RunE: func(cmd *cobra.Command, names []string) error {
			all := reference.Pages(kinds)
			for _, name := range names {
				if page, found, err := connectorPage(kinds, name); err != nil {
					return err
				} else if found {
					all = append(all, page)
				}
			}
			pages, err := pagesOf(all, names, dir != "")
			if err != nil {
				return err
			}
			if dir != "" {
				return writePages(dir, pages)
			}
			return printPages(cmd.OutOrStdout(), pages)
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "write all pages as files into this `directory`")
	return cmd
}

// pagesOf returns the pages with these names. Without names it returns those of all kinds, or every page.
func pagesOf(all []reference.Page, names []string, everything bool) ([]reference.Page, error) {
	if len(names) == 0 {
		return slices.DeleteFunc(all, func(p reference.Page) bool {
			return !everything && slices.Contains([]string{"flow", "step", "functions"}, p.Name)
		}), nil
	}
	var pages []reference.Page
	for _, name := range names {
		i := slices.IndexFunc(all, func(p reference.Page) bool { return p.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no step kind or connector %q", name)
		}
		pages = append(pages, all[i])
	}
	return pages, nil
}

// printPages prints pages as sections of one document.
func printPages(w io.Writer, pages []reference.Page) error {
	for _, p := range pages {
		if _, err := fmt.Fprintf(w, "#%s\n", strings.TrimRight(p.Markdown, "\n")+"\n"); err != nil {
			return err
		}
	}
	return nil
}

func writePages(dir string, pages []reference.Page) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write reference: %w", err)
	}
	for _, p := range pages {
		if err := os.WriteFile(filepath.Join(dir, p.Name+".md"), []byte(p.Markdown), 0o644); err != nil {
			return fmt.Errorf("write reference: %w", err)
		}
	}
	return nil
}
