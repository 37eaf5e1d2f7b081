package auditlist_test

import (
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/api/auditlist"
	"github.com/penstock/penstock/audit"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/store"
)

const length = 2000

// written returns a log of the entries 0 to length-1, each hundredth by bob, all others by ann.
func written(t *testing.T) (*audit.Log, *redis.Client) {
	t.Helper()
	client := testenv.Redis(t).Client()
	sealer, err := store.NewSealer(store.NewMasterKey())
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), store.Config{Redis: client, Sealer: sealer, Catalogue: flows.NewCatalogue(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for i := range length {
		actor := "user:ann"
		if i%100 == 0 {
			actor = "user:bob"
		}
		if err := s.Audit().Add(t.Context(), audit.Entry{Actor: actor, Act: "x", Status: i}); err != nil {
			t.Fatal(err)
		}
	}
	return s.Audit(), client
}

// reads returns how often the log was read since the last call.
func reads(t *testing.T, client *redis.Client) (n int) {
	t.Helper()
	stats, err := client.Info(t.Context(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(stats) {
		var calls int
		if name, rest, _ := strings.Cut(line, ":"); name == "cmdstat_xrevrange" || name == "cmdstat_xrange" {
			if _, err := fmt.Sscanf(rest, "calls=%d", &calls); err != nil {
				t.Fatal(err)
			}
			n += calls
		}
	}
	if err := client.ConfigResetStat(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestAPageReadsNoMoreThanItNeeds(t *testing.T) {
	t.Parallel()
	log, client := written(t)
	for _, tc := range []struct {
		name    string
		query   url.Values
		want    []int // statuses
		total   int
		atLeast bool
		reads   int
	}{
		{"the newest", url.Values{"page_size": {"3"}}, []int{1999, 1998, 1997}, 2000, false, 1},
		{"a later page", url.Values{"page_size": {"2"}, "page": {"300"}}, []int{1401, 1400}, 2000, false, 4},
		{"the last page", url.Values{"page_size": {"150"}, "page": {"14"}}, downTo(49), 2000, false, 11},
		{"the oldest first", url.Values{"page_size": {"3"}, "order_by": {"at"}}, []int{0, 1, 2}, 2000, false, 1},
		{"filtered", url.Values{"page_size": {"2"}, "filter": {`actor eq "user:bob"`}}, []int{1900, 1800}, 3, true, 2},
		{"filtered, the last page", url.Values{"page_size": {"2"}, "page": {"10"}, "filter": {`actor eq "user:bob"`}}, []int{100, 0}, 20, false, 11},
		{"beyond the end", url.Values{"page_size": {"2"}, "page": {"11"}, "filter": {`actor eq "user:bob"`}}, []int{}, 20, false, 11},
		{"in another order", url.Values{"page_size": {"2"}, "order_by": {"-actor,status"}}, []int{0, 100}, 2000, false, 11},
		{"before the log", url.Values{"filter": {`at lt "2020-01-01T00:00:00Z"`}}, []int{}, 0, false, 1},
	} {
		q, err := auditlist.Parse(tc.query.Encode())
		if err != nil {
			t.Fatal(err)
		}
		reads(t, client)
		page, err := auditlist.Page(t.Context(), log, q)
		if err != nil {
			t.Fatal(err)
		}
		got := []int{}
		for _, e := range page.Items {
			got = append(got, e.Status)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" || page.Total != tc.total || page.AtLeast != tc.atLeast {
			t.Errorf("%s: total %d, at least %v, items (-want +got):\n%s", tc.name, page.Total, page.AtLeast, diff)
		}
		if n := reads(t, client); n > tc.reads {
			t.Errorf("%s: the log was read %d times, want %d at most", tc.name, n, tc.reads)
		}
	}
}

func downTo(n int) (all []int) {
	for ; n >= 0; n-- {
		all = append(all, n)
	}
	return all
}

// Reading continues at the moment at which the last page ended.
func TestAFilterByTimeIsACursor(t *testing.T) {
	t.Parallel()
	log, client := written(t)
	q, err := auditlist.Parse("page_size=200&page=5")
	if err != nil {
		t.Fatal(err)
	}
	page, err := auditlist.Page(t.Context(), log, q)
	if err != nil {
		t.Fatal(err)
	}
	last := page.Items[len(page.Items)-1]
	q, err = auditlist.Parse(url.Values{"page_size": {"5"}, "filter": {`at lt "` + last.At.Format("2006-01-02T15:04:05.000Z07:00") + `"`}}.Encode())
	if err != nil {
		t.Fatal(err)
	}
	reads(t, client)
	page, err = auditlist.Page(t.Context(), log, q)
	if err != nil || len(page.Items) != 5 || !page.Items[0].At.Before(last.At) || page.Items[0].Status >= last.Status {
		t.Errorf("after %+v come %+v, %v", last, page, err)
	}
	if n := reads(t, client); n != 1 {
		t.Errorf("the log was read %d times", n)
	}
}
