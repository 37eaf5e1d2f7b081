//go:build faults

package faults

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/client"
	"github.com/penstock/penstock/internal/testenv"
)

// The tests of this file measure how flows share one queue, so none of them
// runs beside others.

// work is how long a run of the flow "work" takes.
const work = 500 * time.Millisecond

// flowText is a flow whose only effect is one request to the sink at a path.
func flowText(number int, slug, path string) string {
	return fmt.Sprintf("flow: %d\nslug: %s\nname: One effect\ntrigger: webhook\nrun: {limit: 60s}\nsteps:\n"+
		"  - name: one\n    http: {put: \"${ $event.sink }/%s\", json: {n: \"${ .n }\"}}\n  - transform: '{n: .body.n}'\n", number, slug, path)
}

// writeFlows makes a directory of flows by their slugs; "small" is there always.
func writeFlows(t *testing.T, slugs ...string) string {
	t.Helper()
	dir := t.TempDir()
	texts := map[string]string{"small": "flow: 999\nslug: small\nname: One set\ntrigger: webhook\nrun: {limit: 60s}\nsteps:\n  - set: {n: \"${ .n }\"}\n  - transform: '{n}'\n"}
	for i, slug := range slugs {
		texts[slug] = flowText(i+1, slug, slug)
		if slug == "gated" {
			texts[slug] = gatedText
		}
	}
	for slug, text := range texts {
		if err := os.WriteFile(filepath.Join(dir, slug+".yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// sharing is one queue with default settings but for its slots.
type sharing struct {
	*caller
	t     *testing.T
	redis *testenv.RedisServer
	calls atomic.Int64 // of small: no two are equal
}

func newSharing(t *testing.T, workers, slots int, slugs ...string) *sharing {
	server, s := testenv.Redis(t), newSink(t)
	f := newFleetWith(t, server.URL(), writeFlows(t, slugs...), 1, workers, fmt.Sprint("PENSTOCK_CONCURRENCY=", slots))
	return &sharing{caller: newCaller(t, f, s), t: t, redis: server}
}

// backlog starts runs that nobody waits for and returns when all are accepted.
func (s *sharing) backlog(flows ...string) {
	s.t.Helper()
	s.startAll(flows, "")
}

// start does the same with n runs of one flow, whose events have one more member.
func (s *sharing) start(flow, member string, n int) {
	s.t.Helper()
	s.startAll(slices.Repeat([]string{flow}, n), ","+member)
}

func (s *sharing) startAll(flows []string, members string) {
	s.t.Helper()
	door, err := client.New(client.Config{URL: s.fleet.api(0).url, Key: apiKey, Secret: apiSecret, HTTP: s.http})
	if err != nil {
		s.t.Fatal(err)
	}
	event := fmt.Appendf(nil, `{"n":1,"sink":%q%s}`, s.sink.url, members)
	next := make(chan string)
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			for flow := range next {
				if _, err := door.Start(s.t.Context(), client.Request{Flow: flow, Event: event, Async: true}); err != nil {
					s.t.Error("start a run: ", err)
				}
			}
		})
	}
	for _, flow := range flows {
		next <- flow
	}
	close(next)
	all.Wait()
}

// small calls the flow "small" through one of the doors at which callers wait.
func (s *sharing) small() (took time.Duration, err error) {
	door, err := client.New(client.Config{URL: s.fleet.api(0).url, Key: apiKey, Secret: apiSecret, HTTP: s.http})
	if err != nil {
		return 0, err
	}
	n := s.calls.Add(1)
	event, begun := fmt.Appendf(nil, `{"n":%d}`, n), time.Now()
	var run *client.Run
	if n%2 == 0 {
		run, err = door.Start(s.t.Context(), client.Request{Flow: "small", Event: event})
	} else {
		run, err = door.Execute(s.t.Context(), "small", event, nil)
	}
	took = time.Since(begun)
	if err == nil && !bytes.Contains(run.Output, event) {
		err = fmt.Errorf("the output is %s", run.Output)
	}
	return took, err
}

// smalls makes n such calls, some at once, and checks that all have their
// output, 99 % of them within the goal.
func (s *sharing) smalls(what string, n, atOnce int, goal time.Duration) {
	s.t.Helper()
	times := make([]time.Duration, n)
	next := make(chan int)
	var all sync.WaitGroup
	for range atOnce {
		all.Go(func() {
			for i := range next {
				var err error
				if times[i], err = s.small(); err != nil {
					s.t.Errorf("%s: call %d after %v: %v", what, i, times[i], err)
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	all.Wait()
	slices.Sort(times)
	p99 := times[n*99/100-1]
	s.t.Logf("%s, %d calls, %d at once: p50 %v, p99 %v, slowest %v", what, n, atOnce,
		times[n/2].Round(time.Millisecond), p99.Round(time.Millisecond), times[n-1].Round(time.Millisecond))
	if p99 > goal {
		s.t.Errorf("%s: p99 is %v, the goal %v", what, p99, goal)
	}
}

// allSucceed waits until nothing is left to do, and checks that every run has succeeded. A
// backlog's runs end later than their limits after their acceptance: their time counts from their start.
func (s *sharing) allSucceed() {
	s.t.Helper()
	checkNothingLeft(s.t, s.redis.Client())
	for id, r := range records(s.t, s.redis.Client()) {
		if r.state != "succeeded" {
			s.t.Errorf("run %s is %s: %s", id, r.state, r.failure)
		}
	}
}

// A thousand runs that nobody waits for make no caller of another flow wait.
func TestABacklogMakesNoOtherFlowWait(t *testing.T) {
	s := newSharing(t, 1, 8, "work")
	s.sink.slow(work)
	s.smalls("nothing else", 100, 1, 2*time.Second)
	s.backlog(slices.Repeat([]string{"work"}, 1000)...)
	s.smalls("1,000 runs of 0.5 s pending, 8 slots", 200, 1, 2*time.Second)
	s.smalls("the same", 400, 8, 2*time.Second)
	if done := s.sink.count(); done > 900 {
		t.Errorf("the backlog had %d of 1,000 runs behind it: it was none", done)
	}
	s.allSucceed()
}

// Callers of a flow whose system hangs make no caller of another flow wait.
func TestAHangingSystemMakesNoOtherFlowWait(t *testing.T) {
	s := newSharing(t, 1, 16, "hangs")
	release := s.sink.holdBack("hangs")
	answered := make(chan *call)
	const hanging = 40
	for i := range hanging {
		go func() { answered <- s.do(context.Background(), &call{flow: "hangs", n: i}) }()
	}
	for range 16 {
		<-s.sink.reached
	}
	s.smalls("40 calls of a flow whose system hangs, 16 slots", 200, 1, time.Second)
	s.smalls("the same", 400, 8, time.Second)
	release()
	for range hanging {
		if c := <-answered; c.last().status != http.StatusOK {
			t.Errorf("hanging call %d: %+v", c.n, c.last())
		}
	}
	checkAll(t, s.redis.Client(), s.history, s.sink)
}

// Fifty flows with unequal loads get equal shares for as long as all have runs in line.
func TestFiftyFlowsGetEqualShares(t *testing.T) {
	const flows, each = 50, 100 * time.Millisecond
	window := time.Duration(pick(20, 60)) * time.Second
	var slugs, load []string
	for i := range flows {
		slugs = append(slugs, fmt.Sprint("flow-", i+1))
		for range pick(90, 260) * (1 + i%5) {
			load = append(load, slugs[i])
		}
	}
	s := newSharing(t, 0, 16, slugs...)
	s.sink.slow(each)
	s.backlog(load...)
	s.fleet.workers = append(s.fleet.workers, s.fleet.spawn("worker", "worker"))
	eventually(t, startLimit, "the worker works", func() bool { return s.sink.count() > 0 })
	before := s.sink.count()
	<-time.After(window)
	turns := map[string]int{}
	for _, e := range s.sink.seen()[before:] {
		turns[e.step]++
	}
	sum, least, most := 0, len(load), 0
	for _, slug := range slugs {
		sum, least, most = sum+turns[slug], min(least, turns[slug]), max(most, turns[slug])
	}
	equal := float64(sum) / flows
	t.Logf("%d flows with 1 to 5 times as many runs in line, 16 slots, %v: %d runs, of a flow %d to %d, %.1f were equal", flows, window, sum, least, most, equal)
	if float64(least) < 0.8*equal || float64(most) > 1.2*equal {
		t.Errorf("shares differ by more than 20 %% from equal: %s", fmt.Sprint(turns))
	}
	for slug := range turns {
		if left := s.redis.Client().ZCard(t.Context(), asynqs+"g:flow-"+strings.TrimPrefix(slug, "flow-")).Val(); left == 0 {
			t.Errorf("%s had nothing left in line", slug)
		}
	}
}

// gatedText is a flow of which two runs execute at once, and the others stand in line.
const gatedText = "flow: 998\nslug: gated\nname: Two at once\ntrigger: webhook\nrun: {limit: 60s, concurrency: {limit: 2, when_full: queue}}\nsteps:\n" +
	"  - http: {put: \"${ $event.sink }/gated\", json: {n: \"${ .n }\"}}\n    if: $event.first\n  - set: {n: 1}\n  - transform: '{n}'\n"

// Everything that was told 202 runs, also what stands in a line of more than ten thousand.
func TestWhatIsToldAcceptedRuns(t *testing.T) {
	accepted := pick(2_000, 11_000)
	s := newSharing(t, 1, 8, "gated")
	release := s.sink.holdBack("gated")
	s.start("gated", `"first":true`, 2)
	<-s.sink.reached
	<-s.sink.reached
	s.start("gated", `"first":false`, accepted)
	eventually(t, 5*time.Minute, "all stand in line", func() bool {
		return s.redis.Client().SCard(t.Context(), ours+"gated:998").Val() == int64(accepted)
	})
	s.smalls(fmt.Sprint(accepted, " runs in line at a concurrency limit, 8 slots"), 100, 1, 2*time.Second)
	release()
	begun := time.Now()
	eventually(t, 10*time.Minute, "all have ended", func() bool {
		return s.redis.Client().ZCard(t.Context(), ours+"due").Val() == 0
	})
	t.Logf("%d runs went through a limit of two within %v", accepted, time.Since(begun).Round(100*time.Millisecond))
	runs := records(t, s.redis.Client())
	for id, r := range runs {
		if r.state != "succeeded" {
			t.Errorf("run %s is %s: %s", id, r.state, r.failure)
		}
	}
	if len(runs) != accepted+2+100 {
		t.Errorf("%d runs, want %d", len(runs), accepted+2+100)
	}
}
