package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/penstock/penstock/flows"
)

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

func newRunsList(e env) *cobra.Command {
	var args runsFilter
	cmd := newList(e, "List runs, the newest first", runsPath, runColumns)
	cmd.Example = "  penstock runs list --state failed --since 24h\n" +
		"  penstock runs list --flow greet --watch\n" +
		"  penstock runs list --filter 'attempt gt 1' --json"
	f := cmd.Flags()
	f.StringSliceVar(&args.states, "state", nil, "show those in one of these `states`: "+strings.Join(runStates, ", "))
	f.StringVar(&args.flow, "flow", "", "show those of this `flow`, by number or slug")
	f.StringVar(&args.since, "since", "", "show those created since a `time`: 15m, 24h, 7d, 2026-11-28 or 2026-11-28T09:00:00Z")
	f.BoolVar(&args.watch, "watch", false, "show the list again every two seconds, until Ctrl-C")
	_ = cmd.RegisterFlagCompletionFunc("state", fixedCompletions(runStates...)) // fails only without the flag
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

// filter combines the flags, including --filter, to one expression; empty: all runs.
func (a *runsFilter) filter(cmd *cobra.Command, e env) (string, error) {
	var all []string
	if f := cmd.Flag("filter").Value.String(); f != "" {
		all = append(all, "("+f+")")
	}
	if len(a.states) > 0 {
		var parts []string
		for _, s := range a.states {
			if !slices.Contains(runStates, s) {
				return "", usageError{fmt.Errorf("--state: %q is not one of %s", s, strings.Join(runStates, ", "))}
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
		at, err := sinceTime(a.since, time.Now())
		if err != nil {
			return "", usageError{fmt.Errorf("--since: %w", err)}
		}
		all = append(all, "created_at ge "+string(flows.EncodeJSON(at.UTC().Format(time.RFC3339))))
	}
	return strings.Join(all, " and "), nil
}

// flowNumber returns the number of a flow. For a slug it asks the server.
func flowNumber(cmd *cobra.Command, e env, ref string) (int64, error) {
	if n, err := strconv.ParseInt(ref, 10, 64); err == nil {
		return n, nil
	}
	server, err := e.remote(cmd.Flag("url").Value.String(), nil)
	if err != nil {
		return 0, err
	}
	flow, err := server.Flow(cmd.Context(), ref)
	if err != nil {
		return 0, fmt.Errorf("find flow %s: %w", ref, err)
	}
	return flow.Number, nil
}

// sinceTime parses a time, a day, or an age.
func sinceTime(text string, now time.Time) (time.Time, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return now.AddDate(0, 0, -int(n)), nil
		}
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly} {
		if at, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return at, nil
		}
	}
	return time.Time{}, errors.New("write it as 15m, 24h, 7d, 2026-11-28 or 2026-11-28T09:00:00Z")
}
