package store

import (
	"fmt"
	"testing"
	"time"
)

func TestPresence(t *testing.T) {
	t.Parallel()
	s := &Store{}
	now := time.Unix(1795280000, 0)
	a, b := Process{ID: "a", Role: "api"}, Process{ID: "b", Role: "worker"}
	state := func() string {
		live, gone := s.Fleet()
		var ids []string
		for _, l := range live {
			ids = append(ids, l.ID)
		}
		for _, g := range gone {
			ids = append(ids, fmt.Sprint(g.ID, "-", g.At.Sub(now)))
		}
		return fmt.Sprint(ids)
	}
	for i, c := range []struct {
		after time.Duration
		live  []Process
		want  string
	}{
		{0, []Process{a, b}, "[a b]"},
		{time.Minute, []Process{a}, "[a b-1m0s]"},
		{2 * time.Minute, []Process{a}, "[a b-1m0s]"},
		{3 * time.Minute, []Process{a, b}, "[a b]"}, // it could not reach Redis for a while
		{4 * time.Minute, nil, "[a-4m0s b-4m0s]"},
		{20 * time.Minute, nil, "[]"},
	} {
		s.presence.update(c.live, now.Add(c.after))
		got := state()
		if c.want == "[a-4m0s b-4m0s]" && got == "[b-4m0s a-4m0s]" { // those that go at once have no order
			continue
		}
		if got != c.want {
			t.Errorf("step %d: %s, want %s", i, got, c.want)
		}
	}
	var many []Process
	for i := range 2 * maxGone {
		many = append(many, Process{ID: fmt.Sprint(i)})
	}
	s.presence.update(many, now.Add(time.Hour))
	s.presence.update(nil, now.Add(time.Hour))
	if _, gone := s.Fleet(); len(gone) != maxGone {
		t.Errorf("%d gone processes are remembered, want %d", len(gone), maxGone)
	}
}
