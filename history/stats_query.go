package history

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// StatsQuery selects statistics of runs by the time of their end.
type StatsQuery struct {
	Flows    []int64 // nil: all flows
	From, To time.Time
	Width    time.Duration // of a point, one of Widths; zero, or less than is kept for that time: the next one that fits
	By       string        // the property whose values Counts tells apart; empty: ByState
	Step     string        // the step whose times each point has; empty: none
	Now      time.Time     // required
}

// Stats are statistics of runs that have ended. The runs of the last seconds are not among them.
type Stats struct {
	From   time.Time     `json:"from"` // the beginning of the first point
	To     time.Time     `json:"to"`   // the end of the last one
	Width  time.Duration `json:"-"`
	Every  string        `json:"width"` // Width as a text: "5m", "1d"
	By     string        `json:"by"`
	Total  Point         `json:"total"`
	Points []Point       `json:"points"` // all, also those without runs
	Steps  []StepStats   `json:"steps"`  // of the steps of the flow itself, of one flow only, by name

	Values map[string]map[string]int64 `json:"values"` // all runs by property and value
}

// Point has the runs that ended within one width.
type Point struct {
	At     time.Time        `json:"at"`
	Runs   int64            `json:"runs"`
	Counts map[string]int64 `json:"counts"` // by value of the property
	Took   Times            `json:"took"`   // from acceptance to the end
	Wait   Times            `json:"wait"`   // from acceptance to the start, of runs with one attempt
	Step   *Times           `json:"step,omitempty"`
}

// StepStats are the times of a step.
type StepStats struct {
	Step string `json:"step"`
	Times
}

// Times are percentiles in milliseconds, with an error of at most 5 %.
type Times struct {
	Count int64   `json:"count"` // of times
	P50   float64 `json:"p50_ms"`
	P95   float64 `json:"p95_ms"`
	P99   float64 `json:"p99_ms"`
	Max   float64 `json:"max_ms"` // no time is longer; at most 10 % too much
}

func timesOf(h *histogram) Times {
	ms := func(d time.Duration) float64 {
		v := float64(d) / float64(time.Millisecond)
		if v == 0 {
			return 0
		}
		digits := math.Pow(10, 2-math.Floor(math.Log10(v)))
		return math.Round(v*digits) / digits // the rest is not known
	}
	return Times{h.total(), ms(h.percentile(50)), ms(h.percentile(95)), ms(h.percentile(99)), math.Ceil(1000*float64(h.longest())/float64(time.Millisecond)) / 1000}
}

// The limits of a query.
const (
	fittingPoints = 300     // Width zero chooses the first width with at most this many points
	maxPoints     = 3000    // of an answer
	maxRead       = 100_000 // summaries
)

// Errors of Stats.
var (
	ErrManyPoints = fmt.Errorf("history: there are more than %d points; choose a shorter time or a larger width", maxPoints)
	ErrManyFlows  = errors.New("history: there are too many statistics to add up; choose a flow, a shorter time, or one that ends more than two days ago")
)

// Widths lists the widths that points can have.
func Widths() []time.Duration {
	return []time.Duration{minute, 5 * minute, 15 * minute, hour, 3 * hour, 6 * hour, oneDay}
}

// Stats returns statistics. Errors: ErrManyPoints, ErrManyFlows, ErrUnavailable.
func (h *DB) Stats(ctx context.Context, q StatsQuery) (*Stats, error) {
	width := q.width()
	from, to := q.From.UTC().Truncate(width), q.To.UTC().Add(width-1).Truncate(width)
	n := int(max(to.Sub(from), 0) / width)
	if n > maxPoints {
		return nil, ErrManyPoints
	}
	total, sums := newSummary(), make([]*summary, n)
	err := h.readStats(ctx, q.Flows, from, to, func(at int64, s *summary) {
		i := (at - from.UnixMilli()) / width.Milliseconds()
		if sums[i] == nil {
			sums[i] = newSummary()
		}
		sums[i].merge(s)
		total.merge(s)
	})
	if err != nil {
		return nil, err
	}
	if q.By == "" {
		q.By = ByState
	}
	total.limit()
	out := &Stats{From: from, To: to, Width: width, Every: widthText(width), By: q.By, Total: total.point(from, &q, nil), Points: make([]Point, n), Steps: []StepStats{}, Values: total.Counts}
	for i, s := range sums {
		if s == nil {
			s = newSummary()
		}
		out.Points[i] = s.point(from.Add(time.Duration(i)*width), &q, total.Counts[q.By])
	}
	if len(q.Flows) != 1 { // steps of different flows may have one name
		return out, nil
	}
	for _, name := range slices.Sorted(maps.Keys(total.Steps)) {
		out.Steps = append(out.Steps, StepStats{name, timesOf(total.Steps[name])})
	}
	return out, nil
}

// width returns the width of the points.
func (q *StatsQuery) width() time.Duration {
	least := q.Width
	switch age := q.Now.Sub(q.From); {
	case age > keepHours:
		least = max(least, oneDay)
	case age > keepMinutes:
		least = max(least, hour)
	}
	for _, w := range Widths() {
		if w >= least && (q.Width > 0 || q.To.Sub(q.From) <= fittingPoints*w) {
			return w
		}
	}
	return oneDay
}

// widthText returns a width as a text: "5m", "1d".
func widthText(w time.Duration) string {
	if w == oneDay {
		return "1d"
	}
	return strings.TrimSuffix(strings.TrimSuffix(w.String(), "0s"), "0m")
}

// point returns the runs of a summary. Values that are not among those of told are counted as Others; nil: all are told apart.
func (s *summary) point(at time.Time, q *StatsQuery, told map[string]int64) Point {
	p := Point{At: at, Runs: s.Runs, Counts: map[string]int64{}, Took: timesOf(&s.Took), Wait: timesOf(&s.Wait)}
	for value, n := range s.Counts[q.By] {
		if _, ok := told[value]; !ok && told != nil {
			value = Others
		}
		p.Counts[value] += n
	}
	if q.Step != "" {
		var times Times
		if h := s.Steps[q.Step]; h != nil {
			times = timesOf(h)
		}
		p.Step = &times
	}
	return p
}

// readStats calls do with the summaries of flows that begin within a time.
func (h *DB) readStats(ctx context.Context, flows []int64, from, to time.Time, do func(at int64, s *summary)) error {
	if flows == nil {
		flows = []int64{0}
	}
	s := &statement{dialect: h.dialect}
	of := make([]any, len(flows))
	for i, flow := range flows {
		of[i] = flow
	}
	text := "SELECT flow, width, at, summary FROM stats WHERE " + s.in("flow", of) +
		" AND " + s.in("width", []any{minute.Milliseconds(), hour.Milliseconds(), oneDay.Milliseconds()}) +
		" AND at >= " + s.arg(from.UnixMilli()) + " AND at < " + s.arg(to.UnixMilli()) + " LIMIT " + s.arg(maxRead+1)
	rows, err := h.db.QueryContext(ctx, text, s.args...)
	if err != nil {
		return unavailable(err)
	}
	n := 0
	err = eachSummary(rows, func(of period, sum *summary) {
		n++
		do(of.at, sum)
	})
	if n > maxRead {
		return ErrManyFlows
	}
	return unavailable(err)
}
