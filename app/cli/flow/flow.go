// Package flow has the commands that work on flow files and connectors, and on the flows of a server.
package flow

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/app/cli/recording"
	"github.com/penstock/penstock/client"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/internal/mask"
)

// New returns penstock flow.
func New(e command.Env, kinds *flows.Catalogue) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "flow",
		Short: "Work on flows: in files without a server, and on a server",
	}
	cmd.AddGroup(&cobra.Group{ID: "files", Title: "Without a server:"}, &cobra.Group{ID: "server", Title: "On a server:"})
	for _, c := range []*cobra.Command{
		newInit(), newValidate(kinds), newExplain(), newTest(kinds), newRun(e, kinds), newSchema(kinds), newDocs(kinds),
	} {
		c.GroupID = "files"
		cmd.AddCommand(c)
	}
	for _, c := range []*cobra.Command{
		newList(e), newDeploy(e, kinds), newDiff(e, kinds), newRehearse(e, kinds), newVersions(e), newRollback(e), newCanary(e), newPromote(e), newProposal(e), newApprove(e), newReject(e),
		newSwitch(e, true), newSwitch(e, false), newPause(e, true), newPause(e, false), newDelete(e), newRecord(e, kinds),
	} {
		c.GroupID = "server"
		cmd.AddCommand(c)
	}
	return cmd
}

func newList(e command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the flows of a server, with the times at which they fire next",
		Long:  "List the flows of a server, with the times at which they fire next.\n\n" + command.RemoteHelp,
		Args:  command.UsageArgs(cobra.NoArgs),
	}
	return listing(e, cmd, func(ctx context.Context, server *client.Client, _ []string) ([]client.Flow, error) {
		return server.Flows(ctx)
	}, printFlows)
}

// listing completes a command that reads all of something from a server and prints it as a table or as JSON.
func listing[T any](
	e command.Env, cmd *cobra.Command, read func(context.Context, *client.Client, []string) ([]T, error), table func(io.Writer, []T) error,
) *cobra.Command {
	var url string
	var asJSON bool
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		server, err := e.Remote(url, nil)
		if err != nil {
			return err
		}
		all, err := read(cmd.Context(), server, args)
		if err != nil {
			return err
		}
		if asJSON {
			return command.PrintValue(cmd.OutOrStdout(), append([]T{}, all...))
		}
		return table(cmd.OutOrStdout(), all)
	}
	command.AddURL(cmd, &url)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func printFlows(w io.Writer, all []client.Flow) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "FLOW\tSLUG\tTRIGGER\tENABLED\tVERSION\tNEXT\tNAME")
	for _, f := range all {
		enabled, next, name := "no", "-", f.Name
		if f.Enabled {
			enabled = "yes"
		}
		if !f.Paused.IsZero() {
			enabled += ", paused"
		}
		if len(f.Next) > 0 {
			next = f.Next[0].Format(time.RFC3339)
		}
		if f.Problem != "" {
			name += " (this server cannot run it)"
		}
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", f.Number, orDash(f.Slug), orDash(f.Trigger), enabled, short(f.Version), next, name)
	}
	return table.Flush()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// newSwitch returns `flow enable` or `flow disable`.
func newSwitch(e command.Env, on bool) *cobra.Command {
	verb, does := "disable", "Disable the schedule or poll of a flow"
	if on {
		verb, does = "enable", "Enable the schedule or poll of a flow"
	}
	var url string
	cmd := &cobra.Command{
		Use:   verb + " FLOW",
		Short: does,
		Long:  does + ". The API can run the flow in any case.\n\n" + command.RemoteHelp,
		Args:  command.UsageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, refs []string) error {
			server, err := e.Remote(url, nil)
			if err != nil {
				return err
			}
			flow, err := server.Enable(cmd.Context(), refs[0], on)
			if err != nil {
				return err
			}
			if flow.Proposal != nil {
				return printProposed(cmd.OutOrStdout(), flow.Proposal)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "flow %d is %sd\n", flow.Number, verb)
			return err
		},
	}
	command.AddURL(cmd, &url)
	return cmd
}

// newPause returns `flow pause` or `flow resume`.
func newPause(e command.Env, pause bool) *cobra.Command {
	verb, does, more := "resume", "Let the runs of a paused flow start again", "Waiting runs are enqueued in the order of their acceptance."
	if pause {
		verb, does = "pause", "Let no run of a flow start until the flow is resumed"
		more = "Running runs end as usual. Runs without a waiting caller are accepted and wait; requests that\n" +
			"wait for the output are rejected with 503."
	}
	var url string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   verb + " FLOW",
		Short: does,
		Long:  does + ". FLOW is its number or slug.\n" + more + "\n\n" + command.RemoteHelp,
		Args:  command.UsageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, refs []string) error {
			server, err := e.Remote(url, nil)
			if err != nil {
				return err
			}
			flow, err := server.Pause(cmd.Context(), refs[0], pause)
			if err != nil {
				return err
			}
			if asJSON {
				return command.PrintValue(cmd.OutOrStdout(), flow)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "flow %d is %sd\n", flow.Number, verb)
			return err
		},
	}
	command.AddURL(cmd, &url)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func newDelete(e command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "delete FLOW…",
		Short: "Delete flows from a server, with their versions",
		Long: "Delete flows from a server, with their versions. Runs that were accepted before still end.\n" +
			"A paused flow with waiting runs is deleted only with --runs, which finishes or cancels them.\n" +
			"A server with a directory of flow files deploys them again at its next start.\n\n" + command.RemoteHelp,
		Example: "  penstock flow delete greet",
		Args:    command.MinArgs(1),
	}
	var base, runs string
	var asJSON bool
	command.AddURL(cmd, &base)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().StringVar(&runs, "runs", "", "waiting runs: `finish` on their version, or cancel")
	cmd.ValidArgsFunction = e.FlowRefs()
	cmd.RunE = func(cmd *cobra.Command, refs []string) error {
		query := ""
		if runs != "" {
			query = "?runs=" + url.QueryEscape(runs)
		}
		server, err := e.Remote(base, nil)
		if err != nil {
			return fmt.Errorf("delete flow %s: %w", refs[0], err)
		}
		for _, ref := range refs {
			if _, err := server.Raw(cmd.Context(), http.MethodDelete, "/v1/flows/"+url.PathEscape(ref)+query, nil); err != nil {
				return fmt.Errorf("delete flow %s: %w", ref, err)
			}
			if !asJSON {
				fmt.Fprintf(cmd.OutOrStdout(), "flow %s is deleted\n", ref)
			}
		}
		return nil
	}
	return cmd
}

func newVersions(e command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "versions FLOW",
		Short: "List the versions of a flow, the newest first",
		Long:  "List the versions of a flow that can be rolled back to, the newest first. FLOW is its\nnumber or slug.\n\n" + command.RemoteHelp,
		Args:  command.UsageArgs(cobra.ExactArgs(1)),
	}
	return listing(e, cmd, func(ctx context.Context, server *client.Client, refs []string) ([]client.Version, error) {
		return server.Versions(ctx, refs[0])
	}, printVersions)
}

func printVersions(w io.Writer, all []client.Version) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "VERSION\tDEPLOYED\t\tBY\tMESSAGE")
	for _, v := range all {
		mark := ""
		if v.Current {
			mark = "current"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", short(v.Version), v.DeployedAt.Local().Format(time.DateTime), mark, v.By, v.Message)
	}
	return table.Flush()
}

func newRollback(e command.Env) *cobra.Command {
	var url, message string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "rollback FLOW [VERSION]",
		Short: "Make an earlier version of a flow the current one",
		Long: "Make an earlier version of a flow the current one: the one before, or the one whose first\n" +
			"digits are given. Runs that were accepted before keep their version. What the server lacks of\n" +
			"what the version uses (connections, secrets, flows, variables) is printed, and the version is\n" +
			"deployed all the same.\n\n" + command.RemoteHelp,
		Args: command.UsageArgs(cobra.RangeArgs(1, 2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			server, err := e.Remote(url, nil)
			if err != nil {
				return err
			}
			version := ""
			if len(args) == 2 {
				v, err := server.Version(cmd.Context(), args[0], args[1])
				if err != nil {
					return err
				}
				version = v.Version
			}
			flow, err := server.RollbackVersion(cmd.Context(), args[0], version, message)
			if err != nil {
				return err
			}
			if flow.Proposal != nil && !asJSON {
				return printProposed(cmd.OutOrStdout(), flow.Proposal)
			}
			if asJSON {
				return command.PrintValue(cmd.OutOrStdout(), flow)
			}
			for _, warning := range flow.Warnings {
				if strings.HasPrefix(warning.Code, "missing_") {
					printProblems(cmd.ErrOrStderr(), problem.List{problemOf("flow "+args[0], warning)})
				}
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "flow %d is version %s again\n", flow.Number, short(flow.Version))
			return err
		},
	}
	command.AddURL(cmd, &url)
	cmd.Flags().StringVar(&message, "message", "", "a line for the history of versions that says why")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func newRecord(e command.Env, kinds *flows.Catalogue) *cobra.Command {
	var url, name string
	var redact []string
	cmd := &cobra.Command{
		Use:   "record RUN",
		Short: "Make a test for a flow file from a past run",
		Long: "Print an entry for the tests of a flow file: the event of a run, the results of its external\n" +
			"steps as mocks, and its output. Values of fields whose names sound like secrets, and of those\n" +
			"named by --redact, are masked, also where the same text occurs elsewhere; check the rest before\n" +
			"you share it.\n\n" +
			"The flow must have `run: {record: items}` when it runs, otherwise its items are not recorded.\n\n" + command.RemoteHelp,
		Example: "  penstock flow record 019aa7b6-… --redact email --redact phone",
		Args:    command.UsageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, runs []string) error {
			server, err := e.Remote(url, nil)
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
	command.AddURL(cmd, &url)
	cmd.Flags().StringVar(&name, "name", "", "`name` of the test")
	cmd.Flags().StringSliceVar(&redact, "redact", nil, "also mask the values of fields, and the texts output by steps, of this `name`; may be repeated")
	return cmd
}
