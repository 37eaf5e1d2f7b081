//go:build !unix

package app

import "log/slog"

// switchLevel does nothing: this system has no such signal.
func switchLevel(*slog.Logger, *slog.LevelVar, slog.Level) (stop func()) { return func() {} }
