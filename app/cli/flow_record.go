package cli

import (
	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app/cli/recording"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/mask"
)

func newFlowRecord(e env, kinds *flows.Catalogue) *cobra.Command {
	var url, name string
	var redact []string
	cmd := &cobra.Command{
		Use:   "record RUN",
		Short: "Make a test for a flow file from a past run",
		Long: "Print an entry for the tests of a flow file: the event of a run, the results of its external\n" +
			"steps as mocks, and its output. Values of fields whose names sound like secrets, and of those\n" +
			"named by --redact, are masked, also where the same text occurs elsewhere; check the rest before\n" +
			"you share it.\n\n" +
			"The flow must have `run: {record: items}` when it runs, otherwise its items are not recorded.\n\n" + remoteHelp,
		Example: "  penstock flow record 019aa7b6-… --redact email --redact phone",
		Args:    usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, runs []string) error {
			server, err := e.remote(url, nil)
			if err != nil {
				return err
			}
			r, err := recording.Read(cmd.Context(), server, kinds, runs[0])
			if err != nil {
				return err
			}
			if name == "" {
				name = "as in run " + runs[0]
			}
			return r.Print(cmd.Context(), cmd.OutOrStdout(), name, mask.New(redact...))
		},
	}
	addURL(cmd, &url)
	cmd.Flags().StringVar(&name, "name", "", "`name` of the test")
	cmd.Flags().StringSliceVar(&redact, "redact", nil, "also mask the values of fields, and the texts output by steps, of this `name`; may be repeated")
	return cmd
}
