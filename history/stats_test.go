package history

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
)

// someRuns makes runs of flows 7 and 8 that ended within the hour before noon.
func someRuns(n int, seed uint64) (runs []Run, records []queue.Record) {
	random := rand.New(rand.NewPCG(seed, 1))
	for range n {
		took := time.Duration(math.Exp(random.Float64()*12)) * time.Microsecond // up to 160 ms
		end := noon.Add(-time.Duration(random.Int64N(int64(time.Hour))))
		runs = append(runs, ended(end.Add(-took).Truncate(time.Microsecond), func(r *queue.Record) {
			r.Flow, r.Principal, r.Sync = 7+random.Int64N(2), fmt.Sprintf("key:%d", random.IntN(40)), random.IntN(2) == 0
			r.Times.Started, r.Times.Finished = r.Accepted.Add(took/3), r.Accepted.Add(took)
			r.Steps = json.RawMessage(fmt.Sprintf(`{"steps":[{"step":"a","us":%d},{"step":"a.b","us":9,"within":"0."}]}`, took.Microseconds()/2))
			if random.IntN(4) == 0 {
				r.State, r.Output, r.Error = queue.Failed, nil, &flows.Error{Code: flows.Code(fmt.Sprint("code_", random.IntN(3))), Message: "no"}
			}
			records = append(records, *r)
		}))
	}
	return runs, records
}

func stats(t *testing.T, h *DB, q StatsQuery) *Stats {
	t.Helper()
	if q.Now.IsZero() {
		q.Now = noon
	}
	s, err := h.Stats(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// exact returns the p-th percentile (nearest rank), in milliseconds.
func exact(times []time.Duration, p int) float64 {
	slices.Sort(times)
	return float64(times[(len(times)*p+99)/100-1]) / float64(time.Millisecond)
}

func TestStatsAreThoseOfTheRuns(t *testing.T) {
	t.Parallel()
	runs, records := someRuns(3000, 1)
	var took, wait, step []time.Duration
	minutes, states, codes, triggers := map[time.Time]int64{}, map[string]int64{}, map[string]int64{}, map[string]int64{}
	for i := range records {
		r := &records[i]
		if r.Flow != 7 {
			continue
		}
		d := r.Times.Finished.Sub(r.Accepted)
		took, wait, step = append(took, d), append(wait, r.Times.Started.Sub(r.Accepted)), append(step, d/2)
		minutes[r.Times.Finished.Truncate(time.Minute)]++
		states[string(r.State)]++
		triggers[map[bool]string{true: "sync", false: "async"}[r.Sync]]++
		if r.Error != nil {
			codes[string(r.Error.Code)]++
		}
	}
	each(t, func(t *testing.T, h *DB) {
		for batch := range slices.Chunk(runs, 600) {
			write(t, h, batch...)
			write(t, h, batch[300:500]...) // a run that is written again does not count again
		}
		q := StatsQuery{Flows: []int64{7}, From: noon.Add(-time.Hour), To: noon, Step: "a"}
		s := stats(t, h, q)
		if s.Width != time.Minute || len(s.Points) != 60 || s.Total.Runs != int64(len(took)) || !maps.Equal(s.Total.Counts, states) {
			t.Errorf("%d points of %s, %d runs, %v; want %d, %v", len(s.Points), s.Width, s.Total.Runs, s.Total.Counts, len(took), states)
		}
		for _, p := range s.Points {
			if p.Runs != minutes[p.At] {
				t.Errorf("%s: %d runs, want %d", p.At, p.Runs, minutes[p.At])
			}
		}
		for name, c := range map[string]struct {
			got   Times
			times []time.Duration
		}{"took": {s.Total.Took, took}, "wait": {s.Total.Wait, wait}, "step": {*s.Total.Step, step}, "steps": {s.Steps[0].Times, step}} {
			for p, got := range map[int]float64{50: c.got.P50, 95: c.got.P95, 99: c.got.P99} {
				if want := exact(slices.Clone(c.times), p); math.Abs(got-want) > 0.05*want+0.001 {
					t.Errorf("%s: p%d is %v, want %v", name, p, got, want)
				}
			}
			if longest := exact(slices.Clone(c.times), 100); c.got.Max < longest || c.got.Max > 1.1*longest+0.001 {
				t.Errorf("%s: max is %v, want %v", name, c.got.Max, longest)
			}
		}
		if len(s.Steps) != 1 || s.Steps[0].Step != "a" {
			t.Errorf("steps: %+v", s.Steps)
		}
		for by, want := range map[string]map[string]int64{ByCode: codes, ByTrigger: triggers} {
			if q.By = by; !maps.Equal(stats(t, h, q).Total.Counts, want) {
				t.Errorf("by %s: %v, want %v", by, stats(t, h, q).Total.Counts, want)
			}
		}
		q.By = ByPrincipal
		counts, sum := stats(t, h, q).Total.Counts, int64(0)
		for _, n := range counts {
			sum += n
		}
		if len(counts) != maxValues+1 || counts[Others] == 0 || sum != int64(len(took)) {
			t.Errorf("by principal: %v, want %d", counts, len(took))
		}
		for _, flows := range [][]int64{nil, {7, 8}} {
			if all := stats(t, h, StatsQuery{Flows: flows, From: q.From, To: q.To}); all.Total.Runs != int64(len(runs)) || len(all.Steps) != 0 {
				t.Errorf("flows %v: %d runs, steps %v", flows, all.Total.Runs, all.Steps)
			}
		}
		if none := stats(t, h, StatsQuery{Flows: []int64{}, From: q.From, To: q.To}); none.Total.Runs != 0 {
			t.Errorf("no flows: %+v", none.Total)
		}
	})
}

func TestStatsBecomeCoarserAndOutliveTheRuns(t *testing.T) {
	t.Parallel()
	runs, _ := someRuns(400, 2)
	each(t, func(t *testing.T, h *DB) {
		write(t, h, runs...)
		var before *Stats
		for i, c := range []struct {
			now    time.Time
			widths []int64
			least  time.Duration
		}{
			{noon, []int64{minute.Milliseconds()}, time.Minute},
			{noon.Add(keepMinutes + 2*time.Hour), []int64{hour.Milliseconds()}, time.Hour},
			{noon.Add(keepHours + 2*oneDay), []int64{oneDay.Milliseconds()}, oneDay},
			{noon.Add(keepDays + 2*oneDay), nil, oneDay},
		} {
			if _, err := h.Expire(t.Context(), c.now); err != nil {
				t.Fatal(err)
			}
			if i == 1 { // a run that is late is added to its hour
				late, _ := someRuns(1, 3)
				write(t, h, late...)
				if _, err := h.Expire(t.Context(), c.now); err != nil {
					t.Fatal(err)
				}
			}
			var widths []int64
			rows, err := h.db.QueryContext(t.Context(), "SELECT DISTINCT width FROM stats")
			if err != nil {
				t.Fatal(err)
			}
			for rows.Next() {
				var w int64
				if err := rows.Scan(&w); err != nil {
					t.Fatal(err)
				}
				widths = append(widths, w)
			}
			if rows.Close(); !slices.Equal(widths, c.widths) {
				t.Errorf("after %s there are summaries of %v ms, want %v", c.now.Sub(noon), widths, c.widths)
			}
			s := stats(t, h, StatsQuery{From: noon.Add(-time.Hour), To: noon, Now: c.now})
			want := map[int]int64{0: 400, 1: 401, 2: 401, 3: 0}[i]
			if s.Total.Runs != want || s.Width != c.least || i == 2 && s.Total.Took != before.Total.Took {
				t.Errorf("after %s: %d runs by %s, %+v", c.now.Sub(noon), s.Total.Runs, s.Width, s.Total.Took)
			}
			before = s
		}
	})
}

// Two processes may copy at the same time.
func TestStatsOfConcurrentWritersAreExact(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *DB) {
		runs, _ := someRuns(400, 4)
		var writers sync.WaitGroup
		for i := range 4 {
			writers.Go(func() {
				for batch := range slices.Chunk(runs[i*50:i*50+250], 50) { // each shares runs with others
					if err := h.Write(t.Context(), batch); err != nil {
						t.Error(err)
					}
				}
			})
		}
		writers.Wait()
		if s := stats(t, h, StatsQuery{From: noon.Add(-time.Hour), To: noon}); s.Total.Runs != 400 {
			t.Errorf("%d runs, want 400", s.Total.Runs)
		}
	})
}

func TestTheWidthFits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		ago, span, width, want time.Duration
		points                 int
	}{
		{time.Hour, time.Hour, 0, time.Minute, 60},
		{oneDay, oneDay, 0, 5 * time.Minute, 288},
		{oneDay, oneDay, 15 * time.Minute, 15 * time.Minute, 96},
		{keepMinutes, time.Hour, 0, time.Minute, 60},
		{7 * oneDay, 7 * oneDay, 0, time.Hour, 168},
		{7 * oneDay, time.Hour, time.Minute, time.Hour, 1},
		{90 * oneDay, 90 * oneDay, 0, oneDay, 91}, // noon to noon
		{400 * oneDay, oneDay, time.Hour, oneDay, 2},
	} {
		h := openTest(t, "sqlite:"+t.TempDir()+"/h")
		from := noon.Add(-c.ago)
		s := stats(t, h, StatsQuery{From: from, To: from.Add(c.span), Width: c.width})
		if s.Width != c.want || len(s.Points) != c.points || s.From.After(from) || s.To.Before(from.Add(c.span)) {
			t.Errorf("%+v: %d points of %s from %s", c, len(s.Points), s.Width, s.From)
		}
	}
	h := openTest(t, "sqlite:"+t.TempDir()+"/h")
	if _, err := h.Stats(t.Context(), StatsQuery{From: noon.Add(-keepDays), To: noon, Width: time.Hour, Now: noon}); err != nil {
		t.Error(err)
	}
	if _, err := h.Stats(t.Context(), StatsQuery{From: noon.Add(-40 * oneDay * 365), To: noon, Now: noon}); err != ErrManyPoints {
		t.Errorf("40 years: %v", err)
	}
}

func TestSummariesAreReadAsTheyWereStored(t *testing.T) {
	t.Parallel()
	s := newSummary()
	for i := range 30 {
		o := observation{counted: map[string]string{ByState: "failed", ByCode: fmt.Sprint("code ", i)}, took: int64(i * i * 1000), wait: -1, steps: []recordedStep{{Step: "a", Micros: 1 << 50}}}
		s.add(&o, true)
	}
	s.limit()
	stored := s.encode()
	got, err := decodeSummary(stored)
	if err != nil || fmt.Sprint(*got.Steps["a"], got.Runs, got.Counts, got.Took, got.Wait) != fmt.Sprint(*s.Steps["a"], s.Runs, s.Counts, s.Took, s.Wait) || len(got.Steps) != 1 {
		t.Errorf("read %+v, %v; want %+v", got, err, s)
	}
	for n := range stored { // no error but this one, whatever is left of it
		if _, err := decodeSummary(stored[:n]); err != errSummary {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
}
