package flows

import (
	"testing"
	"time"
)

// A schedule fires at the same times as the one of its text.
func TestParseSchedule(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 28, 23, 59, 30, 0, time.UTC)
	for text, want := range map[string]string{
		"CRON_TZ=Europe/London 0 3 * * *":     "2026-03-29T02:00:00Z",
		"CRON_TZ=UTC @every 5m":               "2026-03-29T00:00:00Z",
		"CRON_TZ=America/New_York 0 12 * * 7": "2026-03-29T16:00:00Z",
		"CRON_TZ=UTC */5 8-18 * * mon-fri":    "2026-03-30T08:00:00Z",
	} {
		s, err := ParseSchedule(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := s.Next(now).UTC().Format(time.RFC3339); got != want || s.Text() != text {
			t.Errorf("%s fires at %s, want %s; its text is %s", text, got, want, s.Text())
		}
	}
	for _, text := range []string{"", "CRON_TZ=UTC", "CRON_TZ=Nowhere/Never 0 3 * * *", "CRON_TZ=UTC 61 * * * *"} {
		if _, err := ParseSchedule(text); err == nil {
			t.Errorf("%q is a schedule", text)
		}
	}
}
