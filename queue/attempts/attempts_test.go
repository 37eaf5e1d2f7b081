package attempts

import (
	"testing"
	"time"

	"github.com/penstock/penstock/queue"
)

// at is a moment of a test, in seconds after the run was accepted.
func at(seconds int) time.Time { return time.Unix(1_800_000_000+int64(seconds), 0) }

// recordOf returns a run in a state, with its latest attempt.
func recordOf(state queue.State, attempt, started, finished, crashes int) *queue.Record {
	r := &queue.Record{Attempt: attempt, Crashes: crashes}
	r.State, r.Times.Accepted = state, at(0)
	if started >= 0 {
		r.Times.Started = at(started)
	}
	if finished >= 0 {
		r.Times.Finished = at(finished)
	}
	return r
}

// attemptOf returns an attempt that has parked the run; until is negative for a wait without an end.
func attemptOf(number, started, ended, until int) Attempt {
	a := Attempt{Number: number, Started: at(started), Ended: at(ended), Wait: Wait{For: "delay"}}
	if until >= 0 {
		a.Wait.Until = at(until)
	}
	return a
}

func TestTimesOf(t *testing.T) {
	t.Parallel()
	s := time.Second
	for name, test := range map[string]struct {
		list []Attempt
		run  *queue.Record
		now  int
		want Times
	}{
		"never parked":              {nil, recordOf(queue.Succeeded, 1, 2, 5, 0), 9, Times{Queue: 2 * s, Steps: 3 * s}},
		"executes":                  {nil, recordOf(queue.Running, 1, 2, -1, 0), 9, Times{Queue: 2 * s, Steps: 7 * s}},
		"has not begun":             {nil, recordOf(queue.Queued, 0, -1, -1, 0), 9, Times{Queue: 9 * s}},
		"waits for a place":         {nil, recordOf(queue.Waiting, 1, 2, -1, 0), 9, Times{Queue: 2 * s, Parked: 7 * s}},
		"parked now":                {[]Attempt{attemptOf(1, 2, 5, 100)}, recordOf(queue.Waiting, 1, 2, -1, 0), 30, Times{Queue: 2 * s, Steps: 3 * s, Parked: 25 * s}},
		"due, and in line":          {[]Attempt{attemptOf(1, 2, 5, 20)}, recordOf(queue.Queued, 1, 2, -1, 0), 30, Times{Queue: 12 * s, Steps: 3 * s, Parked: 15 * s}},
		"went on at its time":       {[]Attempt{attemptOf(1, 2, 5, 20)}, recordOf(queue.Succeeded, 2, 24, 31, 0), 50, Times{Queue: 6 * s, Steps: 10 * s, Parked: 15 * s}},
		"was called before":         {[]Attempt{attemptOf(1, 2, 5, 200)}, recordOf(queue.Succeeded, 2, 24, 31, 0), 50, Times{Queue: 2 * s, Steps: 10 * s, Parked: 19 * s}},
		"waits without an end":      {[]Attempt{attemptOf(1, 2, 5, -1)}, recordOf(queue.Succeeded, 2, 24, 31, 0), 50, Times{Queue: 2 * s, Steps: 10 * s, Parked: 19 * s}},
		"cancelled while parked":    {[]Attempt{attemptOf(1, 2, 5, 20)}, recordOf(queue.Cancelled, 1, 2, 12, 0), 50, Times{Queue: 2 * s, Steps: 3 * s, Parked: 7 * s}},
		"lost before the first":     {nil, recordOf(queue.Succeeded, 3, 20, 25, 2), 50, Times{Lost: 20 * s, Steps: 5 * s}},
		"lost after it was parked":  {[]Attempt{attemptOf(1, 2, 5, 20)}, recordOf(queue.Succeeded, 3, 30, 31, 1), 50, Times{Queue: 2 * s, Steps: 4 * s, Parked: 15 * s, Lost: 10 * s}},
		"handed back, nothing lost": {nil, recordOf(queue.Succeeded, 3, 20, 25, 0), 50, Times{Queue: 20 * s, Steps: 5 * s}},
	} {
		h := History{List: test.list}
		got := h.TimesOf(test.run, at(test.now))
		if got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
		end := at(test.now)
		if test.run.State.Terminal() {
			end = test.run.Times.Finished
		}
		if sum := got.Queue + got.Steps + got.Parked + got.Lost; sum != end.Sub(at(0)) {
			t.Errorf("%s: the parts are %v of %v", name, sum, end.Sub(at(0)))
		}
	}
}

// Attempts that are not listed any more count as before.
func TestHistoryIsBounded(t *testing.T) {
	t.Parallel()
	var h, all History
	const n = most + 60
	for i := range n {
		a := attemptOf(i+1, 10*i+2, 10*i+5, 10*i+9)
		h.Add(a, at(0))
		all.List = append(all.List, a)
	}
	if len(h.List) != most || h.Folded.Attempts != 60 || h.List[0].Number != 61 || h.List[most-1].Number != n {
		t.Fatalf("%d attempts from %d on, folded %+v", len(h.List), h.List[0].Number, h.Folded)
	}
	run := recordOf(queue.Succeeded, n+1, 10*n+2, 10*n+4, 0)
	if got, want := h.TimesOf(run, at(0)), all.TimesOf(run, at(0)); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
