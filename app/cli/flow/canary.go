package flow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/client"
)

// canaryFlags are the flags of `flow deploy` that make the files canaries.
type canaryFlags struct {
	share      string
	rollbackAt string
	in         client.CanaryInput
}

func (f *canaryFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.share, "canary", "", "make the files canaries for this `share` of the calls, 1% to 99%; the current versions stay")
	flags.StringSliceVar(&f.in.Principals, "canary-principals", nil, "make the files canaries for all calls of these `principals`, such as user:ann,key:k1")
	flags.StringVar(&f.rollbackAt, "rollback-at", "", "stop the canary when this `share` of its runs has failed, of at least 50")
	flags.DurationVar(&f.in.PromoteAfter, "promote-after", 0, "make the canary the current version after this time, if it had at least 50 runs")
}

// wanted reports whether the files become canaries.
func (f *canaryFlags) wanted() bool { return f.share != "" || len(f.in.Principals) > 0 }

func (f *canaryFlags) check() (err error) {
	if !f.wanted() && (f.rollbackAt != "" || f.in.PromoteAfter != 0) {
		return command.Invalid(errors.New("--rollback-at and --promote-after go with --canary or --canary-principals"))
	}
	if f.in.PromoteAfter < 0 {
		return command.Invalid(errors.New("--promote-after is negative"))
	}
	if f.in.Percent, err = parsePercent("canary", f.share, 99); err == nil {
		f.in.RollbackAt, err = parsePercent("rollback-at", f.rollbackAt, 100)
	}
	return err
}

// parsePercent returns the number of a flag such as 10%; 0 for an empty one.
func parsePercent(flag, text string, most int) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(strings.TrimSuffix(text, "%"))
	if err != nil || n < 1 || n > most {
		return 0, command.Invalid(fmt.Errorf("--%s: expected 1%% to %d%%, found %q", flag, most, text))
	}
	return n, nil
}

func newCanary(e command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "canary",
		Short: "Show, promote or stop the canary of a flow",
		Long: "Show, promote or stop the canary of a flow: a second version that executes a share of the\n" +
			"calls. `penstock flow deploy FILE --canary 10%` starts one.",
	}
	cmd.AddCommand(newCanaryShow(e),
		newCanaryEnd(e, "promote", "Make the canary of a flow its current version", (*client.Client).PromoteCanary),
		newCanaryEnd(e, "stop", "End the canary of a flow: the current version executes all calls again", (*client.Client).StopCanary))
	return cmd
}

func newCanaryShow(e command.Env) *cobra.Command {
	var url string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show FLOW",
		Short: "Show the canary of a flow beside the current version",
		Long: "Show the canary of a flow, and how its runs and those of the current version ended since it\n" +
			"began: at most the newest 2,000. FLOW is its number or slug.\n\n" + command.RemoteHelp,
		Example: "  penstock flow canary show greet",
		Args:    command.UsageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, refs []string) error {
			server, err := e.Remote(url, nil)
			if err != nil {
				return err
			}
			canary, err := server.Canary(cmd.Context(), refs[0])
			if err != nil {
				return err
			}
			if asJSON {
				return command.PrintValue(cmd.OutOrStdout(), canary)
			}
			return printCanary(cmd.OutOrStdout(), canary)
		},
	}
	command.AddURL(cmd, &url)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func printCanary(w io.Writer, c *client.Canary) error {
	fmt.Fprintf(w, "flow %d: version %s executes %s since %s, by %s\n",
		c.Flow, short(c.Version), callsOf(c.Percent, c.Principals), c.StartedAt.Local().Format(time.DateTime), command.Printable(c.By))
	if c.RollbackAt > 0 {
		fmt.Fprintf(w, "It is stopped when %d%% of its runs have failed.\n", c.RollbackAt)
	}
	if c.PromoteAfter != "" {
		fmt.Fprintf(w, "It is promoted after %s.\n", c.PromoteAfter)
	}
	fmt.Fprintf(w, "Runs accepted since %s:\n", c.RunsSince.Local().Format(time.DateTime))
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "VERSION\tRUNS\tFAILED\tFAILED %\tP50\tP95\t")
	for _, v := range c.Versions {
		mark := "current"
		if v.Canary {
			mark = "canary"
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%.1f\t%dms\t%dms\t%s\n", short(v.Version), v.Runs, v.Failed, v.FailedPercent, v.P50, v.P95, mark)
	}
	return table.Flush()
}

// callsOf says which calls a canary executes.
func callsOf(percent int, principals []string) string {
	var calls []string
	if percent > 0 {
		calls = append(calls, fmt.Sprintf("%d%% of the calls", percent))
	}
	if len(principals) > 0 {
		calls = append(calls, "all calls of "+command.Printable(strings.Join(principals, ", ")))
	}
	return strings.Join(calls, " and ")
}

// newCanaryEnd returns `flow canary promote` or `flow canary stop`.
func newCanaryEnd(e command.Env, verb, does string, end func(*client.Client, context.Context, string) (*client.Flow, error)) *cobra.Command {
	var url string
	var asJSON bool
	cmd := &cobra.Command{
		Use:     verb + " FLOW",
		Short:   does,
		Long:    does + ".\nRuns that were accepted before keep their version. FLOW is its number or slug.\n\n" + command.RemoteHelp,
		Example: "  penstock flow canary " + verb + " greet",
		Args:    command.UsageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, refs []string) error {
			server, err := e.Remote(url, nil)
			if err != nil {
				return err
			}
			flow, err := end(server, cmd.Context(), refs[0])
			if err != nil {
				return err
			}
			if asJSON {
				return command.PrintValue(cmd.OutOrStdout(), flow)
			}
			if flow.Proposal != nil {
				return printProposed(cmd.OutOrStdout(), flow.Proposal)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "flow %d is version %s, without a canary\n", flow.Number, short(flow.Version))
			return err
		},
	}
	command.AddURL(cmd, &url)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
