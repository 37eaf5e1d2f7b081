package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/telemetry"
)

// newServe makes the subcommand of a role: read the settings, open the
// program, run it until a signal, close it.
func newServe(e env, kinds *flows.Catalogue, r role, cmd *cobra.Command) *cobra.Command {
	var s Settings
	s.addFlags(cmd.Flags(), r)
	cmd.Args = checked(cobra.NoArgs)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := s.read(e, cmd.Flags(), r); err != nil {
			return err
		}
		var err error
		if s.Traces, err = readOTel(os.Getenv); err != nil {
			return err
		}
		tune()
		level := &slog.LevelVar{}
		level.Set(s.LogLevel)
		log := newLog(cmd.ErrOrStderr(), level, r)
		stop := switchLevel(log, level, s.LogLevel)
		defer stop()
		return serve(cmd.Context(), s, r, kinds, e, log, cmd.OutOrStdout())
	}
	return cmd
}

func serve(ctx context.Context, s Settings, r role, kinds *flows.Catalogue, e env, log *slog.Logger, out io.Writer) (err error) {
	p, err := newProgram(ctx, s, r, kinds, log, out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	for _, name := range e.unknown() {
		log.Warn("nothing reads this variable", "variable", name)
	}
	return p.Run(ctx)
}

// newLog writes JSON, for a person at dev plain lines.
func newLog(w io.Writer, level slog.Leveler, r role) *slog.Logger {
	if !r.dev {
		return slog.New(telemetry.LogHandler(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: withUnit})))
	}
	return slog.New(telemetry.LogHandler(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: shortTime})))
}

// withUnit writes durations as 1.5s: slog's JSON has them as a bare number of
// nanoseconds.
func withUnit(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}

func shortTime(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		return slog.String(slog.TimeKey, a.Value.Time().Format(time.TimeOnly+".000"))
	}
	return a
}
