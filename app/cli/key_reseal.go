package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/store"
)

// newKeyReseal returns the command that completes a rotation of the master key at once, or shows its progress.
func newKeyReseal(e env) *cobra.Command {
	var redis string
	var dry bool
	cmd := &cobra.Command{
		Use:   "reseal",
		Short: "Seal everything in Redis under the first master key, now that all processes have it",
		Long: "Seal API keys, connections, secrets, signing keys and grants under the first key of\n" +
			app.EnvMasterKey + ". The processes do that by themselves once all of them have it first;\n" +
			"this does it at once, when all of them have it at all. It can be interrupted and repeated.\n" +
			"It talks to Redis, not to a front door.",
		Example: "  penstock key reseal --dry-run\n  penstock key reseal",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := openDirectStore(cmd.Context(), e, redis, slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil)))
			if err != nil {
				return err
			}
			defer o.close()
			if dry {
				return showSealed(cmd.Context(), cmd.OutOrStdout(), o.store)
			}
			return reseal(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), o.store)
		},
	}
	cmd.Flags().StringVar(&redis, "redis", "", "`URL` of Redis, as the processes have it")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only show which processes have which master keys, and what is sealed under each")
	return cmd
}

func reseal(ctx context.Context, out, progress io.Writer, s *store.Store) error {
	if err := s.Ready(); err != nil {
		return fmt.Errorf("reseal: %w", err)
	}
	if err := s.SwitchMaster(ctx); err != nil {
		return fmt.Errorf("reseal: %w", err)
	}
	done, err := s.Reseal(ctx, func(p store.Progress) {
		fmt.Fprintf(progress, "\r%d of %d records, %d sealed again ", p.Looked, p.All, p.Resealed)
	})
	fmt.Fprintln(progress)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%d of %d records were sealed again\n", done.Resealed, done.All)
	return err
}

// showSealed prints the master keys of each process and the number of records sealed under each key.
func showSealed(ctx context.Context, w io.Writer, s *store.Store) error {
	all, err := s.Processes(ctx)
	if err != nil {
		return err
	}
	sealed, err := s.SealedUnder(ctx)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "process\tmaster keys, first one first")
	for _, p := range all {
		fmt.Fprintf(t, "%s\t%s\n", printable(p.String()), printable(strings.Join(p.Keys, ", ")))
	}
	fmt.Fprintln(t, "\nmaster key\trecords")
	for _, id := range slices.Sorted(maps.Keys(sealed)) {
		note := ""
		if id == s.Master() {
			note = "  seals now"
		}
		fmt.Fprintf(t, "%s\t%d%s\n", printable(id), sealed[id], note)
	}
	return t.Flush()
}
