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
	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/app/cli/directstore"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/store"
)

func newKey(e command.Env) *cobra.Command {
	cmd := resource{
		name: "key", what: "API key", path: "/v1/keys", id: "KEY",
		columns: []command.Column{
			{"key", "key"}, {"name", "name"}, {"api access", "api_access"}, {"only flows", "flows"}, {"scopes", "scopes"}, {"window", "ts_window"}, {"on replay", "on_replay"},
			{"rate", "rate_limit"},
		},
		fields: []field{
			{flag: "key", member: "key", help: "public id of the `key`; default: a generated one", once: true},
			{flag: "name", member: "name", help: "what it is for"},
			{flag: "secret-file", member: "secret", kind: secretField, help: "`file` with the secret, - for standard input; default: a generated one"},
			{flag: "previous-secret", member: "previous_secret", help: "only the empty `text`: the old secret of a rotation ends now"},
			{flag: "api-access", member: "api_access", kind: boolField, help: "enable the key"},
			{flag: "flows", member: "flows", kind: flowsField, help: "`numbers` of the flows that it may call; default: all"},
			{flag: "scopes", member: "scopes", kind: listField, help: "`scopes` of your own making, which flows ask for"},
			{flag: "ts-window", member: "ts_window", kind: countField, help: "maximum deviation of a timestamp in `seconds`"},
			{flag: "on-replay", member: "on_replay", help: "response to a repeated request: `refuse`, or attach to the first run"},
			{flag: "signature-v1", member: "signature_v1", kind: boolField, help: "accept version 1 of Penstock-Signature, which covers the body only"},
			{flag: "impersonate", member: "impersonate", kind: listField, help: "`users` that its assertions may act as"},
			{flag: "public-key-file", member: "public_key", kind: secretField, help: "`file` with the public key that verifies its assertions (PEM)"},
			{flag: "rate-limit", member: "rate_limit", help: "a `rate` of its own: 10/s, 600/m"},
			{flag: "refresh-tokens", member: "refresh_tokens", kind: boolField, help: "issue refresh tokens with its JWTs"},
		},
		actions: []action{{
			verb: "rotate", suffix: "rotate", short: "Give a key a new secret; the old one stays valid for an overlap",
			fields: []field{{flag: "overlap", member: "overlap_seconds", kind: countField, help: "`seconds` for which the old secret stays valid"}},
		}},
	}.command(e)
	cmd.AddCommand(newKeyReseal(e))
	return cmd
}

// newKeyReseal returns the command that completes a rotation of the master key at once, or shows its progress.
func newKeyReseal(e command.Env) *cobra.Command {
	var redis string
	var dry bool
	cmd := &cobra.Command{
		Use:   "reseal",
		Short: "Encrypt everything in Redis with the first master key, after all processes have it",
		Long: "Encrypt API keys, connections, secrets, signing keys and grants with the first key of\n" +
			app.EnvMasterKey + ". The processes do this themselves once all of them have it first;\n" +
			"this command does it at once if all of them have it at any position. It can be interrupted\n" +
			"and repeated. It connects to Redis, not to a front door.",
		Example: "  penstock key reseal --dry-run\n  penstock key reseal",
		Args:    command.UsageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := openDirectStore(cmd.Context(), e, redis, slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil)))
			if err != nil {
				return err
			}
			defer o.Close()
			if dry {
				return showSealed(cmd.Context(), cmd.OutOrStdout(), o.Store)
			}
			return reseal(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), o.Store)
		},
	}
	cmd.Flags().StringVar(&redis, "redis", "", "`URL` of Redis, as in the processes")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only show the master keys of each process and the number of records encrypted with each")
	return cmd
}

// openDirectStore opens the store by the Redis and the master keys of this environment.
func openDirectStore(ctx context.Context, e command.Env, redisURL string, log *slog.Logger) (*directstore.Store, error) {
	if redisURL == "" {
		var err error
		if redisURL, err = e.Secret(app.EnvRedisURL); err != nil {
			return nil, err
		}
	}
	text, err := e.Secret(app.EnvMasterKey)
	if err != nil {
		return nil, err
	}
	if redisURL == "" || text == "" {
		return nil, command.Invalid(fmt.Errorf("set %s and %s as in the processes", app.EnvRedisURL, app.EnvMasterKey))
	}
	keys, err := store.ParseMasterKeys(text)
	if err != nil {
		return nil, fmt.Errorf("read settings: %s: %w", app.EnvMasterKey, err)
	}
	conn, err := redisconn.Parse(redisURL)
	if err != nil {
		return nil, err
	}
	return directstore.Open(ctx, conn, keys, log)
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
		fmt.Fprintf(t, "%s\t%s\n", command.Printable(p.String()), command.Printable(strings.Join(p.Keys, ", ")))
	}
	fmt.Fprintln(t, "\nmaster key\trecords")
	for _, id := range slices.Sorted(maps.Keys(sealed)) {
		note := ""
		if id == s.Master() {
			note = "  seals now"
		}
		fmt.Fprintf(t, "%s\t%d%s\n", command.Printable(id), sealed[id], note)
	}
	return t.Flush()
}
