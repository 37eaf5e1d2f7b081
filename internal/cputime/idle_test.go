package cputime

import (
	"fmt"
	"testing"
)

func TestIdleShare(t *testing.T) {
	t.Parallel()
	var i Idle
	for _, c := range []struct {
		user, idle, iowait int
		want               float64
	}{
		{100, 300, 0, 0.75}, // since the start
		{190, 300, 10, 0.1}, // waiting for a disk is idle
		{290, 300, 10, 0},
		{290, 300, 10, 1}, // no time has passed
	} {
		if got := i.share(fmt.Appendf(nil, "cpu  %d 0 0 %d %d 0 0 0 7 0\ncpu0 1 2\n", c.user, c.idle, c.iowait)); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
	for _, text := range []string{"", "cpu 1 2", "cpu  a 0 0 0 0 0 0 0 0 0"} {
		if got := i.share([]byte(text)); got != 1 {
			t.Errorf("%q: %v", text, got)
		}
	}
}
