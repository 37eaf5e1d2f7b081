package schedule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

// start is the time at which the flows of these tests are deployed. It is before Redis' own clock, like all times in
// them.
var start = time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)

// flowStore implements Flows.
type flowStore struct {
	mu    sync.Mutex
	heads map[int64]store.Deployment // guarded by mu
	flows map[string]*flows.Flow     // guarded by mu
}

func (d *flowStore) List() []store.Deployment {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []store.Deployment
	for _, h := range d.heads {
		all = append(all, h)
	}
	return all
}

func (d *flowStore) Find(ref string) (*flows.Flow, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	flow, ok := d.flows[ref]
	return flow, ok
}

// put deploys flow 7 with the trigger, in force since this time.
func (d *flowStore) put(t *testing.T, trigger string, since time.Time, enabled bool) {
	t.Helper()
	flow, err := flows.Parse("f.yaml", fmt.Appendf(nil, "flow: 7\ntrigger: %s\nsteps: [{transform: .}]\n", trigger), steps.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	d.set(flow, since, enabled)
}

func (d *flowStore) set(flow *flows.Flow, since time.Time, enabled bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.heads = map[int64]store.Deployment{7: {Number: 7, Enabled: enabled, Schedule: flow.Schedule.Text(), Since: since}}
	d.flows = map[string]*flows.Flow{"7": flow}
}

// testScheduler is a Redis, flows, a clock, and a queue that only records submissions.
type testScheduler struct {
	t     *testing.T
	redis *testenv.RedisServer
	flowStore

	mu      sync.Mutex
	now     time.Time              // guarded by mu
	runs    []string               // guarded by mu; the times of accepted runs, as in their events
	events  []string               // guarded by mu
	guards  map[string]bool        // guarded by mu
	states  map[string]queue.State // guarded by mu; of runs that have not ended
	last    string                 // guarded by mu; id of the last run
	latest  queue.Submission       // guarded by mu
	begins  queue.State            // guarded by mu; of every run; empty: it ends at once
	refuses error                  // guarded by mu; of Submit
	loses   bool                   // guarded by mu; the worker is lost after Submit
}

func newTestScheduler(t *testing.T) *testScheduler {
	t.Helper()
	return &testScheduler{t: t, redis: testenv.Redis(t), now: start, guards: map[string]bool{}, states: map[string]queue.State{}}
}

var errLost = errors.New("the worker is lost")

func (r *testScheduler) submit(_ context.Context, s queue.Submission) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuses != nil {
		return r.refuses
	}
	if r.guards[s.IdempotencyKey.Key] {
		return queue.ErrReplayed
	}
	r.guards[s.IdempotencyKey.Key] = true
	var e struct {
		ScheduledAt time.Time `json:"scheduled_at"`
	}
	if err := json.Unmarshal(s.Event, &e); err != nil {
		return err
	}
	r.runs = append(r.runs, e.ScheduledAt.Format("01-02 15:04:05"))
	r.events = append(r.events, string(s.Event))
	r.latest = s
	if r.last = s.ID; r.begins != "" {
		r.states[s.ID] = r.begins
	}
	if r.loses {
		r.loses = false
		return errLost
	}
	return nil
}

func (r *testScheduler) state(_ context.Context, run string) (queue.State, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s, ok := r.states[run]; ok {
		return s, nil
	}
	return "", queue.ErrNotFound
}

func (r *testScheduler) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *testScheduler) setTime(after time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = start.Add(after)
}

// started returns the times of the runs that were accepted since the last call.
func (r *testScheduler) started() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.runs
	r.runs = nil
	slices.Sort(all)
	return all
}

func (r *testScheduler) worker(id string) *Scheduler {
	r.t.Helper()
	s, err := New(Config{
		Redis: r.redis.Client(), Log: slog.New(slog.DiscardHandler), ID: id, Flows: &r.flowStore,
		Submit: r.submit, State: r.state, Now: r.clock,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// expectRuns runs one check and expects runs of these times.
func (r *testScheduler) expectRuns(s *Scheduler, what string, want ...string) time.Duration {
	r.t.Helper()
	wait, err := s.pass(r.t.Context())
	if err != nil {
		r.t.Fatalf("%s: %v", what, err)
	}
	if diff := cmp.Diff(want, r.started()); diff != "" {
		r.t.Errorf("%s: runs (-want +got)\n%s", what, diff)
	}
	return wait
}

func TestTimesBecomeRuns(t *testing.T) {
	t.Parallel()
	r := newTestScheduler(t)
	r.put(t, "{schedule: {cron: '0,10 * * * *', time_zone: Asia/Tokyo}}", start, true)
	s := r.worker("a")
	r.expectRuns(s, "when it is deployed")
	r.setTime(10*time.Minute - 300*time.Millisecond)
	if wait := r.expectRuns(s, "before the time"); wait != 300*time.Millisecond {
		t.Errorf("waits %v, not until the time", wait)
	}
	r.setTime(10 * time.Minute)
	if wait := r.expectRuns(s, "at the time", "03-01 21:10:00"); wait != lookEvery {
		t.Errorf("waits %v: a change would be seen late", wait)
	}
	r.expectRuns(s, "right after it")
	if want := []string{`{"scheduled_at":"2025-03-01T21:10:00+09:00"}`}; !slices.Equal(r.events, want) {
		t.Errorf("events %s, want %s", r.events, want)
	}
	r.setTime(time.Hour + 20*time.Second)
	r.expectRuns(s, "a little late", "03-01 22:00:00")
}

// A scheduled run has the share and key of its flow. A key that cannot be computed does not stop the schedule.
func TestAScheduledRunTakesTurns(t *testing.T) {
	t.Parallel()
	for fairBy, want := range map[string]string{"tenant-${ .scheduled_at[0:4] }": "tenant-2025", "${ .scheduled_at.no }": ""} {
		r := newTestScheduler(t)
		source := fmt.Appendf(nil, "flow: 7\nrun: {share: 30, concurrency: 2, fair_by: %q}\ntrigger: {schedule: '@every 1m'}\nsteps: [{transform: .}]\n", fairBy)
		flow, err := flows.Parse("f.yaml", source, steps.Catalogue())
		if err != nil {
			t.Fatal(err)
		}
		r.set(flow, start, true)
		r.setTime(time.Minute)
		r.expectRuns(r.worker("a"), fairBy, "03-01 12:01:00")
		if got := r.latest; got.FairKey != want || got.Share != 30 || !got.Limited {
			t.Errorf("%s: key %q, share %d, gated %v; want %q, 30, true", fairBy, got.FairKey, got.Share, got.Limited, want)
		}
	}
}

// Many workers check concurrently, and one of them is lost at the worst moment.
func TestEachTimeIsOneRun(t *testing.T) {
	t.Parallel()
	r := newTestScheduler(t)
	r.put(t, "{schedule: '@every 1m'}", start, true)
	var fleet []*Scheduler
	for i := range 8 {
		fleet = append(fleet, r.worker(strconv.Itoa(i)))
	}
	all := func() {
		var crew sync.WaitGroup
		for _, s := range fleet {
			crew.Go(func() {
				if _, err := s.pass(t.Context()); err != nil && !errors.Is(err, errLost) {
					t.Error(err)
				}
			})
		}
		crew.Wait()
	}
	all()
	for minute := 1; minute <= 5; minute++ {
		r.setTime(time.Duration(minute)*time.Minute + time.Second/2)
		r.mu.Lock()
		r.loses = minute%2 == 1
		r.mu.Unlock()
		all()
		r.setTime(time.Duration(minute)*time.Minute + 3*time.Second)
		all()
		want := []string{start.Add(time.Duration(minute) * time.Minute).Format("01-02 15:04:05")}
		if diff := cmp.Diff(want, r.started()); diff != "" {
			t.Errorf("minute %d: runs (-want +got)\n%s", minute, diff)
		}
	}
}

// A worker that is lost while it decides is replaced when its claim expires; a worker that was stopped for as long
// does not change later decisions.
func TestAClaimThatIsNotLetGo(t *testing.T) {
	t.Parallel()
	r := newTestScheduler(t)
	r.put(t, "{schedule: '@every 1m'}", start, true)
	first, second := r.worker("first"), r.worker("second")
	r.setTime(time.Minute)
	flow, _ := r.Find("7")
	if answer, err := takeScript.Run(t.Context(), first.config.Redis, []string{keyMarks, keyClaims}, "first", 60_000, 7).StringSlice(); err != nil || answer[1] != "" {
		t.Fatal(answer, err)
	}
	r.expectRuns(second, "while another has the claim")
	if err := r.redis.Client().HSet(t.Context(), keyClaims, "7", "1 first").Err(); err != nil { // 1970: over
		t.Fatal(err)
	}
	r.setTime(time.Minute + 2*time.Second)
	r.expectRuns(second, "when it is over", "03-01 12:01:00")
	r.setTime(2 * time.Minute)
	r.expectRuns(second, "a minute later", "03-01 12:02:00")

	first.plans = map[int64]plan{7: {since: start}}
	r.setTime(time.Minute)
	m, err := first.one(t.Context(), flow, mark{}) // it continues where it was stopped
	if err := errors.Join(err, first.record(t.Context(), 7, m, false)); err != nil {
		t.Fatal(err)
	}
	if got := r.started(); got != nil {
		t.Errorf("the stopped worker made runs %v", got)
	}
	value, err := r.redis.Client().HGet(t.Context(), keyMarks, "7").Result()
	if want := start.Add(2 * time.Minute).Unix(); err != nil || parseMark(value).at.Unix() != want || parseMark(value).run != r.last {
		t.Errorf("the mark is %q, %v; want %d and the last run", value, err, want)
	}
}

func TestCatchUp(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rule string
		want []string
	}{
		{"cron: '0 * * * *'", nil},
		{"cron: '0 * * * *', catch_up: last", []string{"03-01 17:00:00"}},
		{"cron: '0 * * * *', catch_up: all, overlap: allow", []string{"03-01 13:00:00", "03-01 14:00:00", "03-01 15:00:00", "03-01 16:00:00", "03-01 17:00:00"}},
		{"cron: '0 * * * *', catch_up: all, catch_up_limit: 2", []string{"03-01 16:00:00", "03-01 17:00:00"}},
		{"cron: '30 12 * * *', catch_up: last", []string{"03-01 12:30:00"}},
		{"cron: '0 11 * * *', catch_up: last", nil}, // not once since it is in force
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			r := newTestScheduler(t)
			r.put(t, "{schedule: {"+c.rule+"}}", start, true)
			r.setTime(5*time.Hour + 10*time.Minute)
			r.expectRuns(r.worker("a"), "after the outage", c.want...)
			r.expectRuns(r.worker("b"), "another worker")
		})
	}
}

// A time that is too old to be sure that it has not run is not caught up.
func TestCatchUpEndsWhereGuardsAreForgotten(t *testing.T) {
	t.Parallel()
	r := newTestScheduler(t)
	r.put(t, "{schedule: {cron: '0 * * * *', catch_up: all}}", start, true)
	r.setTime(10 * 24 * time.Hour)
	s := r.worker("a")
	if _, err := s.pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := r.started(); len(got) != 23 || got[0] != "03-10 14:00:00" || got[22] != "03-11 12:00:00" {
		t.Errorf("runs %v, want those of the last 23 hours", got)
	}
	// A rare one can be caught up for longer.
	r = newTestScheduler(t)
	r.put(t, "{schedule: {cron: '0 9 2 * *', catch_up: last}}", start, true)
	r.setTime(20 * 24 * time.Hour)
	r.expectRuns(r.worker("a"), "eighteen days late", "03-02 09:00:00")
}

func TestOverlap(t *testing.T) {
	t.Parallel()
	r := newTestScheduler(t)
	r.begins = queue.Running
	s := r.worker("a")
	r.put(t, "{schedule: '@every 1m'}", start, true)
	r.setTime(time.Minute)
	r.expectRuns(s, "the first", "03-01 12:01:00")
	r.setTime(2 * time.Minute)
	r.expectRuns(s, "while it runs")
	r.mu.Lock()
	r.states[r.last] = queue.Succeeded
	r.mu.Unlock()
	r.setTime(2*time.Minute + 30*time.Second)
	r.expectRuns(s, "what was skipped is not made up for")
	r.setTime(3 * time.Minute)
	r.expectRuns(s, "when it has ended", "03-01 12:03:00")

	r.put(t, "{schedule: {cron: '@every 1m', overlap: allow}}", start, true)
	r.setTime(4 * time.Minute)
	r.expectRuns(s, "allowed", "03-01 12:04:00")
}

// Missed times are caught up one after the other, when runs must not overlap.
func TestCatchUpWithoutOverlap(t *testing.T) {
	t.Parallel()
	r := newTestScheduler(t)
	r.begins = queue.Waiting
	s := r.worker("a")
	r.put(t, "{schedule: {cron: '0 * * * *', catch_up: all}}", start, true)
	for i, want := range []string{"03-01 13:00:00", "03-01 14:00:00"} {
		r.setTime(2*time.Hour + time.Duration(10+2*i)*time.Minute)
		r.expectRuns(s, "one", want)
		r.setTime(2*time.Hour + time.Duration(11+2*i)*time.Minute)
		r.expectRuns(s, "the next waits for its end")
		r.mu.Lock()
		delete(r.states, r.last)
		r.mu.Unlock()
	}
}

func TestChangesTakeEffect(t *testing.T) {
	t.Parallel()
	r := newTestScheduler(t)
	s := r.worker("a")
	r.put(t, "{schedule: {cron: '0 * * * *', catch_up: all}}", start, true)
	r.setTime(time.Hour)
	r.expectRuns(s, "enabled", "03-01 13:00:00")
	r.put(t, "{schedule: {cron: '0 * * * *', catch_up: all}}", start, false)
	r.setTime(2 * time.Hour)
	r.expectRuns(s, "disabled")
	r.put(t, "{schedule: {cron: '0 * * * *', catch_up: all}}", start.Add(2*time.Hour+time.Minute), true)
	r.setTime(2*time.Hour + 2*time.Minute)
	r.expectRuns(s, "what passed meanwhile was not its own")
	r.put(t, "{schedule: {cron: '*/5 * * * *', catch_up: all}}", start.Add(2*time.Hour+3*time.Minute), true)
	r.setTime(2*time.Hour + 5*time.Minute)
	r.expectRuns(s, "another schedule", "03-01 14:05:00")
}

// A refused submission is repeated while its time is not too old.
func TestTheQueueRefuses(t *testing.T) {
	t.Parallel()
	r := newTestScheduler(t)
	s := r.worker("a")
	r.put(t, "{schedule: '@every 10m'}", start, true)
	r.setTime(10 * time.Minute)
	r.refuses = queue.ErrFull
	if wait, err := s.pass(t.Context()); !errors.Is(err, queue.ErrFull) || wait != lookEvery {
		t.Fatalf("waits %v, %v", wait, err)
	}
	r.refuses = nil
	r.setTime(10*time.Minute + 2*time.Second)
	r.expectRuns(s, "when it takes runs again", "03-01 12:10:00")
}

func TestPollsAreToldTheirWatermark(t *testing.T) {
	t.Parallel()
	r := newTestScheduler(t)
	s := r.worker("a")
	s.config.Watermark = func(_ context.Context, flow *flows.Flow) ([]byte, error) {
		return fmt.Appendf(nil, `{"after": %d}`, flow.Number), nil
	}
	r.put(t, "{poll: '@every 1m'}", start, true)
	r.setTime(time.Minute)
	r.expectRuns(s, "a poll", "03-01 12:01:00")
	if want := `{"scheduled_at":"2025-03-01T12:01:00Z","watermark":{"after":7}}`; r.events[0] != want {
		t.Errorf("event %s, want %s", r.events[0], want)
	}
}

// Two schedulers run on one Redis and a real queue, by Redis' own clock.
func TestTwoWorkersOnOneRedis(t *testing.T) {
	t.Parallel()
	r := newTestScheduler(t)
	conn, err := redisconn.Parse(r.redis.URL())
	if err != nil {
		t.Fatal(err)
	}
	client, err := queue.NewClient(queue.Config{Redis: conn, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan string, 100)
	submit := func(ctx context.Context, s queue.Submission) error {
		ticket, err := client.Submit(ctx, s)
		if err != nil {
			return err
		}
		ticket.Close()
		accepted <- string(s.Event)
		return nil
	}
	r.put(t, "{schedule: {cron: '@every 1s', overlap: allow}}", time.Now(), true)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	t.Cleanup(func() { cancel(); running.Wait(); _ = client.Close() })
	for _, id := range []string{"a", "b"} {
		s := r.worker(id)
		s.config.Submit, s.config.Now = submit, nil
		running.Go(func() {
			if err := s.Run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	var seen []string
	for len(seen) < 3 {
		e := testenv.Receive(t, accepted, fmt.Sprint("a run after ", seen))
		if slices.Contains(seen, e) {
			t.Errorf("%s became two runs", e)
		}
		seen = append(seen, e)
	}
	cancel()
	running.Wait()
	if n, err := r.redis.Client().LLen(t.Context(), "asynq:{default}:pending").Result(); err != nil || int(n) != len(seen)+len(accepted) {
		t.Errorf("%d tasks for %d times, %v", n, len(seen)+len(accepted), err)
	}
}

// meter counts the times of flow 1.
type meter map[string]int

func (m meter) Times(_ int64, outcome string, n int) { m[outcome] += n }

// Times are counted by outcome.
func TestTimesAreCounted(t *testing.T) {
	t.Parallel()
	r := newTestScheduler(t)
	s, counted := r.worker("a"), meter{}
	s.config.Meter = counted
	r.put(t, "{schedule: {cron: '0 * * * *', catch_up: all, catch_up_limit: 2, overlap: allow}}", start, true)
	r.setTime(5*time.Hour + 10*time.Minute)
	r.expectRuns(s, "five have passed, two are made up for", "03-01 16:00:00", "03-01 17:00:00")
	if diff := cmp.Diff(meter{"started": 2, "missed": 3}, counted); diff != "" {
		t.Errorf("after an outage (-want +got)\n%s", diff)
	}
	r.expectRuns(s, "again")

	r = newTestScheduler(t)
	r.begins = queue.Running
	s, counted = r.worker("a"), meter{}
	s.config.Meter = counted
	r.put(t, "{schedule: '@every 1m'}", start, true)
	r.setTime(time.Minute)
	r.expectRuns(s, "the first", "03-01 12:01:00")
	r.setTime(2 * time.Minute)
	r.expectRuns(s, "while it runs")
	if diff := cmp.Diff(meter{"started": 1, "skipped": 1}, counted); diff != "" {
		t.Errorf("while a run goes on (-want +got)\n%s", diff)
	}
}
