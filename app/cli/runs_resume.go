package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/client"
)

const resumeHelp = `A new run continues one that failed, was cancelled or took too long. It takes over the results of what that run has done:
effects that have a result are not repeated, all others are executed. Other systems get the idempotency keys of the
first run again.

An effect that was begun and left no result is uncertain: it may have happened. Find out at the other system, and say
--assume STEP=done or --assume STEP=not_done. --dry-run shows what would be kept and what would be repeated.
--from and --assume need the scope runs:write, and so do the runs of others.`

// resumeColumns are the columns of a plan.
var resumeColumns = []command.Column{
	{"step", "step"}, {"kind", "kind"}, {"effect", "effect"}, {"action", "action"}, {"kept", "kept"}, {"repeated", "repeated"}, {"uncertain", "uncertain"},
}

// resumeBody is the body of a request to resume a run.
type resumeBody struct {
	Version string            `json:"version,omitempty"`
	From    string            `json:"from,omitempty"`
	Assume  map[string]string `json:"assume,omitempty"`
	DryRun  bool              `json:"dry_run,omitempty"`
}

func newRunsResume(e command.Env) *cobra.Command {
	var body resumeBody
	cmd := &cobra.Command{
		Use: "resume RUN", Short: "Continue a run that failed, without repeating what it has done", Long: resumeHelp, Args: command.ExactArgs(1),
		Example: "  penstock runs resume 019aa7b6-… --dry-run\n  penstock runs resume 019aa7b6-… --version current\n  penstock runs resume 019aa7b6-… --assume charge=done",
	}
	c := newCall(e, cmd)
	f := cmd.Flags()
	f.StringVar(&body.Version, "version", "pinned", "`pinned`, the version of the first run, or current")
	f.StringVar(&body.From, "from", "", "execute this `step` and all after it again")
	f.StringToStringVar(&body.Assume, "assume", nil, "what became of the uncertain effects of a step: `STEP=done` or STEP=not_done")
	f.BoolVar(&body.DryRun, "dry-run", false, "show the plan and start nothing")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if cmd.Flags().Changed("from") && body.From == "" {
			return command.Invalid(errors.New("--from: expected the path of a step"))
		}
		server, err := c.client()
		if err != nil {
			return err
		}
		text, err := server.Raw(cmd.Context(), http.MethodPost, runsPath+"/"+url.PathEscape(args[0])+"/resume", body)
		if err != nil {
			return err
		}
		if !body.DryRun {
			run := client.Run{}
			if err := json.Unmarshal(text, &run); err != nil {
				return fmt.Errorf("decode answer: %w", err)
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "run %s continues %s\n", run.ID, args[0])
			return c.printStarted(cmd.OutOrStdout(), &run)
		}
		if c.asJSON {
			return command.PrintValue(cmd.OutOrStdout(), json.RawMessage(text))
		}
		var plan struct {
			Steps []any `json:"steps"`
		}
		if err := json.Unmarshal(text, &plan); err != nil {
			return fmt.Errorf("decode answer: %w", err)
		}
		return command.PrintTable(cmd.OutOrStdout(), resumeColumns, plan.Steps)
	}
	return cmd
}
