package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/penstock/penstock/internal/load"
)

const (
	killEvery   = 5 * time.Second
	killCallers = 16
	killed      = "penstock, a worker killed every 5 s"
	unharmed    = "penstock, nobody killed"
)

// outcome is the result of one round of kills for the callers.
type outcome struct {
	name  string
	kills int
	load  *load.Report
}

// kills measures calls while one of two workers is killed and restarted periodically. A call without its output
// counts as lost.
func (b *bench) kills(ctx context.Context) error {
	c := &contender{name: killed}
	defer c.stop()
	if err := b.start(c, "door:penstock", "penstock-worker", "penstock-worker"); err != nil {
		return err
	}
	c.call = callDoor(c.children[0].addr, 1, b.workload.event)
	plan := load.Plan{Callers: killCallers, Duration: 5 * killEvery, Warm: 20}
	for round := range b.cfg.Rounds {
		fmt.Fprintf(os.Stderr, "\r\033[Kkills: round %d of %d", round+1, b.cfg.Rounds)
		calm := load.Run(ctx, load.Plan{Callers: killCallers, Duration: b.cfg.Slice, Warm: 20}, c.call)
		b.report.outcomes = append(b.report.outcomes, outcome{unharmed, 0, calm})
		o, err := b.underKills(ctx, c, plan)
		if err != nil {
			return err
		}
		b.report.outcomes = append(b.report.outcomes, o)
	}
	fmt.Fprint(os.Stderr, "\r\033[K")
	return ctx.Err()
}

// underKills executes a plan while the contender's workers are killed in turn.
func (b *bench) underKills(ctx context.Context, c *contender, plan load.Plan) (outcome, error) {
	done := make(chan *load.Report, 1)
	go func() { done <- load.Run(ctx, plan, c.call) }()
	tick := time.NewTicker(killEvery)
	defer tick.Stop()
	for kills := 0; ; {
		select {
		case r := <-done:
			return outcome{killed, kills, r}, nil
		case <-tick.C:
		}
		victim := 1 + kills%2
		c.children[victim].kill()
		next, err := b.startRole("penstock-worker", c.db)
		if err != nil {
			return outcome{}, err
		}
		c.children[victim] = next
		kills++
	}
}

// printOutcomes prints the rounds of each kind together.
func printOutcomes(out io.Writer, outcomes []outcome) {
	if len(outcomes) == 0 {
		return
	}
	fmt.Fprintf(out, "\nThrough the door, %d callers, two workers\n", killCallers)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tcalls\tkills\tp50 µs\tp99 µs\tp99.9 µs\tslowest µs\truns/s\tlost\t")
	for _, name := range []string{unharmed, killed} {
		all, kills := &load.Report{}, 0
		for _, o := range outcomes {
			if o.name == name {
				all.Merge(o.load)
				kills += o.kills
			}
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%d\t\n", name, all.Calls, kills, micros(all.Percentile(50)),
			micros(all.Percentile(99)), micros(all.Percentile(99.9)), micros(all.Percentile(100)), all.Rate(), all.Errors)
		if all.First != nil {
			fmt.Fprintf(out, "first error: %v\n", all.First)
		}
	}
	w.Flush()
}
