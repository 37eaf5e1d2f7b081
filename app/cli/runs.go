package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/client"
	"github.com/penstock/penstock/flows"
)

const runsPath = "/v1/runs"

var runColumns = []command.Column{
	{"run", "run_id"}, {"flow", "flow"}, {"state", "state"}, {"created", "created_at"}, {"finished", "finished_at"},
	{"queue", "queue"}, {"attempt", "attempt"}, {"error", "error.message"},
}

func newRuns(e command.Env) *cobra.Command {
	cmd := &cobra.Command{Use: "runs", Short: "Show, cancel, replay and resume runs of a server", Long: "Show, cancel, replay and resume runs of a server.\n\n" + command.RemoteHelp}
	cmd.AddCommand(newRunsList(e), newRunsShow(e), newRunsWatch(e), newRunsCancel(e), newRunsReplay(e), newRunsResume(e), newRunsBulk(e),
		newRunsTriage(e, "resolve", "resolved", "Mark failed runs as resolved"),
		newRunsTriage(e, "ignore", "ignored", "Mark failed runs as ignored"),
		newRunsTriage(e, "reopen", "open", "Mark failed runs as open again"))
	return cmd
}

func newRunsShow(e command.Env) *cobra.Command {
	var wait time.Duration
	var output bool
	cmd := &cobra.Command{Use: "show RUN", Short: "Show one run: its state, steps, and output or error", Args: command.ExactArgs(1),
		Example: "  penstock runs show 019aa7b6-…\n  penstock runs show 019aa7b6-… --wait 30s --output"}
	c := newCall(e, cmd)
	cmd.Flags().DurationVar(&wait, "wait", 0, "wait for its end, up to 60s")
	cmd.Flags().BoolVar(&output, "output", false, "print only its output; fail unless it succeeded")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := checkWait(cmd, wait); err != nil {
			return err
		}
		server, err := c.client()
		if err != nil {
			return err
		}
		return c.printRun(cmd, server, args[0], wait, output)
	}
	return cmd
}

func newRunsWatch(e command.Env) *cobra.Command {
	cmd := &cobra.Command{Use: "watch RUN", Short: "Show the steps of a run until it has ended, then its output", Args: command.ExactArgs(1)}
	c := newCall(e, cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		server, err := c.client()
		if err != nil {
			return err
		}
		return c.follow(cmd, server, args[0])
	}
	return cmd
}

func newRunsCancel(e command.Env) *cobra.Command {
	cmd := &cobra.Command{Use: "cancel RUN…", Short: "End runs that have not ended", Args: command.MinArgs(1)}
	c := newCall(e, cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		for _, id := range args {
			if err := c.send(cmd, http.MethodPost, runsPath+"/"+url.PathEscape(id)+"/cancel", nil, ""); err != nil {
				return fmt.Errorf("cancel %s: %w", id, err)
			}
		}
		return nil
	}
	return cmd
}

// runStates are the states of runs. Read only.
var runStates = []string{"queued", "running", "waiting", "succeeded", "failed", "cancelled", "timed_out"}

// runsFilter are the flags of `runs list` that make up a filter.
type runsFilter struct {
	states []string
	flow   string
	since  string
	watch  bool
}

// watchEvery is the interval of --watch.
const watchEvery = 2 * time.Second

func newRunsList(e command.Env) *cobra.Command {
	var args runsFilter
	cmd := newList(e, "List runs, the newest first", runsPath, runColumns)
	cmd.Example = "  penstock runs list --state failed --since 24h\n" +
		"  penstock runs list --flow greet --watch\n" +
		"  penstock runs list --filter 'attempt gt 1' --json"
	args.addFlags(cmd)
	cmd.Flags().BoolVar(&args.watch, "watch", false, "show the list again every two seconds, until Ctrl-C")
	list := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, none []string) error {
		filter, err := args.filter(cmd, e)
		if err != nil {
			return err
		}
		if err := cmd.Flags().Set("filter", filter); err != nil {
			return err
		}
		if !args.watch {
			return list(cmd, none)
		}
		return repeatUntilDone(cmd.Context(), func() error {
			if term.IsTerminal(1) {
				fmt.Fprint(cmd.OutOrStdout(), "\x1b[H\x1b[2J") // home, and an empty screen
			}
			return list(cmd, none)
		})
	}
	return cmd
}

// repeatUntilDone calls show at an interval until it fails or ctx ends.
func repeatUntilDone(ctx context.Context, show func() error) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		if err := show(); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// addFlags adds the flags that make up a filter, besides --filter.
func (a *runsFilter) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringSliceVar(&a.states, "state", nil, "those in one of these `states`: "+strings.Join(runStates, ", "))
	f.StringVar(&a.flow, "flow", "", "those of this `flow`, by number or slug; those of a deleted one by number")
	f.StringVar(&a.since, "since", "", "those created since a `time`: 15m, 24h, 7d, 2026-11-28 or 2026-11-28T09:00:00Z")
	_ = cmd.RegisterFlagCompletionFunc("state", command.FixedCompletions(runStates...)) // fails only without the flag
}

// filter combines the flags, including --filter, to one expression; empty: all runs.
func (a *runsFilter) filter(cmd *cobra.Command, e command.Env) (string, error) {
	var all []string
	if f := cmd.Flag("filter").Value.String(); f != "" {
		all = append(all, "("+f+")")
	}
	if len(a.states) > 0 {
		var parts []string
		for _, s := range a.states {
			if !slices.Contains(runStates, s) {
				return "", command.Invalid(fmt.Errorf("--state: %q is not one of %s", s, strings.Join(runStates, ", ")))
			}
			parts = append(parts, fmt.Sprintf("state eq %q", s))
		}
		all = append(all, "("+strings.Join(parts, " or ")+")")
	}
	if a.flow != "" {
		number, err := flowNumber(cmd, e, a.flow)
		if err != nil {
			return "", err
		}
		all = append(all, fmt.Sprintf("flow eq %d", number))
	}
	if a.since != "" {
		at, err := command.SinceTime(a.since, time.Now())
		if err != nil {
			return "", command.Invalid(fmt.Errorf("--since: %w", err))
		}
		all = append(all, "created_at ge "+string(flows.EncodeJSON(at.UTC().Format(time.RFC3339))))
	}
	return strings.Join(all, " and "), nil
}

// flowNumber returns the number of a flow. For a slug it asks the server.
func flowNumber(cmd *cobra.Command, e command.Env, ref string) (int64, error) {
	if n, err := strconv.ParseInt(ref, 10, 64); err == nil {
		return n, nil
	}
	server, err := e.Remote(cmd.Flag("url").Value.String(), nil)
	if err != nil {
		return 0, err
	}
	flow, err := server.Flow(cmd.Context(), ref)
	if refused := (*client.Error)(nil); errors.As(err, &refused) && refused.Status == http.StatusNotFound {
		return 0, fmt.Errorf("no flow has the slug %s; runs of a deleted flow are found by its number: %w", ref, err)
	}
	if err != nil {
		return 0, fmt.Errorf("find flow %s: %w", ref, err)
	}
	return flow.Number, nil
}

// printItems prints the items of steps that had several, or that caught an error.
func printItems(w io.Writer, steps []any) error {
	var rows []any
	for _, s := range steps {
		step, _ := s.(map[string]any)
		each, _ := step["each"].([]any)
		for _, one := range each {
			item, _ := one.(map[string]any)
			if item == nil || len(each) == 1 && command.Cell(step["in"]) == "1" && (item["error"] == nil || step["error"] != nil) {
				continue // the row of the step shows the same
			}
			row := maps.Clone(item)
			within, _ := step["within"].(string)
			row["step"], row["item"] = step["step"], within+command.Cell(item["item"])
			rows = append(rows, row)
		}
	}
	if len(rows) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	return command.PrintTable(w, []command.Column{
		{"step", "step"}, {"item", "item"}, {"after µs", "after_us"}, {"µs", "us"}, {"attempts", "attempts"}, {"journal", "replayed"}, {"out", "out"}, {"error", "error"},
	}, rows)
}

// newRunsTriage returns the command that sets the triage state of runs.
func newRunsTriage(e command.Env, use, state, short string) *cobra.Command {
	var note string
	cmd := &cobra.Command{Use: use + " RUN…", Short: short, Args: command.MinArgs(1),
		Long: short + ".\n\nA run that failed or timed out is open, resolved or ignored. It is resolved by itself when a run that continues or replays it\n" +
			"succeeds. `penstock runs list --filter 'triage eq \"open\"'` lists the open ones.",
	}
	c := newCall(e, cmd)
	cmd.Flags().StringVar(&note, "note", "", "why, in up to 500 bytes of `text`")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		for _, id := range args {
			if err := c.send(cmd, http.MethodPatch, runsPath+"/"+url.PathEscape(id), command.Object{"triage": state, "note": note}, ""); err != nil {
				return fmt.Errorf("%s %s: %w", use, id, err)
			}
		}
		return nil
	}
	return cmd
}
