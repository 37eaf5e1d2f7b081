package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/penstock/penstock/flows"
)

// A schedule is in force since it was deployed or switched on, independent of other changes; earlier times are not
// started.
func TestSinceWhenAScheduleIsInForce(t *testing.T) {
	t.Parallel()
	scheduled := func(trigger string) *flows.Flow {
		flow, err := flows.Parse("f.yaml", fmt.Appendf(nil, "flow: 1\ntrigger: %s\nsteps: [{echo: }]\n", trigger), catalogue())
		if err != nil {
			t.Fatal(err)
		}
		return flow
	}
	start := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	head := Deployment{}
	for minute, step := range []struct {
		what, trigger string
		enabled       bool // before
		since         int  // minute; -1: never
	}{
		{"deployed", "{schedule: '@daily'}", false, 0},
		{"a new version", "{schedule: {cron: '@daily', catch_up: all}}", true, 0},
		{"another time", "{schedule: '@hourly'}", true, 2},
		{"another zone", "{schedule: {cron: '@hourly', time_zone: Asia/Tokyo}}", true, 3},
		{"deployed when it was off", "{schedule: {cron: '@hourly', time_zone: Asia/Tokyo}}", false, 4},
		{"no schedule", "manual", true, -1},
		{"a poll", "{poll: '@hourly'}", true, 6},
	} {
		head.Enabled = step.enabled
		head = head.with(scheduled(step.trigger), Change{}, start.Add(time.Duration(minute)*time.Minute))
		want := start.Add(time.Duration(step.since) * time.Minute)
		if step.since < 0 {
			want = time.Time{}
		}
		if !head.Since.Equal(want) {
			t.Errorf("%s: in force since %v, want %v", step.what, head.Since, want)
		}
	}

	s := newTestFleet(t).open(t)
	deploy(t, s, scheduled("{schedule: '@daily'}"))
	before, _ := s.Flows().Deployment("1")
	for _, enabled := range []bool{false, true} {
		if err := s.Flows().Enable(t.Context(), 1, enabled); err != nil {
			t.Fatal(err)
		}
	}
	if after, _ := s.Flows().Deployment("1"); after.Schedule != "CRON_TZ=UTC @daily" || before.Since.IsZero() || after.Since.Before(before.Since) {
		t.Errorf("before %+v, after %+v", before, after)
	}
}
