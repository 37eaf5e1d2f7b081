package view

import (
	"context"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/history"
)

// ChartRange is a time that a chart can show, up to now.
type ChartRange struct {
	Name   string // in the URL, as the API reads a span: "24h"
	Title  string
	Span   time.Duration
	Width  time.Duration // of a bar
	tick   time.Duration // between two labels of the time axis
	format string        // of the labels
}

// ChartRanges returns the times that a chart can show.
func ChartRanges() []ChartRange {
	const day = 24 * time.Hour
	return []ChartRange{
		{"1h", language.Key("1 hour"), time.Hour, time.Minute, 10 * time.Minute, "15:04"},
		{"24h", language.Key("24 hours"), day, 15 * time.Minute, 3 * time.Hour, "15:04"},
		{"7d", language.Key("7 days"), 7 * day, 3 * time.Hour, day, "Mon 2"},
		{"90d", language.Key("90 days"), 90 * day, day, 14 * day, "2 Jan"},
	}
}

// Chart shows runs over time, and percentiles of their times.
type Chart struct {
	Flow    int64 // zero: all flows
	Range   ChartRange
	Times   string // whose percentiles are drawn: TimesTook, TimesWait, or the name of a step behind TimesOfStep
	Stats   *history.Stats
	Before  *history.Stats // the same time a week before
	Deploys []Deploy       // of the flow within the time
}

// The values of Chart.Times.
const (
	TimesTook   = ""
	TimesWait   = "wait"
	TimesOfStep = "step:"
)

// of returns the times of a point that are drawn.
func (c Chart) of(p history.Point) history.Times {
	switch {
	case c.Times == TimesWait:
		return p.Wait
	case p.Step != nil:
		return *p.Step
	}
	return p.Took
}

// timesTitle says what the times are of.
func (c Chart) timesTitle(ctx context.Context) string {
	switch step, isStep := strings.CutPrefix(c.Times, TimesOfStep); {
	case isStep:
		return language.T(ctx, "step %s", step)
	case c.Times == TimesWait:
		return language.T(ctx, "wait")
	}
	return language.T(ctx, "whole run")
}

// Deploy is a version of a flow that was deployed.
type Deploy struct {
	Flow    int64
	Version string
	At      time.Time
	Flows   []string // in the chart of all flows: those that were deployed then, of which Flow is one
}

// label describes the deployment to a screen reader.
func (d Deploy) label(ctx context.Context) string {
	if len(d.Flows) == 0 {
		return language.T(ctx, "Version %s was deployed %s", Short(d.Version), momentExactly(ctx, d.At))
	}
	return d.tip(ctx) + " " + momentExactly(ctx, d.At)
}

// tip returns the text about the deployment.
func (d Deploy) tip(ctx context.Context) string {
	switch n := len(d.Flows); {
	case n == 0:
		return language.T(ctx, "version %s deployed", Short(d.Version))
	case n <= 3:
		return language.T(ctx, "%s deployed", strings.Join(d.Flows, ", "))
	default:
		return language.T(ctx, "%s and %d others deployed", strings.Join(d.Flows[:2], ", "), n-2)
	}
}

// weekBefore is the time between a point and that which it is compared with.
const weekBefore = 7 * 24 * time.Hour

// The vertical places in a chart, in pixels: above are the bars, below the times.
const (
	chartHeight  = 274
	countsTop    = 14
	countsBottom = 134
	timesTop     = 166
	timesBottom  = 246
)

// url returns the URL of the chart with a range and times: of its page, or of the chart alone.
func (c Chart) url(name, times string, alone bool) string {
	path := Root + "/"
	switch {
	case alone:
		path = Root + "/chart"
	case c.Flow != 0:
		path = Root + "/flows/" + strconv.FormatInt(c.Flow, 10) + "/stats"
	}
	query := url.Values{"range": {name}}
	if times != TimesTook {
		query.Set("times", times)
	}
	if alone && c.Flow != 0 {
		query.Set("flow", strconv.FormatInt(c.Flow, 10))
	}
	return path + "?" + query.Encode()
}

func (c Chart) heading(ctx context.Context) string {
	return language.N(ctx, int(c.Stats.Total.Runs), "%d run in %s", "%d runs in %s", language.T(ctx, c.Range.Title))
}

// compared compares the number of runs with that of the week before.
func (c Chart) compared(ctx context.Context) string {
	before := c.Before.Total.Runs
	if before == 0 {
		return language.T(ctx, "none a week before")
	}
	ratio := float64(c.Stats.Total.Runs) / float64(before)
	change := math.Round(100 * (ratio - 1))
	switch {
	case ratio >= 3:
		return language.N(ctx, int(math.Round(ratio)), "%d times as many as a week before", "%d times as many as a week before")
	case change > 0:
		return language.T(ctx, "%.0f%% more than a week before", change)
	case change < 0:
		return language.T(ctx, "%.0f%% less than a week before", -change)
	}
	return language.T(ctx, "as many as a week before")
}

// bar is a point of a chart. X and Width are percentages of its width, the others pixels.
type bar struct {
	history.Point
	To                               time.Time
	Failed, Cancelled, Succeeded     int64
	X, Width, HitX, HitWidth         string
	GoodY, GoodHeight                string
	BadY, BadHeight, OffY, OffHeight string
	URL                              string        // of its runs
	Before                           string        // runs a week before
	Times                            history.Times // that are drawn
}

func (c Chart) bars(ctx context.Context) []bar {
	n, most := float64(len(c.Stats.Points)), c.most()
	tall := func(runs int64) float64 {
		if runs == 0 {
			return 0
		}
		return max(1.5, float64(runs)/most*(countsBottom-countsTop))
	}
	bars := make([]bar, len(c.Stats.Points))
	for i, p := range c.Stats.Points {
		b := bar{Point: p, To: p.At.Add(c.Stats.Width), Failed: p.Counts["failed"] + p.Counts["timed_out"], Cancelled: p.Counts["cancelled"], Times: c.of(p)}
		b.Succeeded = max(0, p.Runs-b.Failed-b.Cancelled)
		good, off, bad := tall(b.Succeeded), tall(b.Cancelled), tall(b.Failed)
		b.GoodY, b.GoodHeight = fixed(countsBottom-good), fixed(good)
		b.OffY, b.OffHeight = fixed(countsBottom-good-off), fixed(off)
		b.BadY, b.BadHeight = fixed(countsBottom-good-off-bad), fixed(bad)
		b.X, b.Width = share((float64(i)+0.12)/n), share(0.76/n)
		b.HitX, b.HitWidth = share(float64(i)/n), share(1/n)
		b.URL, b.Before = c.runsURL(p.At, b.To, p.Took.Max), c.before(ctx, p.At, b.To)
		bars[i] = b
	}
	return bars
}

// runsURL returns the list of the runs that ended within a time, none of which took longer than longest, in milliseconds.
func (c Chart) runsURL(from, to time.Time, longest float64) string {
	quoted := func(t time.Time) string { return `"` + t.UTC().Format(time.RFC3339) + `"` }
	begun := from.Add(-time.Duration(longest * float64(time.Millisecond))).Add(-time.Second).Truncate(time.Second)
	terms := []string{"created_at ge " + quoted(begun), "created_at lt " + quoted(to), "finished_at ge " + quoted(from), "finished_at lt " + quoted(to)}
	if c.Flow != 0 {
		terms = append(terms, "flow eq "+strconv.FormatInt(c.Flow, 10))
	}
	return RunsURL(url.Values{"filter": {strings.Join(terms, " and ")}}, nil)
}

// before describes the number of runs a week before a time. Where the statistics of that time are coarser, it is an average.
func (c Chart) before(ctx context.Context, from, to time.Time) string {
	if c.Before.Width <= c.Stats.Width {
		sum := int64(0)
		for _, p := range c.Before.Points {
			if at := p.At.Add(weekBefore); !at.Before(from) && at.Before(to) {
				sum += p.Runs
			}
		}
		return count(ctx, int(sum))
	}
	for _, p := range c.Before.Points {
		if at := p.At.Add(weekBefore); !from.Before(at) && from.Before(at.Add(c.Before.Width)) {
			return language.T(ctx, "about %s", number(ctx, c.perBar(p)))
		}
	}
	return "0"
}

// perBar returns the runs of a point of the week before, for the width of a bar.
func (c Chart) perBar(p history.Point) float64 {
	return math.Round(10*float64(p.Runs)*float64(c.Stats.Width)/float64(c.Before.Width)) / 10
}

// most returns the number of runs at the top of the axis: 1, 2 or 5 times a power of ten, or their sums.
func (c Chart) most() float64 {
	most := 1.0
	for _, p := range c.Stats.Points {
		most = max(most, float64(p.Runs))
	}
	for _, p := range c.Before.Points {
		most = max(most, c.perBar(p))
	}
	unit := math.Pow(10, math.Floor(math.Log10(most)))
	for _, step := range []float64{0.2, 0.5, 1} {
		if top := math.Ceil(most/(unit*step)) * step * unit; top <= 4*step*unit*1.25 || step == 1 {
			return max(1, top)
		}
	}
	return most
}

// gridLine is a horizontal line with its label.
type gridLine struct{ Y, Label string }

// countLines returns the lines of the bars.
func (c Chart) countLines(ctx context.Context) []gridLine {
	most := c.most()
	lines := []gridLine{{fixed(countsBottom), "0"}}
	if most >= 2 && math.Mod(most, 2) == 0 {
		lines = append(lines, gridLine{fixed((countsTop + countsBottom) / 2), count(ctx, int(most/2))})
	}
	return append(lines, gridLine{fixed(countsTop), count(ctx, int(most))})
}

// decades returns the powers of ten, in milliseconds, between which the times are.
func (c Chart) decades() (low, high int) {
	least, most := math.Inf(1), math.Inf(-1)
	for _, p := range c.Stats.Points {
		if t := c.of(p); t.Count > 0 {
			least, most = min(least, max(t.P50, 0.001)), max(most, t.P99)
		}
	}
	if math.IsInf(least, 0) {
		return 0, 3
	}
	low = int(math.Floor(math.Log10(least)))
	return low, max(low+1, int(math.Ceil(math.Log10(max(most, 0.001)))))
}

// timeY returns the place of a time in milliseconds. The axis is logarithmic.
func (c Chart) timeY(ms float64) float64 {
	low, high := c.decades()
	at := (math.Log10(max(ms, math.Pow10(low))) - float64(low)) / float64(high-low)
	return timesBottom - at*(timesBottom-timesTop)
}

// timeLines returns the lines of the times.
func (c Chart) timeLines() []gridLine {
	low, high := c.decades()
	step := (high - low + 3) / 4
	var lines []gridLine
	for d := low; d <= high; d += step {
		lines = append(lines, gridLine{fixed(c.timeY(math.Pow10(d))), roundTime(time.Duration(math.Pow10(d) * float64(time.Millisecond)))})
	}
	return lines
}

// roundTime formats a power of ten.
func roundTime(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return strconv.FormatInt(d.Microseconds(), 10) + " µs"
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	}
	return strconv.FormatInt(int64(d.Seconds()), 10) + " s"
}

// timePath returns the path of a percentile, a horizontal line for each bar with times, in a viewBox 1000 wide.
func (c Chart) timePath(of func(history.Times) float64) string {
	return path(len(c.Stats.Points), func(i int) (from, to, y float64, ok bool) {
		p, n := c.Stats.Points[i], float64(len(c.Stats.Points))
		return float64(i) / n, float64(i+1) / n, c.timeY(of(c.of(p))), c.of(p).Count > 0
	})
}

// beforePath returns the path of the runs of the week before.
func (c Chart) beforePath() string {
	span, most := float64(c.Stats.To.Sub(c.Stats.From)), c.most()
	return path(len(c.Before.Points), func(i int) (from, to, y float64, ok bool) {
		p := c.Before.Points[i]
		begin := p.At.Add(weekBefore).Sub(c.Stats.From)
		at := func(d time.Duration) float64 { return min(1, max(0, float64(d)/span)) }
		from, to = at(begin), at(begin+c.Before.Width)
		return from, to, countsBottom - c.perBar(p)/most*(countsBottom-countsTop), p.Runs > 0 && to > from
	})
}

// path joins horizontal lines that touch.
func path(n int, line func(i int) (from, to, y float64, ok bool)) string {
	var b strings.Builder
	joined := false
	for i := range n {
		from, to, y, ok := line(i)
		switch {
		case ok && joined:
			fmt.Fprintf(&b, "V%.1fH%.1f", y, 1000*to)
		case ok:
			fmt.Fprintf(&b, "M%.1f %.1fH%.1f", 1000*from, y, 1000*to)
		}
		joined = ok
	}
	return b.String()
}

// chartTick is a label of the time axis.
type chartTick struct {
	X, Label string
	At       time.Time
	Odd      bool // left out on narrow screens
}

func (c Chart) ticks() []chartTick {
	var ticks []chartTick
	for at := c.Stats.From.Truncate(c.Range.tick); at.Before(c.Stats.To); at = at.Add(c.Range.tick) {
		if x := c.at(at); x > 0.02 && x < 0.98 {
			ticks = append(ticks, chartTick{share(x), at.UTC().Format(c.Range.format), at, len(ticks)%2 == 1})
		}
	}
	return ticks
}

// at returns the place of a time on the axis, between 0 and 1.
func (c Chart) at(t time.Time) float64 {
	return float64(t.Sub(c.Stats.From)) / float64(c.Stats.To.Sub(c.Stats.From))
}

func (c Chart) deployURL(d Deploy) string {
	if len(d.Flows) > 1 {
		return Root + "/flows"
	}
	return Root + "/flows/" + strconv.FormatInt(d.Flow, 10) + "/versions?version=" + url.QueryEscape(d.Version)
}

// tip returns the text about a bar, line by line, without its time.
func (b bar) tip(ctx context.Context) string {
	if b.Runs == 0 {
		return language.T(ctx, "no run\n%s a week before", b.Before)
	}
	lines := []string{language.N(ctx, int(b.Runs), "%d run", "%d runs")}
	if b.Failed > 0 {
		lines = append(lines, language.T(ctx, "%d failed", b.Failed))
	}
	if b.Cancelled > 0 {
		lines = append(lines, language.T(ctx, "%d cancelled", b.Cancelled))
	}
	if b.Times.Count > 0 {
		lines = append(lines, language.T(ctx, "p50 %s, p95 %s, p99 %s", milliseconds(ctx, b.Times.P50), milliseconds(ctx, b.Times.P95), milliseconds(ctx, b.Times.P99)))
	}
	return strings.Join(append(lines, language.T(ctx, "%s a week before", b.Before)), "\n")
}

// label describes a bar to a screen reader.
func (b bar) label(ctx context.Context) string {
	return momentOf(ctx, b.At) + ": " + strings.ReplaceAll(b.tip(ctx), "\n", ", ")
}

// milliseconds prints a time; that of no run is a dash.
func milliseconds(ctx context.Context, ms float64) string {
	if ms == 0 {
		return "–"
	}
	return Took(ctx, time.Duration(ms*float64(time.Millisecond)))
}

func share(part float64) string { return strconv.FormatFloat(100*part, 'f', 3, 64) + "%" }

func fixed(n float64) string { return strconv.FormatFloat(n, 'f', 1, 64) }

func px(n int) string { return strconv.Itoa(n) }
