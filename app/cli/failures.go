package cli

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/penstock/penstock/app/cli/command"
	"github.com/spf13/cobra"
)

const failuresPath = "/v1/failures"

var failureColumns = []command.Column{
	{"failure", "id"}, {"flow", "flow"}, {"step", "step"}, {"code", "code"}, {"state", "state"}, {"runs", "count"}, {"open", "open_runs"}, {"last hour", "last_hour"},
	{"last day", "last_day"}, {"last", "last_at"}, {"message", "message"},
}

func newFailures(e command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "failures", Short: "Show, resolve and mute failures: groups of runs that failed alike",
		Long: "Show, resolve and mute failures. A failure is what the runs have in common that failed at one step of\na flow with one code and one message, but for the numbers and texts in it that differ.\n\n" + command.RemoteHelp,
	}
	list := newList(e, "List failures, the last seen first", failuresPath, failureColumns)
	list.Example = "  penstock failures list --filter 'state eq \"open\" and flow eq 69'\n  penstock failures list --order-by -last_hour"
	cmd.AddCommand(list, newShowFailure(e), newSetFailure(e, "resolve", "resolved", "Mark failures as resolved, until a run that ends later fails alike"),
		newMuteFailure(e), newSetFailure(e, "open", "open", "Open failures that are resolved or muted"))
	return cmd
}

func failurePath(id string) string { return failuresPath + "/" + url.PathEscape(id) }

func newShowFailure(e command.Env) *cobra.Command {
	cmd := &cobra.Command{Use: "show FAILURE", Short: "Show one failure, with its newest runs", Args: command.ExactArgs(1), Example: "  penstock failures show 69-3f9a1c2b7d5e8f01"}
	c := newCall(e, cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return c.send(cmd, http.MethodGet, failurePath(args[0]), nil, "")
	}
	return cmd
}

func newSetFailure(e command.Env, verb, state, short string) *cobra.Command {
	cmd := &cobra.Command{Use: verb + " FAILURE…", Short: short, Args: command.MinArgs(1), Example: "  penstock failures " + verb + " 69-3f9a1c2b7d5e8f01"}
	c := newCall(e, cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return c.setFailures(cmd, args, command.Object{"state": state})
	}
	return cmd
}

func newMuteFailure(e command.Env) *cobra.Command {
	var span time.Duration
	cmd := &cobra.Command{Use: "mute FAILURE…", Short: "Mute failures: no alert is sent of them for a time", Args: command.MinArgs(1), Example: "  penstock failures mute 69-3f9a1c2b7d5e8f01 --for 8h"}
	c := newCall(e, cmd)
	cmd.Flags().DurationVar(&span, "for", 24*time.Hour, "how long")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if span <= 0 {
			return command.Invalid(errors.New("--for: expected a time such as 8h"))
		}
		return c.setFailures(cmd, args, command.Object{"state": "muted", "muted_until": time.Now().Add(span).UTC().Format(time.RFC3339)})
	}
	return cmd
}

// setFailures changes failures, until one cannot be changed.
func (c *remoteCall) setFailures(cmd *cobra.Command, ids []string, change command.Object) error {
	for _, id := range ids {
		if err := c.send(cmd, http.MethodPatch, failurePath(id), change, ""); err != nil {
			return fmt.Errorf("%s %s: %w", cmd.Name(), id, err)
		}
	}
	return nil
}
