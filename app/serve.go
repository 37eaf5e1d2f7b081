package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/telemetry"
)

// newLog returns a logger that writes JSON, or text for dev.
func newLog(w io.Writer, level slog.Leveler, r Role) *slog.Logger {
	if !r.Dev {
		return slog.New(telemetry.LogHandler(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: withUnit})))
	}
	return slog.New(telemetry.LogHandler(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: shortTime})))
}

// withUnit formats durations as 1.5s. The JSON of slog would contain plain nanoseconds.
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

// Serve runs a process of a role until ctx ends. Texts for people are written to out, logs to logs.
func Serve(ctx context.Context, s Settings, r Role, kinds *flows.Catalogue, e Env, out, logs io.Writer) (err error) {
	if s.Traces, err = readOTel(os.Getenv); err != nil {
		return err
	}
	tuneRuntime()
	level := &slog.LevelVar{}
	level.Set(s.LogLevel)
	log := newLog(logs, level, r)
	stop := switchLevel(log, level, s.LogLevel)
	defer stop()
	p, err := New(ctx, s, r, kinds, log, out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	for _, name := range e.Unknown() {
		log.Warn("unknown environment variable", "variable", name)
	}
	return p.Run(ctx)
}
