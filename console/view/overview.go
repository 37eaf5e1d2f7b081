package view

import (
	"strconv"
	"time"
)

// Pulse is how the product does.
type Pulse struct {
	Window        time.Duration // that it looks back
	Runs          int
	Failed        int
	Open          int     // that have not ended
	More          bool    // not all runs of the window were counted
	Rate          float64 // runs per second, over the last minute at most
	P50, P95, P99 time.Duration
	Bars          []PulseBar // over the window, the oldest first
	Queues        []QueueRow
	Workers       []WorkerRow
}

// PulseBar is a part of the window.
type PulseBar struct{ Runs, Failed int }

// QueueRow is a queue.
type QueueRow struct {
	Name            string
	Pending, Active int
	Today           int           // tasks done since midnight UTC
	Oldest          time.Duration // that a task has waited
	Paused          bool
}

// WorkerRow is a worker.
type WorkerRow struct {
	Name        string
	Slots, Busy int
	Up          time.Duration
	Stopping    bool
}

// Overview is the first page.
type Overview struct {
	Pulse
	Latest []RunRow
	Flows  int
	Keys   int    // that the user may see
	First  string // number of a flow to try; empty: there is none
}

func (p Pulse) rate() string {
	switch {
	case p.Rate == 0:
		return "0"
	case p.Rate < 1:
		return strconv.FormatFloat(p.Rate, 'f', 2, 64)
	case p.Rate < 100:
		return strconv.FormatFloat(p.Rate, 'f', 1, 64)
	}
	return count(int(p.Rate))
}

// counted is how many runs the numbers stand for.
func (p Pulse) counted() string {
	if p.More {
		return "more than " + many(p.Runs, "run", "runs")
	}
	return many(p.Runs, "run", "runs")
}

// spanned is what the chart shows.
func (p Pulse) spanned() string {
	if p.More {
		return "the latest " + count(p.Runs)
	}
	return "last " + length(p.Window)
}

// failing is the part of the runs that failed.
func (p Pulse) failing() string {
	if p.Runs == 0 || p.Failed == 0 {
		return "0%"
	}
	return strconv.FormatFloat(100*float64(p.Failed)/float64(p.Runs), 'f', 1, 64) + "%"
}

func (p Pulse) pending() int {
	sum := 0
	for _, q := range p.Queues {
		sum += q.Pending
	}
	return sum
}

func (p Pulse) oldest() time.Duration {
	var oldest time.Duration
	for _, q := range p.Queues {
		if q.Pending > 0 {
			oldest = max(oldest, q.Oldest)
		}
	}
	return oldest
}

func (p Pulse) busy() (busy, slots int) {
	for _, w := range p.Workers {
		busy, slots = busy+w.Busy, slots+w.Slots
	}
	return busy, slots
}

func (p Pulse) load() string {
	busy, slots := p.busy()
	return strconv.Itoa(busy) + " of " + strconv.Itoa(slots) + " slots"
}

// column is one bar of the picture, in a field of 60 by 100.
type column struct{ X, Y, Height, BadY, BadHeight string }

func (p Pulse) columns() []column {
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
