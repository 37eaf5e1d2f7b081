package flow

import (
	"cmp"
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
	"github.com/penstock/penstock/flows"
)

// rehearseArgs are the flags of `flow rehearse`.
type rehearseArgs struct {
	url     string
	version string // empty: the argument is a file
	since   string
	runs    int
	json    bool
}

func newRehearse(e command.Env, kinds *flows.Catalogue) *cobra.Command {
	var args rehearseArgs
	cmd := &cobra.Command{
		Use:   "rehearse FILE | rehearse FLOW --version VERSION",
		Short: "Show what a version of a flow would do otherwise in its recorded runs",
		Long: "Execute a flow file, or a stored version of a flow, on the latest recorded runs of the flow\n" +
			"on a server, and show what would differ from the current version: outputs, failures, and\n" +
			"what is asked of other systems. Nothing is sent, stored or deployed: effects have the\n" +
			"results that the runs recorded. The exit status is 1 when something differs.\n\n" + command.RemoteHelp,
		Example: "  penstock flow rehearse upsert.yaml --runs 500\n  penstock flow rehearse upsert --version 3f9ac21d04be --since 24h",
		Args:    command.ExactArgs(1),
		RunE: func(cmd *cobra.Command, names []string) error {
			return rehearseFlow(cmd, e, kinds, names[0], args)
		},
	}
	command.AddURL(cmd, &args.url)
	cmd.Flags().StringVar(&args.version, "version", "", "rehearse a stored `version`, or its first digits")
	cmd.Flags().IntVar(&args.runs, "runs", 200, "`number` of the latest ended runs, 1 to 1000")
	cmd.Flags().StringVar(&args.since, "since", "", "only runs created since a `time`: 15m, 24h, 7d, 2026-11-28 or 2026-11-28T09:00:00Z")
	cmd.Flags().BoolVar(&args.json, "json", false, "print JSON")
	return cmd
}

var errRehearsalDiffers = errors.New("the rehearsal shows differences")

func rehearseFlow(cmd *cobra.Command, e command.Env, kinds *flows.Catalogue, name string, args rehearseArgs) error {
	in := client.RehearsalInput{Version: args.version, Runs: args.runs}
	if err := checkRuns("runs", args.runs); err != nil {
		return err
	}
	if args.since != "" {
		var err error
		if in.Since, err = command.SinceTime(args.since, time.Now()); err != nil {
			return command.Invalid(fmt.Errorf("--since: %w", err))
		}
	}
	ref := name
	if args.version == "" {
		read, err := readFlows(cmd, cmd.ErrOrStderr(), kinds, []string{name})
		if err != nil {
			return err
		}
		if len(read) != 1 {
			return command.Invalid(fmt.Errorf("rehearse one file: %d flows are in %s", len(read), name))
		}
		ref, in.Source = strconv.FormatInt(read[0].flow.Number, 10), read[0].flow.Source
	}
	server, err := e.Remote(args.url, nil)
	if err != nil {
		return err
	}
	report, err := server.Rehearse(cmd.Context(), ref, in)
	if err != nil {
		return err
	}
	if args.json {
		err = command.PrintValue(cmd.OutOrStdout(), report)
	} else {
		err = printRehearsal(cmd.OutOrStdout(), report)
	}
	if err == nil && report.Different > 0 {
		return errRehearsalDiffers
	}
	return err
}

// checkRuns checks the number of runs in a flag.
func checkRuns(flag string, runs int) error {
	if runs < 1 || runs > 1000 {
		return command.Invalid(fmt.Errorf("--%s: %d is not from 1 to 1000", flag, runs))
	}
	return nil
}

// printRehearsal prints a report for people.
func printRehearsal(w io.Writer, r *client.Rehearsal) error {
	fmt.Fprintf(w, "flow %d, version %s against %s: of %d runs, %d would be the same and %d would differ (%v)\n",
		r.Flow, short(r.Version), short(r.Current), r.Runs, r.Same, r.Different, time.Duration(r.Took)*time.Millisecond)
	for _, s := range r.Stopped {
		why := "a new effect of the step %s has no recorded result: what comes after it is unknown"
		if s.Current {
			why = "the run recorded no result for the step %s: what comes after it is unknown"
		}
		fmt.Fprintf(w, "%d runs: "+why+"\n", s.Runs, command.Printable(s.Step))
	}
	for _, s := range r.Skipped {
		fmt.Fprintf(w, "%d runs skipped: %s\n", s.Runs, command.Printable(s.Reason))
	}
	if !r.Complete {
		fmt.Fprintln(w, "The time was over before all runs were rehearsed.")
	}
	if len(r.Differences) == 0 {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "RUNS\tWHAT\tSTEP\tWHERE\tCURRENT\tNEW\tSAMPLE")
	for _, g := range r.Differences {
		before, after := command.Printable(g.Before), command.Printable(g.After)
		if g.Varies {
			before, after = "e.g. "+before, "e.g. "+after
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", g.Runs, strings.ReplaceAll(g.Kind, "_", " "), command.Printable(g.Step), command.Printable(g.Path), before, after, g.Samples[0])
	}
	return t.Flush()
}

// rehearsalGate are the flags of `flow deploy` with which a rehearsal decides about the deployment.
type rehearsalGate struct {
	runs  int // 0: no rehearsal
	allow int // number of runs that may differ
}

func (g *rehearsalGate) addFlags(cmd *cobra.Command) {
	cmd.Flags().IntVar(&g.runs, "rehearse", 0, "rehearse the files first on this `number` of recorded runs of each flow")
	cmd.Flags().IntVar(&g.allow, "allow-diff", 0, "with --rehearse: the `number` of runs that may differ; with more, nothing is deployed")
}

func (g *rehearsalGate) check(cmd *cobra.Command) error {
	switch flags := cmd.Flags(); {
	case flags.Changed("allow-diff") && !flags.Changed("rehearse"):
		return command.Invalid(errors.New("--allow-diff goes with --rehearse"))
	case g.allow < 0:
		return command.Invalid(errors.New("--allow-diff is negative"))
	case !flags.Changed("rehearse"):
		return nil
	}
	return checkRuns("rehearse", g.runs)
}

// rehearse rehearses the flows that are deployed already, and returns an error when too many runs differ. It writes the
// reports to w.
func (g *rehearsalGate) rehearse(ctx context.Context, w io.Writer, server *client.Client, ready []flowFile) (err error) {
	for _, f := range ready {
		number := strconv.FormatInt(f.flow.Number, 10)
		if before, err := current(ctx, server, number); err != nil {
			return err
		} else if before.Version == "" {
			continue
		}
		report, failed := server.Rehearse(ctx, number, client.RehearsalInput{Source: f.flow.Source, Runs: g.runs})
		if failed != nil {
			return fmt.Errorf("rehearse %s: %w", f.name, failed)
		}
		if err := printRehearsal(w, report); err != nil {
			return err
		}
		switch {
		case !report.Complete:
			err = cmp.Or(err, fmt.Errorf("nothing is deployed: the time was over after %d runs of flow %s: rehearse fewer", report.Runs, number))
		case report.Runs == 0 && len(report.Skipped) > 0:
			err = cmp.Or(err, fmt.Errorf("nothing is deployed: no recorded run of flow %s can be rehearsed", number))
		case report.Runs == 0:
			fmt.Fprintf(w, "flow %s has no recorded run of its own: nothing was compared\n", number)
		case report.Different > g.allow:
			err = cmp.Or(err, fmt.Errorf("nothing is deployed: %w: %d of %d runs of flow %s, %d may differ", errRehearsalDiffers, report.Different, report.Runs, number, g.allow))
		}
	}
	return err
}
