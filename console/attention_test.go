package console

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/internal/failure"
	"github.com/penstock/penstock/internal/rejectlog"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/store"
)

func TestNothingNeedsAttention(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	must(t, d.config.Failures.Set(t.Context(), d.failure, failure.Resolved, time.Time{}))
	if page := d.signedIn("root").page("/"); strings.Contains(page, "Needs attention") {
		t.Error("something needs attention")
	}
}

func TestWhatNeedsAttention(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	ctx, now := t.Context(), d.clock.now()
	_, err := d.config.Failures.Record(ctx, []failure.Run{
		{ID: "run-b", Flow: 1, Step: "pay", Code: "uncertain", Message: "it may have happened", Ended: now},
		{ID: "run-c", Flow: 1, Step: "pay", Code: "uncertain", Message: "it may have happened", Ended: now},
	})
	must(t, err)
	must(t, d.config.Queue.Pause(ctx, "default"))
	_, err = d.config.Store.Flows().Pause(ctx, 1, true)
	must(t, err)
	must(t, d.config.Store.Flows().Enable(ctx, 1, false))
	_, err = d.config.Store.Clients().Change(ctx, "client-a", func(c *store.Client) error {
		c.Expires = now.AddDate(0, 0, 2).UTC().Format(time.DateOnly)
		return nil
	})
	must(t, err)
	_, err = d.config.Store.Connections().Put(ctx, store.Connection{
		Name: "mail", Type: "oauth2_refresh", Hosts: []string{"graph.example.org"},
		Settings: map[string]string{"authorize_url": "https://login.example.org/a", "token_url": "https://login.example.org/t", "client_id": "c", "client_secret": testSecret},
	})
	must(t, err)
	_, err = d.config.Store.Keys().Rotate(ctx, "crm", time.Hour)
	must(t, err)
	rejected, err := rejectlog.New(rejectlog.Config{Redis: d.redis, Log: slog.New(slog.DiscardHandler)})
	must(t, err)
	running := make(chan error, 1)
	go func() { running <- rejected.Run(ctx) }()
	for range 3 {
		rejected.Add(rejectlog.Rejection{Status: 503, Code: "disabled", Flow: "hello"})
	}
	var page string
	root := d.signedIn("root")
	testenv.Until(t, "the rejections are counted", func() bool {
		d.clock.advance(credentialsTTL)
		page = root.page("/overview")
		return strings.Contains(page, "3 deliveries")
	})
	for _, want := range []string{
		"<b>2 runs</b>", "ended uncertain", "<b>1 run</b>", "of Say hello failed and are open, 1 cause", "in queue default, which is paused",
		"paused: Say hello", "because Say hello is switched off", "API client client-a ends", "Connection mail has not been authorised yet", "The old secret of API key crm ends in 1 h",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the overview does not say %q", want)
		}
	}
	if uncertain, paused := strings.Index(page, "ended uncertain"), strings.Index(page, "which is paused"); uncertain > paused {
		t.Error("the worst is not the first")
	}
	viewer := d.signedIn("vera").page("/overview")
	if !strings.Contains(viewer, "ended uncertain") || strings.Contains(viewer, "client-a") || strings.Contains(viewer, "Connection mail") {
		t.Error("a viewer does not see the runs, or sees credentials")
	}
}

func TestVersionMix(t *testing.T) {
	t.Parallel()
	if mix := versionMix(t.Context(), []store.Process{{Version: "1"}, {Version: "1"}}, true); mix != nil {
		t.Errorf("one version: %+v", mix)
	}
	mix := versionMix(t.Context(), []store.Process{{Version: "1"}, {Version: "2"}, {Version: "1"}}, true)
	if len(mix) != 1 || mix[0].Head != "2 versions" || mix[0].Text != "running beside each other: 1 (2), 2 (1)" || mix[0].Path != "/workers" {
		t.Errorf("two versions: %+v", mix)
	}
}

// The next times of schedules are listed in their time zones, without those that are switched off.
func TestFirings(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	deploy := func(number int, schedule string) {
		t.Helper()
		flow, err := flows.Parse("f", fmt.Appendf(nil, "flow: %d\nname: Flow of %d\ntrigger: {schedule: {cron: %q, time_zone: Europe/London}}\nsteps: [{set: {a: 1}}]\n", number, number, schedule), steps.Catalogue())
		must(t, err)
		_, err = d.config.Store.Flows().Deploy(t.Context(), flow)
		must(t, err)
	}
	deploy(2, "0 3 * * *")
	deploy(3, "* * * * *")
	deploy(4, "0 4 * * *")
	must(t, d.config.Store.Flows().Enable(t.Context(), 4, false))
	b := d.signedIn("vera")
	page := b.page("/overview")
	first, second := strings.Index(page, "Flow of 3"), strings.Index(page, "Flow of 2")
	if first < 0 || second < first || strings.Contains(page, "Flow of 4") || !strings.Contains(page, "03:00 <span class=\"faint\">Europe/London") {
		t.Errorf("the schedules are not listed in order: %d, %d", first, second)
	}
	if list := b.page("/flows"); strings.Count(list, "data-in") != 2 {
		t.Errorf("the list of flows has %d times", strings.Count(list, "data-in"))
	}
	if page := b.page("/flows/2"); !strings.Contains(page, "fires next at") || !strings.Contains(page, "Europe/London") {
		t.Error("the page of a flow does not say when it fires")
	}
}

// Flows are listed by their open runs, those that fail now first. Runs that are resolved do not count, nor do uncertain ones, which
// have a line of their own.
func TestFailingFlowsCountOpenRuns(t *testing.T) {
	t.Parallel()
	n := func(n int64) *int64 { return &n }
	got := failingByFlow([]failure.Group{
		{Flow: 1, State: failure.Open, Code: "step_failed", Count: 44, LastHour: 44, LastDay: 44, OpenRuns: n(0)},
		{Flow: 2, State: failure.Resolved, ByRuns: true, Count: 9, LastHour: 9, LastDay: 9, OpenRuns: n(0)},
		{Flow: 3, State: failure.Open, Count: 40, LastDay: 40, OpenRuns: n(40)},
		{Flow: 4, State: failure.Open, Count: 30, LastHour: 30, LastDay: 30, OpenRuns: n(10)},
		{Flow: 4, State: failure.Open, Count: 5, LastDay: 5},
		{Flow: 5, State: failure.Open, Code: string(flows.CodeUncertain), Count: 3, LastHour: 3, LastDay: 3, OpenRuns: n(3)},
		{Flow: 6, State: failure.Open, Count: 8, OpenRuns: n(8)},
	})
	var lines []string
	for _, f := range got {
		lines = append(lines, fmt.Sprint(f.flow, f.runs, f.failures, f.now))
	}
	if want := "[4 15 2 true 3 40 1 false]"; fmt.Sprint(lines) != want {
		t.Errorf("%v, want %s", lines, want)
	}
	if uncertain := uncertainRuns(t.Context(), []failure.Group{{State: failure.Open, Code: string(flows.CodeUncertain), Count: 3, OpenRuns: n(1)}}); len(uncertain) != 1 || uncertain[0].Head != "1 run" {
		t.Errorf("uncertain: %+v", uncertain)
	}
}
