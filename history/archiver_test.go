package history

import (
	"testing"
	"time"

	"github.com/penstock/penstock/queue"
)

// While the processors have other work, runs wait until a time after their end; otherwise for a second.
func TestCopyingGivesWay(t *testing.T) {
	t.Parallel()
	var runs []queue.Archived
	for _, ago := range []time.Duration{time.Hour, 5 * time.Second, 0} {
		runs = append(runs, ended(time.Now().Add(-ago), nil).Archived)
	}
	for name, c := range map[string]struct {
		busy  func() bool
		delay time.Duration
		want  int
	}{
		"never busy":    {nil, time.Minute, 2},
		"idle":          {func() bool { return false }, time.Minute, 2},
		"busy":          {func() bool { return true }, time.Minute, 1},
		"without delay": {func() bool { return true }, 0, 2},
	} {
		if got := NewArchiver(ArchiverConfig{Busy: c.busy, Delay: c.delay}).ready(runs); got != c.want {
			t.Errorf("%s: %d runs are copied, want %d", name, got, c.want)
		}
	}
}
