//go:build !unix

package app

import "log/slog"

// switchLevel does nothing, because this system has no SIGUSR1.
func switchLevel(*slog.Logger, *slog.LevelVar, slog.Level) (stop func()) { return func() {} }
