package flow

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/flows/reference"
)

// NewConnector returns penstock connector.
func NewConnector(kinds *flows.Catalogue) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "connector",
		Short: "Work on connectors: files with the operations of an API, which flows use",
	}
	cmd.AddCommand(newConnectorList(kinds), newConnectorShow(kinds), newConnectorCheck(kinds), newConnectorTest(kinds), newConnectorImport(kinds), newConnectorDrift())
	return cmd
}

// connectorRow is one line of `connector list`.
type connectorRow struct {
	Name       string `json:"name"`
	Title      string `json:"title"`
	Operations int    `json:"operations"`
	File       string `json:"file"`
	Problem    string `json:"problem,omitempty"` // it cannot be used
}

func newConnectorList(kinds *flows.Catalogue) *cobra.Command {
	var dir string
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the connectors that ship, and those in connectors/",
		Long:    "List the connectors that ship with the program, and those in connectors/ of the directory of flows.\nA file there hides the one of the same name that ships.",
		Example: "  penstock connector list\n  penstock connector list --flows flows/",
		Args:    command.UsageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			rows, err := connectorRows(withConnectors(kinds, dir, ""))
			if err != nil {
				return err
			}
			if asJSON {
				return command.PrintValue(cmd.OutOrStdout(), rows)
			}
			return printConnectors(cmd.OutOrStdout(), rows)
		},
	}
	cmd.Flags().StringVar(&dir, "flows", ".", "`directory` of the flows")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func connectorRows(kinds *flows.Catalogue) ([]connectorRow, error) {
	rows := []connectorRow{}
	if kinds.Connectors() == nil {
		return rows, nil
	}
	names, err := kinds.Connectors().Names()
	if err != nil {
		return nil, fmt.Errorf("list connectors: %w", err)
	}
	for _, name := range names {
		row := connectorRow{Name: name}
		c, err := findConnector(kinds, name)
		if err != nil {
			row.Problem, _, _ = strings.Cut(err.Error(), "\n")
		} else {
			row.Title, row.Operations, row.File = c.Title, len(c.Operations), c.File
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func printConnectors(w io.Writer, rows []connectorRow) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tAPI\tOPERATIONS\tFILE")
	for _, r := range rows {
		if r.Problem != "" {
			fmt.Fprintf(table, "%s\t%s\n", r.Name, r.Problem)
			continue
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\n", r.Name, r.Title, r.Operations, r.File)
	}
	return table.Flush()
}

// errNoConnector reports a name that no connector has.
var errNoConnector = errors.New("there is no such connector: `penstock connector list` lists them")

func findConnector(kinds *flows.Catalogue, name string) (*flows.Connector, error) {
	if kinds.Connectors() == nil {
		return nil, errNoConnector
	}
	file, source, err := kinds.Connectors().Connector(name)
	if err != nil {
		return nil, err
	}
	if source == nil {
		return nil, fmt.Errorf("%s: %w", name, errNoConnector)
	}
	return flows.ParseConnector(file, source, kinds)
}

// connectorPage returns the reference of a connector, or of one operation for CONNECTOR.OPERATION. found is false when there is no such connector.
func connectorPage(kinds *flows.Catalogue, name string) (page reference.Page, found bool, err error) {
	connector, operation, one := strings.Cut(name, ".")
	c, err := findConnector(withConnectors(kinds, ".", ""), connector)
	switch {
	case errors.Is(err, errNoConnector):
		return reference.Page{}, false, nil
	case err != nil:
		return reference.Page{}, false, err
	case !one:
		return reference.Page{Name: name, Markdown: reference.Connector(c)}, true, nil
	}
	o, found := c.Operation(operation)
	if !found {
		return reference.Page{}, false, fmt.Errorf("the connector %s has no operation %q", connector, operation)
	}
	return reference.Page{Name: name, Markdown: reference.Operation(c, o)}, true, nil
}

func newConnectorShow(kinds *flows.Catalogue) *cobra.Command {
	return &cobra.Command{
		Use:     "show NAME",
		Aliases: []string{"docs"},
		Short:   "Print the operations of a connector, and their parameters, as Markdown",
		Long:    "Print the reference of a connector, NAME, or of one operation, NAME.OPERATION, as Markdown.\nConnectors are those in connectors/, and those that ship.",
		Example: "  penstock connector show slack\n  penstock connector show slack.chat_post_message",
		Args:    command.UsageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, names []string) error {
			page, found, err := connectorPage(kinds, names[0])
			if err == nil && !found {
				err = fmt.Errorf("%s: %w", names[0], errNoConnector)
			}
			if err != nil {
				return err
			}
			_, err = io.WriteString(cmd.OutOrStdout(), page.Markdown)
			return err
		},
	}
}

func newConnectorCheck(kinds *flows.Catalogue) *cobra.Command {
	cmd := newValidate(kinds)
	cmd.Use, cmd.Short, cmd.Example = "check PATHS…", "Report every mistake in connectors", "  penstock connector check connectors/zoom.yaml"
	cmd.Long = "Check connectors, and flow files, and report every mistake with its place, as `penstock flow validate`\ndoes. - is standard input."
	return cmd
}

func newConnectorTest(kinds *flows.Catalogue) *cobra.Command {
	cmd := newTest(kinds)
	cmd.Use, cmd.Short, cmd.Example = "test PATHS…", "Run the tests of connectors without network access", "  penstock connector test connectors/"
	cmd.Long = "Run the tests of connectors, and of flow files, as `penstock flow test` does: the requests of\noperations are compared, and answered as the tests say. - is standard input."
	return cmd
}

// connectorProblems returns the mistakes and warnings of a connector.
func connectorProblems(kinds *flows.Catalogue, file flowSource) (problem.List, error) {
	c, err := flows.ParseConnector(file.name, file.text, kinds)
	if problems := (problem.List)(nil); errors.As(err, &problems) {
		return problems, nil
	}
	if err != nil {
		return nil, err
	}
	return c.Warnings(), nil
}
