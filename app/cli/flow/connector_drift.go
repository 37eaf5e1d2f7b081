package flow

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/flows/importer"
)

func newConnectorDrift() *cobra.Command {
	var asJSON bool
	var base string
	cmd := &cobra.Command{
		Use:   "drift CONNECTOR SPEC",
		Short: "Compare a connector with a newer description of its API",
		Long: "Compare a connector with a newer description of its API, of any form that import reads: operations that are gone, params that\n" +
			"are new, gone, required or of another type, other URLs. The exit code is 1 when a call of the connector is affected.",
		Example: "  penstock connector drift connectors/crm.yaml openapi.yaml",
		Args:    command.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			connector, err := command.ReadFile(cmd.InOrStdin(), args[0])
			if err != nil {
				return fmt.Errorf("read connector: %w", err)
			}
			result, err := readSpecification(cmd.InOrStdin(), args[1], importer.Config{Base: base})
			if err != nil {
				return err
			}
			changes, err := importer.Drift([]byte(connector), result)
			if err != nil {
				return err
			}
			return printDrift(cmd, changes, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the differences as JSON")
	cmd.Flags().StringVar(&base, "base", "", "`URL` of the API in place of that of the document, as given to import")
	return cmd
}

var errDrift = errors.New("compare connector: calls of it are affected")

func printDrift(cmd *cobra.Command, changes []importer.Change, asJSON bool) error {
	affected := false
	for _, c := range changes {
		affected = affected || c.Affects
	}
	w := cmd.OutOrStdout()
	if asJSON {
		if changes == nil {
			changes = []importer.Change{}
		}
		if err := json.NewEncoder(w).Encode(changes); err != nil {
			return err
		}
	} else {
		for _, c := range changes {
			mark, name := " ", c.Operation
			if c.Affects {
				mark = "!"
			}
			if name == "" {
				name = "the connector"
			}
			fmt.Fprintf(w, "%s %s: %s\n", mark, name, c.What)
		}
		if len(changes) == 0 {
			fmt.Fprintln(w, "nothing differs")
		}
	}
	if affected {
		return errDrift
	}
	return nil
}
