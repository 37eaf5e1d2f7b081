package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/client"
)

const runsPath = "/v1/runs"

var runColumns = []column{
	{"run", "run_id"}, {"flow", "flow"}, {"state", "state"}, {"created", "created_at"}, {"finished", "finished_at"},
	{"queue", "queue"}, {"attempt", "attempt"}, {"error", "error.message"},
}

func newRuns(e env) *cobra.Command {
	cmd := &cobra.Command{Use: "runs", Short: "Look at runs of a server, cancel and replay them", Long: "Look at runs of a server, cancel and replay them.\n\n" + remoteHelp}
	cmd.AddCommand(newRunsList(e), newRunsShow(e), newRunsWatch(e), newRunsCancel(e), newRunsReplay(e))
	return cmd
}

func newRunsShow(e env) *cobra.Command {
	var wait time.Duration
	var output bool
	cmd := &cobra.Command{Use: "show RUN", Short: "Show one run: its state, its steps, its output or why it has none", Args: exactArgs(1),
		Example: "  penstock runs show 019aa7b6-…\n  penstock runs show 019aa7b6-… --wait 30s --output"}
	c := newCall(e, cmd)
	cmd.Flags().DurationVar(&wait, "wait", 0, "wait for its end, up to 60s")
	cmd.Flags().BoolVar(&output, "output", false, "print its output and nothing else; fail unless it succeeded")
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

func newRunsWatch(e env) *cobra.Command {
	cmd := &cobra.Command{Use: "watch RUN", Short: "Show what happens to a run until it has ended, then its output", Args: exactArgs(1)}
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

func newRunsCancel(e env) *cobra.Command {
	cmd := &cobra.Command{Use: "cancel RUN…", Short: "End runs that have not ended", Args: minArgs(1)}
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

func newRunsReplay(e env) *cobra.Command {
	var version string
	cmd := &cobra.Command{Use: "replay RUN", Short: "Run an event again, with the flow as it is now or as it was", Args: exactArgs(1)}
	c := newCall(e, cmd)
	cmd.Flags().StringVar(&version, "version", "current", "`current`, or pinned: the version that the first run had")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		server, err := c.client()
		if err != nil {
			return err
		}
		text, err := server.Raw(cmd.Context(), http.MethodPost, runsPath+"/"+url.PathEscape(args[0])+"/replay", object{"version": version})
		if err != nil {
			return err
		}
		run := client.Run{}
		if err := json.Unmarshal(text, &run); err != nil {
			return fmt.Errorf("decode answer: %w", err)
		}
		return c.printStarted(cmd.OutOrStdout(), &run)
	}
	return cmd
}
