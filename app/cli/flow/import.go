package flow

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/n8n"
	"github.com/penstock/penstock/internal/phrase"
)

// NewImport returns penstock import.
func NewImport(kinds *flows.Catalogue) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Make flows of what other products export",
	}
	cmd.AddCommand(newImportN8N(kinds))
	return cmd
}

func newImportN8N(kinds *flows.Catalogue) *cobra.Command {
	var c n8n.Config
	var out string
	var file newFile
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "n8n FILE",
		Short: "Make a flow of a workflow of n8n",
		Long: "Make a flow of a workflow that n8n has exported (- is standard input), and list the connections, secrets and\n" +
			"variables that it needs, and what was not taken over. The list goes to standard error. What has no equivalent fails\n" +
			"when a run reaches it, and has a comment with TODO in the flow.",
		Example: "  penstock import n8n workflow.json > orders.yaml\n" +
			"  penstock import n8n workflow.json -o orders.yaml --flow 12 --slug orders\n" +
			"  penstock import n8n workflow.json --trigger 'Every night' -o nightly.yaml",
		Args: command.ExactArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			text, err := command.ReadFile(cmd.InOrStdin(), files[0])
			if err != nil {
				return fmt.Errorf("read workflow: %w", err)
			}
			r, err := n8n.Import([]byte(text), c)
			if err != nil {
				return fmt.Errorf("import %s: %w", files[0], err)
			}
			if out != "-" {
				if err := file.write(out, r.Flow); err != nil {
					return err
				}
			}
			if asJSON {
				err = command.PrintValue(cmd.OutOrStdout(), newN8nReport(r, out == "-"))
			} else {
				printImport(cmd.ErrOrStderr(), r)
				if out == "-" {
					_, err = cmd.OutOrStdout().Write(r.Flow)
				}
			}
			return errors.Join(err, checkImported(kinds, out, r.Flow))
		},
	}
	f := cmd.Flags()
	f.StringVarP(&out, "out", "o", "-", "`file` for the flow, - for standard output")
	file.addFlag(cmd)
	f.Int64Var(&c.Flow, "flow", 100, "the flow's `number`")
	f.StringVar(&c.Slug, "slug", "", "the flow's `slug`; default: made of the name of the workflow")
	f.StringVar(&c.Trigger, "trigger", "", "`name` of the node that starts the flow, of a workflow with several triggers")
	f.BoolVar(&asJSON, "json", false, "print the list as JSON, with the flow unless it is written to a file")
	return cmd
}

// checkImported returns the mistakes of the flow, which has none unless the importer has a bug.
func checkImported(kinds *flows.Catalogue, file string, flow []byte) error {
	if _, err := flows.Parse(file, flow, kinds); err != nil {
		return fmt.Errorf("the flow has mistakes: correct them, and please report the workflow: %w", err)
	}
	return nil
}

// n8nReport is the list of an import as JSON.
type n8nReport struct {
	Nodes       int              `json:"nodes"`
	Connections []n8n.Connection `json:"connections"`
	Secrets     []string         `json:"secrets"`
	Vars        []string         `json:"vars"`
	Notes       []n8n.Note       `json:"notes"`
	Flow        string           `json:"flow,omitempty"`
}

func newN8nReport(r *n8n.Result, withFlow bool) n8nReport {
	report := n8nReport{
		Nodes: r.Nodes, Connections: append([]n8n.Connection{}, r.Connections...), Secrets: append([]string{}, r.Secrets...),
		Vars: append([]string{}, r.Vars...), Notes: append([]n8n.Note{}, r.Notes...),
	}
	if withFlow {
		report.Flow = string(r.Flow)
	}
	return report
}

// printImport prints what is left to do, and how.
func printImport(w io.Writer, r *n8n.Result) {
	todo, look := 0, 0
	for _, n := range r.Notes {
		if n.ToDo() {
			todo++
		} else {
			look++
		}
	}
	fmt.Fprintf(w, "%s taken over, %s to do, %s to look at\n", phrase.Count(r.Nodes, "node"), phrase.Count(todo, "thing"), phrase.Count(look, "thing"))
	for _, k := range r.Connections {
		kind := k.Type
		if kind == "" {
			kind = "of the type that its API needs"
		}
		fmt.Fprintf(w, "connection %s (%s)", k.Name, kind)
		if len(k.Hosts) > 0 {
			fmt.Fprintf(w, " for %s", strings.Join(k.Hosts, ", "))
		}
		fmt.Fprintf(w, ": penstock connection put %s --file FILE\n", k.Name)
	}
	for _, name := range r.Secrets {
		fmt.Fprintf(w, "secret %s: penstock secret put %[1]s --file FILE\n", name)
	}
	for _, name := range r.Vars {
		fmt.Fprintf(w, "variable %s: penstock var put %[1]s VALUE\n", name)
	}
	for _, n := range r.Notes {
		fmt.Fprintln(w, n)
	}
}
