package flows_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Each case lists the times after a moment, in the local time of the zone.
func TestScheduleNext(t *testing.T) {
	t.Parallel()
	const form = "01-02 15:04:05 MST"
	for _, c := range []struct {
		name, cron, zone, after string
		want                    []string
	}{
		{"at a time itself the next one", "*/5 * * * *", "UTC", "2025-01-01T00:05:00Z", []string{"01-01 00:10:00 UTC"}},
		{"a nanosecond before it that one", "*/5 * * * *", "UTC", "2025-01-01T00:04:59.999999999Z", []string{"01-01 00:05:00 UTC"}},
		{"Sunday is 7, too", "0 9 * * 7", "UTC", "2025-01-01T00:00:00Z", []string{"01-05 09:00:00 UTC", "01-12 09:00:00 UTC"}},
		{"a range up to Sunday", "0 9 * * 5-7", "UTC", "2025-01-01T00:00:00Z", []string{"01-03 09:00:00 UTC", "01-04 09:00:00 UTC", "01-05 09:00:00 UTC", "01-10 09:00:00 UTC"}},
		{"with a step, and others", "0 9 * * 3-7/2,mon", "UTC", "2025-01-01T10:00:00Z", []string{"01-03 09:00:00 UTC", "01-05 09:00:00 UTC", "01-06 09:00:00 UTC", "01-08 09:00:00 UTC"}},
		{"every day by the clock", "0 9 * * *", "Europe/London", "2025-03-29T12:00:00Z", []string{"03-30 09:00:00 BST", "03-31 09:00:00 BST"}},

		{"a time that is left out fires when it is over", "30 2 * * *", "America/New_York", "2025-03-08T12:00:00Z",
			[]string{"03-09 03:00:00 EDT", "03-10 02:30:00 EDT"}},
		{"two of them fire once", "0,30 2 * * *", "America/New_York", "2025-03-09T06:00:00Z",
			[]string{"03-09 03:00:00 EDT", "03-10 02:00:00 EDT"}},
		{"with one that is there at that moment, too", "0 2,3 * * *", "America/New_York", "2025-03-09T06:00:00Z",
			[]string{"03-09 03:00:00 EDT", "03-10 02:00:00 EDT"}},
		{"midnight left out", "@daily", "America/Sao_Paulo", "2018-11-03T12:00:00Z",
			[]string{"11-04 01:00:00 -02", "11-05 00:00:00 -02"}},
		{"half an hour left out", "15 2 * * *", "Australia/Lord_Howe", "2025-10-04T12:00:00Z",
			[]string{"10-05 02:30:00 +11", "10-06 02:15:00 +11"}},

		{"a time that comes twice fires the first time", "30 1 * * *", "America/New_York", "2025-11-01T12:00:00Z",
			[]string{"11-02 01:30:00 EDT", "11-03 01:30:00 EST"}},
		{"and not again between the two", "30 1 * * *", "America/New_York", "2025-11-02T05:45:00Z", []string{"11-03 01:30:00 EST"}},
		{"what comes before it fires in time", "0 1,2 * * *", "America/New_York", "2025-11-02T05:30:00Z",
			[]string{"11-02 02:00:00 EST", "11-03 01:00:00 EST"}},

		{"every hour goes on when clocks are put back", "*/30 * * * *", "America/New_York", "2025-11-02T05:15:00Z",
			[]string{"11-02 01:30:00 EDT", "11-02 01:00:00 EST", "11-02 01:30:00 EST", "11-02 02:00:00 EST"}},
		{"and when they are put forward", "*/30 * * * *", "America/New_York", "2025-03-09T06:15:00Z",
			[]string{"03-09 01:30:00 EST", "03-09 03:00:00 EDT", "03-09 03:30:00 EDT"}},

		{"@every is the same for all who ask", "@every 7m", "UTC", "1970-01-01T00:10:00.5Z", []string{"01-01 00:14:00 UTC", "01-01 00:21:00 UTC"}},
		{"@every second", "@every 1s", "UTC", "2025-01-01T00:00:00.9Z", []string{"01-01 00:00:01 UTC", "01-01 00:00:02 UTC"}},
		{"the 31st", "0 0 31 * *", "UTC", "2025-01-31T00:00:00Z", []string{"03-31 00:00:00 UTC"}},
		{"a leap day", "0 0 29 2 *", "UTC", "2025-01-01T00:00:00Z", []string{"02-29 00:00:00 UTC"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			flow := parseFile(t, "flow: 1\ntrigger: {schedule: {cron: '"+c.cron+"', time_zone: "+c.zone+"}}\nsteps: [{set: {a: 1}}]\n")
			at, err := time.Parse(time.RFC3339Nano, c.after)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for range c.want {
				at = flow.Schedule.Next(at)
				got = append(got, at.Format(form))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	flow := parseFile(t, "flow: 1\ntrigger: {schedule: '@daily'}\nsteps: [{set: {a: 1}}]\n")
	if got := flow.Schedule.Text(); got != "CRON_TZ=UTC @daily" {
		t.Errorf("text %q", got)
	}
}
