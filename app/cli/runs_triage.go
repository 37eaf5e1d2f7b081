package cli

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

// newRunsTriage returns the command that sets the triage state of runs.
func newRunsTriage(e env, use, state, short string) *cobra.Command {
	var note string
	cmd := &cobra.Command{Use: use + " RUN…", Short: short, Args: minArgs(1),
		Long: short + ".\n\nA run that failed or timed out is open, resolved or ignored. It is resolved by itself when a run that continues or replays it\n" +
			"succeeds. `penstock runs list --filter 'triage eq \"open\"'` lists the open ones.",
	}
	c := newCall(e, cmd)
	cmd.Flags().StringVar(&note, "note", "", "why, in up to 500 bytes of `text`")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		for _, id := range args {
			if err := c.send(cmd, http.MethodPatch, runsPath+"/"+url.PathEscape(id), object{"triage": state, "note": note}, ""); err != nil {
				return fmt.Errorf("%s %s: %w", use, id, err)
			}
		}
		return nil
	}
	return cmd
}
