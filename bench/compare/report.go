package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
	"time"
)

// report collects the figures and prints them with ratios.
type report struct {
	cfg      config
	order    []string // keys of rows in the order of their first measurement
	rows     map[string]*row
	idles    []idleRow
	outcomes []outcome
}

// row is one contender with one pattern of one part, over all rounds.
type row struct {
	Part, Contender, Pattern string
	P50, P99, Rate           []float64 // of each round; µs, µs, calls per second
	CPU, Commands            []float64 // of each round and per call; µs, Redis commands
	Caller, Redis, Children  []float64 // of each round and per call; processor time of each process in µs
}

type idleRow struct {
	Name     string
	Cores    float64 // processor seconds per second, all processes
	Commands float64 // Redis commands per second
}

func newReport(cfg config) *report { return &report{cfg: cfg, rows: map[string]*row{}} }

func (r *report) add(part, contender, pattern string, m measurement) {
	key := part + "\x00" + pattern + "\x00" + contender
	x := r.rows[key]
	if x == nil {
		x = &row{Part: part, Contender: contender, Pattern: pattern}
		r.rows[key] = x
		r.order = append(r.order, key)
	}
	calls := float64(max(m.load.Calls, 1))
	x.P50 = append(x.P50, micros(m.load.Percentile(50)))
	x.P99 = append(x.P99, micros(m.load.Percentile(99)))
	x.Rate = append(x.Rate, m.load.Rate())
	under := m.cpu.total()
	if slices.Contains([]string{"door", "effects", "large"}, part) { // the caller is a load generator and not part of the measurement
		under -= m.cpu.caller
	}
	x.CPU = append(x.CPU, micros(under)/calls)
	x.Caller = append(x.Caller, micros(m.cpu.caller)/calls)
	x.Redis = append(x.Redis, micros(m.cpu.redis)/calls)
	x.Children = append(x.Children, micros(m.cpu.children)/calls)
	x.Commands = append(x.Commands, float64(m.commands)/calls)
}

func (r *report) idle(name string, cores, commands float64) {
	r.idles = append(r.idles, idleRow{name, cores, commands})
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	if len(s) == 0 {
		return 0
	}
	return s[len(s)/2]
}

// ratio returns the median of the rounds' ratios, so that disturbances of a round cancel out.
func ratio(a, b []float64) float64 {
	var out []float64
	for i := range min(len(a), len(b)) {
		if b[i] > 0 {
			out = append(out, a[i]/b[i])
		}
	}
	return median(out)
}

func (r *report) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(out, "%d rounds of %v, appendfsync %s, medians; ratios are the median of each round's\n\n", r.cfg.Rounds, r.cfg.Slice, r.cfg.Fsync)
	fmt.Fprintln(w, "part\tpattern\tcontender\tp50 µs\tp99 µs\truns/s\tCPU µs/run\tcaller+Redis+rest\tRedis cmds/run\tours: p50 ×\tp99 ×\truns/s ×\tCPU ×\t")
	slices.SortStableFunc(r.order, func(a, b string) int {
		return compareRows(r.rows[a], r.rows[b])
	})
	for _, key := range r.order {
		x := r.rows[key]
		fmt.Fprintf(w, "%s\t%s\t%s\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f+%.0f+%.0f\t%.1f\t", x.Part, x.Pattern, x.Contender,
			median(x.P50), median(x.P99), median(x.Rate), median(x.CPU),
			median(x.Caller), median(x.Redis), median(x.Children), median(x.Commands))
		if o := r.rows[x.Part+"\x00"+x.Pattern+"\x00"+ours]; o != nil && o != x {
			fmt.Fprintf(w, "%.2f\t%.2f\t%.2f\t%.2f\t", ratio(o.P50, x.P50), ratio(o.P99, x.P99), ratio(o.Rate, x.Rate), ratio(o.CPU, x.CPU))
		} else {
			fmt.Fprint(w, "\t\t\t\t")
		}
		fmt.Fprintln(w)
	}
	w.Flush()
	if len(r.idles) > 0 {
		fmt.Fprintln(out, "\nNobody's work, workers and Redis together")
		w = tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(w, "contender\t% of a core\tRedis cmds/s\t")
		for _, i := range r.idles {
			fmt.Fprintf(w, "%s\t%.2f\t%.1f\t\n", i.Name, 100*i.Cores, i.Commands)
		}
		w.Flush()
	}
	printOutcomes(out, r.outcomes)
}

var patternOrder = []string{"hot", "idle", "8", "64", "256"}

func compareRows(a, b *row) int {
	if a.Part != b.Part {
		return 0
	}
	return slices.Index(patternOrder, a.Pattern) - slices.Index(patternOrder, b.Pattern)
}

// write stores the figures as JSON.
func (r *report) write(name string) error {
	rows := make([]*row, 0, len(r.order))
	for _, key := range r.order {
		rows = append(rows, r.rows[key])
	}
	b, err := json.MarshalIndent(map[string]any{"rows": rows, "idle": r.idles}, "", "  ")
	if err != nil {
		return fmt.Errorf("encode report: %w", err)
	}
	return os.WriteFile(name, b, 0o644)
}
