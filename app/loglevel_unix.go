//go:build unix

package app

import (
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// switchLevel lets SIGUSR1 switch the log to debug and, the next time, back to
// the usual level, until stop is called.
func switchLevel(log *slog.Logger, level *slog.LevelVar, usual slog.Level) (stop func()) {
	signals, done := make(chan os.Signal, 1), make(chan struct{}) // one that is not taken yet is enough
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
