package runlist

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/failure"
	"github.com/penstock/penstock/queue"
)

// Record makes a fakeLister a Chooser.
func (s *fakeLister) Record(_ context.Context, id string) (queue.Record, error) {
	if i := slices.IndexFunc(s.runs, func(r queue.Record) bool { return r.ID == id }); i >= 0 {
		return s.runs[i], nil
	}
	return queue.Record{}, queue.ErrNotFound
}

func TestChoose(t *testing.T) {
	t.Parallel()
	s := listerOf(10, 4)
	notSix := func(r *queue.Record) bool { return r.Flow != 6 }
	for i := range s.runs {
		s.runs[i].Version = string(rune('a' + s.runs[i].Flow))
	}
	for _, c := range []struct {
		choice Choice
		want   string
	}{
		{Choice{Filter: failed}, "run-000012 run-000011 run-000010"}, // 13 is of flow 6
		{Choice{Runs: []string{"run-000002", "run-000001", "run-000002", "run-000099", "run-000006"}}, "run-000001 run-000002"},
		{Choice{Runs: []string{}}, ""},
	} {
		got, err := Choose(t.Context(), s, c.choice, 100, notSix)
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%+v: %v, %v", c.choice, got, err)
		}
	}
	asOf := time.UnixMilli(1795953600000)
	s.runs[12].Times.Accepted, s.runs[12].Times.Finished = asOf.Add(-time.Second), asOf // the only one of three that the plan has seen
	s.runs[11].Times.Accepted, s.runs[11].Times.Finished = asOf.Add(-time.Second), asOf.Add(time.Millisecond)
	s.runs[10].Times.Accepted = asOf.Add(time.Millisecond)
	for _, c := range []Choice{{Filter: failed, AsOf: asOf}, {Runs: []string{s.runs[10].ID, s.runs[11].ID, s.runs[12].ID}, AsOf: asOf}} {
		got, err := Choose(t.Context(), s, c, 100, notSix)
		if want := map[bool]int{true: 3, false: 1}[c.Runs != nil]; err != nil || len(got) != want || !slices.Contains(got, s.runs[12].ID) {
			t.Errorf("%+v: %v, %v", c, got, err)
		}
	}
	for _, bad := range []Choice{{Filter: "x"}, {Runs: []string{"a"}, Filter: failed}, {Runs: []string{"a"}, Search: "x"}, {Runs: make([]string, MaxChosen+1)}, {Search: strings.Repeat("x", 501)}} {
		var wrong *listing.Error
		if _, err := Choose(t.Context(), s, bad, 100, notSix); !errors.As(err, &wrong) {
			t.Errorf("%.80v is taken: %v", bad, err)
		}
	}
}

// The runs of a failure are those that it was recorded with, and their flow and states are looked up.
func TestRunsOfAFailure(t *testing.T) {
	t.Parallel()
	failedAt := func(state queue.State, message string) queue.Record {
		r := queue.Record{Spec: queue.Spec{Flow: 7}}
		r.State, r.Error = state, &flows.Error{Code: flows.CodeStepFailed, Step: "charge", Message: message}
		return r
	}
	id := failure.IDOf(failure.Run{Flow: 7, Step: "charge", Code: "step_failed", Message: "order 12 is not paid"})
	q, err := listing.Parse(url.Values{"filter": {`failure eq "` + id + `"`}}.Encode(), Schema())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		run  queue.Record
		want bool
	}{
		{failedAt(queue.Failed, "order 99 is not paid"), true}, {failedAt(queue.TimedOut, "order 99 is not paid"), true},
		{failedAt(queue.Failed, "no order is paid"), false}, {failedAt(queue.Cancelled, "order 12 is not paid"), false}, {queue.Record{}, false},
	} {
		if got := q.Match(&c.run); got != c.want {
			t.Errorf("%s %v: %v", c.run.State, c.run.Error, got)
		}
	}
	scan, _, err := scanOf(q)
	if err != nil || len(scan.Where) != 2 || scan.Where[0].Field != "flow" || scan.Where[0].Values[0] != "7" || scan.Where[1].Field != "state" {
		t.Errorf("looked up: %+v, %v", scan.Where, err)
	}
}

// A page says until when its runs were counted, also when it is full.
func TestAPageSaysUntilWhenItCounted(t *testing.T) {
	t.Parallel()
	page := find(t, listerOf(15_000, 0))
	if want := epoch.Add(-(firstBatch - 1) * time.Second); !page.AtLeast || page.CountedBackTo == nil || !page.CountedBackTo.Equal(want) || page.LookedBackTo != nil {
		t.Errorf("at least %v, counted back to %v, looked back to %v", page.AtLeast, page.CountedBackTo, page.LookedBackTo)
	}
	if page := find(t, listerOf(150, 0)); page.AtLeast || page.CountedBackTo != nil {
		t.Errorf("of all: at least %v, counted back to %v", page.AtLeast, page.CountedBackTo)
	}
}

// awayLister is a lister whose history does not answer.
type awayLister struct{ *fakeLister }

func (s awayLister) List(ctx context.Context, l queue.List, each func(*queue.Record)) (queue.Place, bool, error) {
	if l.Lookup() {
		return queue.Place{}, true, queue.ErrHistory
	}
	next, _, _ := s.fakeLister.List(ctx, l, each)
	return next, true, queue.ErrHistory
}

// While the history is away the page says so, and lists what Redis has.
func TestAHistoryThatIsAwayIsTold(t *testing.T) {
	t.Parallel()
	for param, want := range map[string]struct {
		value, says string
		found       int
	}{
		"filter": {failed, "only runs that Redis still has", 3},
		"search": {"zoe", "words and labels cannot be looked up", 0},
	} {
		q, err := listing.Parse(url.Values{param: {want.value}}.Encode(), Schema())
		if err != nil {
			t.Fatal(err)
		}
		page, err := Find(t.Context(), awayLister{listerOf(5, 3)}, q, func(*queue.Record) bool { return true })
		if err != nil || len(page.Items) != want.found || !page.AtLeast || !strings.Contains(page.Warning, want.says) {
			t.Errorf("%s: %d runs, at least %v, %q, %v", param, len(page.Items), page.AtLeast, page.Warning, err)
		}
	}
}
