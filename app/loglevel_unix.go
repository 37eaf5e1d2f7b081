//go:build unix

package app

import (
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// switchLevel toggles the log between debug and the usual level at each SIGUSR1, until stop is called.
func switchLevel(log *slog.Logger, level *slog.LevelVar, usual slog.Level) (stop func()) {
	signals, done := make(chan os.Signal, 1), make(chan struct{}) // one pending signal is enough
	signal.Notify(signals, syscall.SIGUSR1)
	go func() {
		defer close(done)
		for range signals {
			next := slog.LevelDebug
			if level.Level() == slog.LevelDebug {
				next = usual
			}
			level.Set(next)
			log.Warn("log level", "level", next)
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
		<-done
	}
}
