package view

import (
	"context"
	"strconv"
	"time"

	"github.com/penstock/penstock/console/language"
)

// Activity summarizes recent runs, queues and workers.
type Activity struct {
	Window        time.Duration // length of the summarized period
	Runs          int
	Failed        int
	Open          int     // runs that have not ended
	More          bool    // not all runs of the window were counted
	Rate          float64 // runs per second, over the last minute at most
	P50, P95, P99 time.Duration
	Bars          []ActivityBar // over the window, the oldest first
	Queues        []QueueRow
	Workers       []WorkerRow
}

// ActivityBar counts the runs of a part of the window.
type ActivityBar struct{ Runs, Failed int }

// QueueRow is a queue.
type QueueRow struct {
	Name            string
	Pending, Active int
	Oldest          time.Duration // waiting time of the oldest pending task
	Paused          bool
}

// WorkerRow is a worker.
type WorkerRow struct {
	Name        string
	Slots, Busy int
	Up          time.Duration
	Stopping    bool
	Lost        bool
}

// Overview is the content of the first page.
type Overview struct {
	Activity
	Chart   *Chart // nil: the history does not answer, or Charted is false
	Charted bool   // the chart has the place of the bars of Activity
	Latest  []RunRow
	Flows   int
	Keys    int    // API keys, if the user may see them
	First   string // number of a flow to try; empty: there is none
	Needs   []Need
	Firings []Firing
	AsOf    time.Time // of Activity while Redis does not answer; zero: it is of now
	Unknown bool      // Activity was never read
}

func (p Activity) rate(ctx context.Context) string {
	switch {
	case p.Rate == 0:
		return "0"
	case p.Rate < 1:
		return language.Decimal(ctx, p.Rate, 2)
	case p.Rate < 100:
		return language.Decimal(ctx, p.Rate, 1)
	}
	return count(ctx, int(p.Rate))
}

// runsText returns the number of counted runs.
func (p Activity) runsText(ctx context.Context) string {
	if p.More {
		return language.N(ctx, p.Runs, "more than %d run", "more than %d runs")
	}
	return language.N(ctx, p.Runs, "%d run", "%d runs")
}

// windowText describes the period of the chart.
func (p Activity) windowText(ctx context.Context) string {
	if p.More {
		return language.T(ctx, "the latest %d", p.Runs)
	}
	return language.T(ctx, "last %s", length(ctx, p.Window))
}

// failureRate returns the percentage of failed runs.
func (p Activity) failureRate() string {
	if p.Runs == 0 || p.Failed == 0 {
		return "0%"
	}
	return strconv.FormatFloat(100*float64(p.Failed)/float64(p.Runs), 'f', 1, 64) + "%"
}

func (p Activity) pending() int {
	sum := 0
	for _, q := range p.Queues {
		sum += q.Pending
	}
	return sum
}

func (p Activity) oldest() time.Duration {
	var oldest time.Duration
	for _, q := range p.Queues {
		if q.Pending > 0 {
			oldest = max(oldest, q.Oldest)
		}
	}
	return oldest
}

func (p Activity) busy() (busy, slots int) {
	for _, w := range p.Workers {
		if w.Lost {
			continue
		}
		busy, slots = busy+w.Busy, slots+w.Slots
	}
	return busy, slots
}

// running returns the number of workers that send heartbeats.
func (p Activity) running() (n int) {
	for _, w := range p.Workers {
		if !w.Lost {
			n++
		}
	}
	return n
}

func (p Activity) load(ctx context.Context) string {
	busy, slots := p.busy()
	return language.T(ctx, "%d of %d slots", busy, slots)
}

// column is one bar of the chart in a viewBox of 60 by 100.
type column struct{ X, Y, Height, BadY, BadHeight string }

func (p Activity) columns(ctx context.Context) []column {
	most := 1
	for _, b := range p.Bars {
		most = max(most, b.Runs)
	}
	tall := func(n int) float64 {
		if n == 0 {
			return 0
		}
		return max(3, 100*float64(n)/float64(most))
	}
	number := func(f float64) string { return strconv.FormatFloat(f, 'f', 2, 64) }
	var all []column
	for i, b := range p.Bars {
		height, bad := tall(b.Runs), tall(b.Failed)
		all = append(all, column{number(float64(i) + 0.12), number(100 - height), number(height), number(100 - bad), number(bad)})
	}
	return all
}
