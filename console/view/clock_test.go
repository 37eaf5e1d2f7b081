package view

import (
	"strings"
	"testing"
	"time"
)

// Times are printed in the zone of the user, with its name, and with the hours of the user.
func TestTimesAreThoseOfTheUser(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 7, 1, 15, 4, 5, 6_000_000, time.UTC)
	for _, c := range []struct {
		clock                 Clock
		exactly, at, day, bit string
	}{
		{Clock{}, "2026-07-01 15:04:05.006 UTC", "2026-07-01 15:04:05 UTC", "15:04:05 UTC", "15:04:05.006"},
		{Clock{Zone: berlin}, "2026-07-01 17:04:05.006 CEST", "2026-07-01 17:04:05 CEST", "17:04:05 CEST", "17:04:05.006"},
		{Clock{Zone: berlin, Hours: "24"}, "2026-07-01 17:04:05.006 CEST", "2026-07-01 17:04:05 CEST", "17:04:05 CEST", "17:04:05.006"},
		{Clock{Zone: berlin, Hours: "12"}, "2026-07-01 05:04:05.006 PM CEST", "2026-07-01 05:04:05 PM CEST", "05:04:05 PM CEST", "05:04:05.006 PM"},
	} {
		ctx := WithClock(t.Context(), c.clock)
		got := [4]string{momentExactly(ctx, at), momentOf(ctx, at), timeOfDay(ctx, at), timeOfDayPlain(ctx, at, ".000")}
		if want := [4]string{c.exactly, c.at, c.day, c.bit}; got != want {
			t.Errorf("%+v: %q, want %q", c.clock, got, want)
		}
		var b strings.Builder
		if err := when(at, at.Add(time.Hour)).Render(ctx, &b); err != nil || !strings.Contains(b.String(), `title="`+c.exactly+`"`) || !strings.Contains(b.String(), ">1h ago<") {
			t.Errorf("%+v: %s, %v", c.clock, &b, err)
		}
	}
	if got := momentExactly(t.Context(), time.Time{}); got != "–" {
		t.Errorf("no time: %q", got)
	}
}
