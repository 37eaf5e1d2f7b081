package runlist

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/queue"
)

// fakeLister lists runs in memory, the newest first, as many per call as are asked for.
type fakeLister struct {
	runs    []queue.Record
	calls   int
	read    int   // runs that were passed on
	waiting int64 // ended runs that the history does not have
}

func (s *fakeLister) Unarchived(context.Context) (open, ended int64, err error) {
	return 0, s.waiting, nil
}

func (s *fakeLister) List(_ context.Context, l queue.List, each func(*queue.Record)) (next queue.Place, more bool, err error) {
	s.calls++
	runs := s.runs
	if l.Oldest {
		runs = slices.Clone(runs)
		slices.Reverse(runs)
	}
	from := 0
	if l.After != (queue.Place{}) {
		n, _ := strconv.Atoi(strings.TrimPrefix(l.After.ID, "run-")) // its place, the newest first; see listerOf
		if from = n + 1; l.Oldest {
			from = len(runs) - n
		}
	}
	to := min(from+cmp.Or(l.Most, 10_000), len(runs))
	s.read += to - from
	for i := range runs[from:to] {
		each(&runs[from+i])
		next = runs[from+i].Place()
	}
	return next, to < len(runs), nil
}

var epoch = time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)

// listerOf returns a lister of n runs that succeeded, and of failed older ones.
func listerOf(n, failed int) *fakeLister {
	s := &fakeLister{}
	for i := range n + failed {
		at := epoch.Add(-time.Duration(i) * time.Second)
		r := queue.Record{Spec: queue.Spec{ID: fmt.Sprintf("run-%06d", i), Flow: int64(i % 7)}, ListedAt: at.UnixMilli()}
		r.State, r.Times.Accepted = queue.Succeeded, at
		if i >= n {
			r.State = queue.Failed
		}
		s.runs = append(s.runs, r)
	}
	return s
}

func find(t *testing.T, s *fakeLister, params ...string) listing.Page[queue.Record] {
	t.Helper()
	v := url.Values{}
	for i := 0; i < len(params); i += 2 {
		v.Set(params[i], params[i+1])
	}
	q, err := listing.Parse(v.Encode(), listing.Schema[queue.Record]{Order: "-created_at", Cursor: true, Fields: []listing.Field[queue.Record]{
		listing.Text("state", func(r *queue.Record) string { return string(r.State) }),
		listing.Number("flow", func(r *queue.Record) int64 { return r.Flow }),
		listing.Time("created_at", func(r *queue.Record) time.Time { return cmp.Or(r.Times.Accepted, r.Spec.Accepted) }),
	}})
	if err != nil {
		t.Fatal(err)
	}
	page, err := Find(t.Context(), s, q, func(*queue.Record) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	return page
}

const failed = `state eq "failed"`

// A page that is full after its first runs reads no others, however many there are, and has an exact total up to that number.
func TestAFullPageReadsNoMore(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]int{40: 40, firstBatch: firstBatch, 1000: firstBatch, 60_000: firstBatch} {
		s := listerOf(n, 0)
		page := find(t, s)
		if s.read != want || page.Total != want || page.AtLeast != (n > firstBatch) || len(page.Items) != min(n, 50) {
			t.Errorf("of %d runs: read %d, %d items, total %d, at least %v", n, s.read, len(page.Items), page.Total, page.AtLeast)
		}
	}
	s := listerOf(60_000, 0)
	if page := find(t, s, "page", "40"); len(page.Items) != 50 || s.read != 40*50+1 {
		t.Errorf("the 40th page: %d items, read %d", len(page.Items), s.read)
	}
}

// Failed runs are found behind more newer runs than one call reads.
func TestTheListGoesOnUntilItsPageIsFull(t *testing.T) {
	t.Parallel()
	page := find(t, listerOf(12_000, 3), "filter", failed)
	if len(page.Items) != 3 || page.Total != 3 || page.AtLeast || page.Next != "" || page.LookedBackTo != nil {
		t.Errorf("%d of %d, at least %v, next %q, back to %v", len(page.Items), page.Total, page.AtLeast, page.Next, page.LookedBackTo)
	}
}

// One call reads a limited number of runs and returns a cursor, with which the next call continues.
func TestTheListSaysHowFarItLooked(t *testing.T) {
	t.Parallel()
	s := listerOf(62_000, 3)
	page := find(t, s, "filter", failed)
	want := epoch.Add(-(maxScanned - 1) * time.Second)
	if len(page.Items) != 0 || !page.AtLeast || page.Looked != maxScanned || page.LookedBackTo == nil || !page.LookedBackTo.Equal(want) || s.calls > 14 {
		t.Fatalf("looked at %d in %d calls, back to %v, next %q", page.Looked, s.calls, page.LookedBackTo, page.Next)
	}
	page = find(t, s, "filter", failed, "cursor", page.Next)
	if len(page.Items) != 3 || page.AtLeast || page.Next != "" {
		t.Errorf("behind the cursor: %d, next %q", len(page.Items), page.Next)
	}
}

// The cursors of pages lead to each match once, in both orders.
func TestCursorsLeadToEveryRunOnce(t *testing.T) {
	t.Parallel()
	s := listerOf(1000, 250)
	for _, order := range []string{"-created_at", "created_at"} {
		var got []string
		for cursor, n := "", 0; ; n++ {
			page := find(t, s, "filter", failed, "order_by", order, "page_size", "100", "cursor", cursor)
			for _, r := range page.Items {
				got = append(got, r.ID)
			}
			if cursor = page.Next; cursor == "" || n > 3 {
				break
			}
		}
		if distinct := slices.Compact(slices.Sorted(slices.Values(got))); len(got) != 250 || len(distinct) != 250 {
			t.Errorf("%s: %d runs, %d of them different", order, len(got), len(distinct))
		}
	}
}

// In another order the first runs are sorted, and the page says that there are more.
func TestOtherOrdersSayHowFarTheyLooked(t *testing.T) {
	t.Parallel()
	page := find(t, listerOf(15_000, 0), "order_by", "flow,-created_at", "page_size", "2")
	if len(page.Items) != 2 || page.Items[0].Flow != 0 || page.Total != maxSorted || !page.AtLeast || page.Next != "" {
		t.Errorf("%d of %d, next %q", len(page.Items), page.Total, page.Next)
	}
	last := find(t, listerOf(15_000, 0), "order_by", "flow", "page_size", "200", "page", "50")
	if len(last.Items) != 200 || last.Next == "" || last.LookedBackTo == nil {
		t.Errorf("the last page: %d, next %q", len(last.Items), last.Next)
	}
}

func TestCursorsThatAreNone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"x", "MTIz", "LjEyMw", "!!", strings.Repeat("A", 100)} {
		if _, err := parseCursor(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

// A search tells that it cannot find what has just ended; a filter that Redis can answer finds it.
func TestARunThatIsNotInTheHistoryIsNotSearched(t *testing.T) {
	t.Parallel()
	s := listerOf(3, 0)
	s.waiting = 17
	warning := func(param, value string) string {
		q, err := listing.Parse(url.Values{param: {value}}.Encode(), Schema())
		if err != nil {
			t.Fatal(err)
		}
		page, err := Find(t.Context(), s, q, func(*queue.Record) bool { return true })
		if err != nil {
			t.Fatal(err)
		}
		return page.Warning
	}
	const want = "17 ended runs are not in the history yet, and so are not searched."
	if got := warning("search", "zoe"); got != want {
		t.Errorf("a search warns %q, want %q", got, want)
	}
	if got := warning("filter", `labels contains "order=17"`); got != want {
		t.Errorf("labels warn %q, want %q", got, want)
	}
	if got := warning("filter", failed); got != "" {
		t.Errorf("a filter that Redis can answer warns %q", got)
	}
	s.waiting = 0
	if got := warning("search", "zoe"); got != "" {
		t.Errorf("with a complete history a search warns %q", got)
	}
}
