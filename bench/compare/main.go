// Command compare measures Penstock beside Redis' own hand-off, plain asynq
// and a handler without a queue, interleaved in one run on one machine, and
// prints ratios. See docs/performance.md for how to read them.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
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
	flag.StringVar(&cfg.Pattern, "pattern", "", "hot, idle, 8, 64 or 256: measure under this pattern alone; empty: all")
	flag.DurationVar(&cfg.Slice, "slice", 2*time.Second, "length of one measurement")
	flag.StringVar(&cfg.Only, "only", "", "queue, door, idle, flows or stored: measure this part alone; empty: all but stored")
	flag.StringVar(&cfg.Fsync, "appendfsync", "everysec", "durability of the Redis under test: no, everysec, always")
	flag.IntVar(&cfg.Slots, "slots", 256, "runs at once in each worker")
	flag.StringVar(&cfg.Out, "json", "", "also write the figures to this file")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := compare(ctx, cfg); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

// config of one comparison.
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

func (c config) wants(part string) bool {
	return c.Only == part || c.Only == "" && part != "stored"
}

// compare carries out the parts that were asked for.
func compare(ctx context.Context, cfg config) error {
	r, err := startRedis(ctx, cfg.Fsync)
	if err != nil {
		return err
	}
	defer r.stop()
	b := &bench{cfg: cfg, redis: r, report: newReport(cfg)}
	for _, part := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"idle", b.idle}, {"queue", b.queuePath}, {"door", b.door}, {"flows", b.deployed}, {"stored", b.stored},
	} {
		if !cfg.wants(part.name) {
			continue
		}
		if err := b.empty(ctx); err != nil {
			return err
		}
		if err := part.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	b.report.print(os.Stdout)
	if cfg.Out != "" {
		return b.report.write(cfg.Out)
	}
	return nil
}
