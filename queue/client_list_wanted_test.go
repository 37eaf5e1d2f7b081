package queue

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/testenv"
)

// storeEnded stores ended runs in Redis, as workers leave them, of which every tenth has failed. archived: the history has them, too.
func (r *testQueue) storeEnded(n int, h *fakeHistory) {
	r.t.Helper()
	ctx, k, now := r.t.Context(), keysOf("default"), time.Now()
	pipe := r.redis.Pipeline()
	pipe.SAdd(ctx, asynqQueues, "default")
	for i := range n {
		at := now.Add(-time.Duration(n-i) * time.Millisecond)
		record := Record{Spec: Spec{Flow: int64(i%30 + 1), Version: "v", Queue: "default", Accepted: at, Principal: fmt.Sprintf("key:k%d", i%4)}, Attempt: 1}
		record.State, record.Times = Succeeded, Times{Accepted: at, Started: at, Finished: at}
		if i%10 == 0 {
			record.State, record.Error = Failed, &flows.Error{Code: "http", Message: "uncertain weather"}
		}
		a, list := Archive(record), k.ended()
		if h != nil {
			h.runs[a.ID], list = a, k.archived()
		}
		pipe.HSet(ctx, k.runPrefix()+a.ID, a.Record)
		pipe.ZAdd(ctx, k.index(), redis.Z{Score: float64(at.UnixMilli()), Member: a.ID})
		pipe.RPush(ctx, list, a.ID)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		r.t.Fatal(err)
	}
}

// commands returns how many commands Redis has executed since the last call, without those of this function.
func (r *testQueue) commands() (n int) {
	r.t.Helper()
	info, err := r.redis.Info(r.t.Context(), "commandstats").Result()
	if err != nil {
		r.t.Fatal(err)
	}
	for line := range strings.Lines(info) {
		var calls int
		if name, rest, _ := strings.Cut(line, ":"); strings.HasPrefix(name, "cmdstat_") && !strings.HasPrefix(name, "cmdstat_config") && name != "cmdstat_info" {
			if _, err := fmt.Sscanf(rest, "calls=%d", &calls); err != nil {
				r.t.Fatal(err)
			}
			n += calls
		}
	}
	if err := r.redis.ConfigResetStat(r.t.Context()).Err(); err != nil {
		r.t.Fatal(err)
	}
	return n
}

var isFailed = []Condition{{Field: "state", Values: []string{"failed"}}} // read only

// The number of commands for a page does not depend on the number of stored runs.
func TestAPageOfRunsCostsTheSameWhateverIsStored(t *testing.T) {
	t.Parallel()
	const page = 51
	for _, tc := range []struct {
		name    string
		list    List
		history bool
		most    int // commands
	}{
		{"the newest", List{}, false, page + 10},
		{"the newest, with a history", List{}, true, page + 10},
		{"open", List{Where: []Condition{{Field: "state", Values: []string{"waiting"}}}}, false, 10},
		{"failed, with a history", List{Where: isFailed}, true, page + 10},
		{"failed of a flow, with a history", List{Where: append(OfFlow(1), isFailed...)}, true, page + 10},
	} {
		for _, stored := range []int{1000, 3000} {
			var r *testQueue
			var h *fakeHistory
			if tc.history {
				r, h = newHistoryQueue(t)
			} else {
				r = newTestQueue(t, testenv.Redis(t).URL())
			}
			r.storeEnded(stored, h)
			tc.list.Most = page
			r.commands()
			got := 0
			if _, more, err := r.client.List(t.Context(), tc.list, func(*Record) { got++ }); err != nil || tc.most > page && (got != page || !more) {
				t.Errorf("%s of %d: %d runs, more %v, %v", tc.name, stored, got, more, err)
			}
			if n := r.commands(); n > tc.most {
				t.Errorf("%s of %d: %d commands, want %d at most", tc.name, stored, n, tc.most)
			}
		}
	}
}

// Without a history the runs that are not wanted are looked at in their order, and counted, but not read as a whole.
func TestRunsThatAreNotWantedAreCounted(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	r.storeEnded(500, nil)
	for name, tc := range map[string]struct {
		where []Condition
		want  int
	}{
		"failed":           {isFailed, 50},
		"a flow":           {OfFlow(4), 17},
		"failed of a flow": {append(OfFlow(11), isFailed...), 17},
		"none of a flow":   {append(OfFlow(2), isFailed...), 0},
		"a principal":      {[]Condition{{Field: "principal", Values: []string{"key:k1", "key:k2"}}}, 250},
		"a version":        {[]Condition{{Field: "version", Values: []string{"v"}}}, 500},
		"no such version":  {[]Condition{{Field: "version", Values: []string{"w"}}}, 0},
		"a code":           {[]Condition{{Field: "code", Values: []string{"http"}}}, 50},
		"as a message":     {[]Condition{{Field: "code", Values: []string{"uncertain"}}}, 50}, // what lists runs looks at the code itself
		"no such code":     {[]Condition{{Field: "code", Values: []string{"crashed"}}}, 0},
		"an odd code":      {[]Condition{{Field: "code", Values: []string{"x<"}}}, 500},
		"another field":    {[]Condition{{Field: "step", Values: []string{"x"}}}, 500},
	} {
		got, unwanted := 0, 0
		_, more, err := r.client.List(t.Context(), List{Where: tc.where, Unwanted: &unwanted}, func(record *Record) {
			if got++; record.Spec.Flow == 0 {
				t.Errorf("%s: %+v", name, record)
			}
		})
		if err != nil || more || got != tc.want || got+unwanted != 500 {
			t.Errorf("%s: %d wanted, %d not, more %v, %v", name, got, unwanted, more, err)
		}
	}
}

// Every run that is wanted is listed once, whether it is open, waits for the history, is in both, or has changed since; also while the history
// is away, as far as Redis has it.
func TestAListWithConditionsIsWhole(t *testing.T) {
	t.Parallel()
	r, h := newHistoryQueue(t)
	r.storeEnded(100, h) // in both: 10 have failed
	r.archive(h)         // of which Redis has none any more
	inHistory, _ := r.list(List{Where: isFailed})
	r.storeEnded(50, h)
	inBoth, _ := r.list(List{Where: isFailed})
	r.storeEnded(20, nil)
	waiting, _ := r.list(List{Where: isFailed})
	changed := inBoth[0]
	r.redis.HSet(t.Context(), keysOf("default").runPrefix()+changed, "state", "succeeded", "changed", "1")
	r.redis.RPush(t.Context(), keysOf("default").ended(), changed, changed)
	open := r.submit(Submission{Spec: spec()}).RunID()
	if len(inHistory) != 10 || len(inBoth) != 15 || len(waiting) != 17 {
		t.Fatalf("%d in the history, %d with those in both, %d with those that wait", len(inHistory), len(inBoth), len(waiting))
	}
	check := func(name string, l List, want []string) {
		t.Helper()
		var got []string
		for l.Most = 4; ; { // by pages
			next, more, err := r.client.List(t.Context(), l, func(record *Record) {
				if slices.Contains(l.Where[0].Values, string(record.State)) {
					got = append(got, record.ID)
				}
			})
			if err != nil && !errors.Is(err, ErrHistory) {
				t.Fatal(err)
			}
			if l.After = next; !more || next == (Place{}) || err != nil && len(got) >= len(want) {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	want := slices.DeleteFunc(slices.Clone(waiting), func(id string) bool { return id == changed })
	check("failed", List{Where: isFailed}, want)
	check("open", List{Where: []Condition{{Field: "state", Values: []string{"queued"}}}}, []string{open})
	slices.Reverse(want)
	check("the oldest first", List{Where: isFailed, Oldest: true}, want)
	h.fail = errors.New("away")
	check("without the history", List{Where: isFailed, Oldest: true}, want[10:])
}

// When many runs wait for the history, they are found in their order.
func TestAListWhileManyRunsWaitForTheHistory(t *testing.T) {
	t.Parallel()
	r, _ := newHistoryQueue(t)
	r.storeEnded(maxUnarchived+100, nil)
	got, more := r.list(List{Where: isFailed, Most: 200})
	if len(got) != 20 || !more {
		t.Errorf("%d of the first 200, more %v", len(got), more)
	}
}
