//go:build unix

package app

import (
	"bytes"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/testenv"
)

// SIGUSR1 switches to debug, and the next one back.
func TestASignalSwitchesTheLogLevel(t *testing.T) { //nolint:paralleltest // signals are the whole process'
	level, usual := &slog.LevelVar{}, slog.LevelWarn
	level.Set(usual)
	told := make(chan string, 2)
	log := slog.New(slog.NewTextHandler(writerFunc(func(p []byte) { told <- string(p) }), nil))
	stop := switchLevel(log, level, usual)
	defer stop()
	for _, want := range []slog.Level{slog.LevelDebug, usual} {
		if err := syscall.Kill(os.Getpid(), syscall.SIGUSR1); err != nil {
			t.Fatal(err)
		}
		line := testenv.Receive(t, told, "a line of the log")
		if level.Level() != want || !strings.Contains(line, "next="+want.String()) && !strings.Contains(line, "level="+want.String()) {
			t.Errorf("level %v, want %v: %s", level.Level(), want, line)
		}
	}
}

type writerFunc func(p []byte)

func (w writerFunc) Write(p []byte) (int, error) { w(p); return len(p), nil }

// Durations in the log have a unit.
func TestLoggedDurationsHaveAUnit(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	newLog(&b, slog.LevelInfo, Role{}).Info("x", "waited", 1500*time.Millisecond)
	if !strings.Contains(b.String(), `"waited":"1.5s"`) {
		t.Errorf("line %s", b.String())
	}
}
