package queue

import (
	"testing"
	"time"
)

func TestComparisonCountsEndedRuns(t *testing.T) {
	t.Parallel()
	c := &Comparison{Versions: map[string]VersionRuns{}}
	add := func(version string, state State, took time.Duration) {
		at := time.Unix(1000, 0)
		r := &Record{Spec: Spec{Version: version}}
		r.State, r.Times.Accepted, r.Times.Finished = state, at, at.Add(took)
		c.add(r)
	}
	for n := 100; n > 0; n-- {
		add("a", Succeeded, time.Duration(n)*time.Millisecond)
	}
	add("b", Failed, 2*time.Second)
	add("b", TimedOut, time.Second)
	add("b", Succeeded, 3*time.Second)
	add("b", Succeeded, 4*time.Second)
	for _, state := range []State{Cancelled, Running, Queued, Waiting} {
		add("b", state, time.Hour)
	}
	handles := &Record{Spec: Spec{Version: "b", FailureOf: "r"}}
	handles.State = Succeeded
	c.add(handles)
	c.rank()
	a, b := c.Versions["a"], c.Versions["b"]
	if a.Runs != 100 || a.Failed != 0 || a.FailedPercent() != 0 || a.P50 != 50*time.Millisecond || a.P95 != 95*time.Millisecond {
		t.Errorf("a: %+v", a)
	}
	if b.Runs != 4 || b.Failed != 2 || b.FailedPercent() != 50 || b.P50 != 2*time.Second || b.P95 != 3*time.Second {
		t.Errorf("b: %+v", b)
	}
	if none := c.Versions["none"]; none.FailedPercent() != 0 {
		t.Errorf("a version without runs: %+v", none)
	}
}
