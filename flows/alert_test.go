package flows_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
)

func TestAlertTrigger(t *testing.T) {
	t.Parallel()
	parse := func(trigger string) *flows.Alert {
		t.Helper()
		f, err := flows.Parse("f.yaml", []byte("flow: 1\ntrigger: {alert: {"+trigger+"}}\nsteps: [{transform: .}]\n"), steps.Catalogue())
		if err != nil {
			t.Fatal(err)
		}
		return f.Alert
	}
	usual := flows.Alert{
		When: []flows.AlertKind{"new_failure"}, Runs: 20, Window: 10 * time.Minute, Allow: 10 * time.Minute, For: 24 * time.Hour, Late: time.Minute, Memory: 80,
		Within: 14 * 24 * time.Hour, Wait: 10 * time.Second, Every: time.Hour,
	}
	if diff := cmp.Diff(&usual, parse("when: new_failure")); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
	all := flows.Alert{
		When: []flows.AlertKind{"failure_rate", "queue_late"}, Flows: []string{"69", "orders"}, Runs: 3, Window: time.Hour, Allow: time.Minute,
		For: 2 * 24 * time.Hour, Late: 5 * time.Second, Memory: 50, Within: 30 * 24 * time.Hour, Wait: 0, Every: 2 * time.Hour,
	}
	got := parse("when: [failure_rate, queue_late], flows: [69, orders], runs: 3, window: 1h, allow: 1m, for: 2d, late: 5s, memory: 50, within: 30d, wait: 0s, every: 2h")
	if diff := cmp.Diff(&all, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	night := parse(`when: uncertain, quiet: {from: "22:00", to: "07:30", time_zone: Europe/Berlin}`).Quiet
	noon := parse(`when: uncertain, quiet: {from: "12:00", to: "13:00"}`).Quiet
	for at, want := range map[string][2]bool{
		"20:59": {false, false}, "21:00": {true, false}, "02:00": {true, false}, "06:29": {true, false}, "06:30": {false, false}, "12:30": {false, true},
	} {
		now, err := time.Parse(time.RFC3339, "2026-01-10T"+at+":00Z")
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]bool{night.Contains(now), noon.Contains(now)}; got != want {
			t.Errorf("%s: quiet %v, want %v", at, got, want)
		}
	}
	if (*flows.Quiet)(nil).Contains(time.Now()) {
		t.Error("no quiet hours are quiet")
	}
}

func TestMistakesInAnAlertTrigger(t *testing.T) {
	t.Parallel()
	for trigger, want := range map[string]string{
		"when: new_failures":                                                    `f.yaml:2:25: when: "new_failures" is not among its values`,
		"every: 1h":                                                             "when is missing",
		"when: failure_rate, window: 90s":                                       "window: expected whole minutes, 1m to 6h",
		"when: poll_empty, for: 91d":                                            "for: expected 1m to 90d",
		"when: poll_empty, for: 59s":                                            "for: expected 1m to 90d",
		"when: credential_expiring, within: 59m":                                "within: expected 1h to 365d",
		"when: credential_expiring, within: 366d":                               "within: expected 1h to 365d",
		"when: failure_rate, runs: 0":                                           "runs: expected a whole number from 1",
		"when: redis_memory, memory: 101":                                       "memory: expected 1 to 100, in percent",
		"when: queue_late, late: 1ms":                                           "late: expected at least 1s",
		"when: schedule_missed, allow: 1ms":                                     "allow: expected at least 1s",
		"when: uncertain, wait: 2h":                                             "wait: expected at most 1h",
		"when: uncertain, every: 200h":                                          "every: expected at most 168h",
		`when: uncertain, quiet: {from: "22", to: "7:00"}`:                      "from: expected a time of the day",
		`when: uncertain, quiet: {from: "22:00"}`:                               "to is missing",
		`when: uncertain, quiet: {from: "22:00", to: "07:00", time_zone: Mars}`: `time_zone: "Mars" is unknown`,
	} {
		_, err := flows.Parse("f.yaml", []byte("flow: 1\ntrigger: {alert: {"+trigger+"}}\nsteps: [{transform: .}]\n"), steps.Catalogue())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n got: %v\nwant: %s", trigger, err, want)
		}
	}
}
