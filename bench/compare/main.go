// Command compare measures Penstock, Redis' own hand-off, plain asynq, and a handler without a queue, interleaved in
// one run on one machine, and prints ratios. docs/performance.md explains them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

func main() {
	if role := os.Getenv(roleVariable); role != "" {
		if err := serveRole(role); err != nil {
			fmt.Fprintln(os.Stderr, role+":", err)
			os.Exit(1)
		}
		return
	}
	var cfg config
	flag.IntVar(&cfg.Rounds, "rounds", 5, "rounds; each measures every contender once, in turn")
	flag.StringVar(&cfg.Contender, "contender", "", "measure this contender alone, as under a profiler; empty: all")
	flag.StringVar(&cfg.Pattern, "pattern", "", strings.Join(patternOrder, ", ")+": measure under this pattern alone; empty: all")
	flag.DurationVar(&cfg.Slice, "slice", 2*time.Second, "length of one measurement")
	flag.StringVar(&cfg.Only, "only", "", strings.Join(partNames(), ", ")+": measure this part alone; empty: all but stored")
	flag.StringVar(&cfg.Fsync, "appendfsync", "everysec", "durability of the Redis under test: no, everysec, always")
	flag.IntVar(&cfg.Slots, "slots", 256, "runs at once in each worker")
	flag.StringVar(&cfg.Out, "json", "", "also write the figures to this file")
	flag.Parse()
	if err := cfg.check(flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := compare(ctx, cfg); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

// config configures one comparison.
type config struct {
	Rounds    int
	Slice     time.Duration
	Only      string
	Contender string
	Pattern   string
	Fsync     string
	Slots     int
	Out       string
}

// check rejects flags that would measure nothing.
func (c config) check(rest []string) error {
	contenders := []string{handOffFlow, ours, noQueue, asynqUsual, asynq10ms, asynq1ms}
	known := func(name string) bool {
		return strings.HasPrefix(name, c.Contender) || strings.HasPrefix(c.Contender, name)
	}
	switch {
	case len(rest) > 0:
		return fmt.Errorf("unexpected %q", rest[0])
	case c.Only != "" && !slices.Contains(partNames(), c.Only):
		return fmt.Errorf("-only %q is no part; there are %s", c.Only, strings.Join(partNames(), ", "))
	case c.Pattern != "" && !slices.Contains(patternOrder, c.Pattern):
		return fmt.Errorf("-pattern %q is none; there are %s", c.Pattern, strings.Join(patternOrder, ", "))
	case c.Contender != "" && !slices.ContainsFunc(contenders, known):
		return fmt.Errorf("-contender %q is none; there are %s", c.Contender, strings.Join(contenders, ", "))
	case c.Rounds < 1 || c.Slice <= 0 || c.Slots < 1:
		return errors.New("-rounds, -slice and -slots must be more than 0")
	}
	return nil
}

// part is one value of -only.
type part struct {
	name     string
	workload workload
	run      func(*bench, context.Context) error
}

const storedPart = "stored" // runs only on request, because it takes long

func parts() []part {
	return []part{
		{"idle", small, (*bench).idle},
		{"queue", small, (*bench).queuePath},
		{"door", small, (*bench).door},
		{"effects", effects, (*bench).effects},
		{"large", large, (*bench).large},
		{"kills", small, (*bench).kills},
		{"flows", small, (*bench).deployed},
		{storedPart, small, (*bench).stored},
	}
}

func partNames() []string {
	var names []string
	for _, p := range parts() {
		names = append(names, p.name)
	}
	return names
}

// compare executes the selected parts.
func compare(ctx context.Context, cfg config) error {
	r, err := startRedis(ctx, cfg.Fsync)
	if err != nil {
		return err
	}
	defer r.stop()
	b := &bench{cfg: cfg, redis: r, report: newReport(cfg)}
	for _, p := range parts() {
		if cfg.Only != p.name && (cfg.Only != "" || p.name == storedPart) {
			continue
		}
		if err := b.empty(ctx); err != nil {
			return err
		}
		b.workload = p.workload
		if err := p.run(b, ctx); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	b.report.print(os.Stdout)
	if cfg.Out != "" {
		return b.report.write(cfg.Out)
	}
	return nil
}
