package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/load"
)

// bench is one comparison in progress.
type bench struct {
	cfg    config
	redis  *child
	report *report

	workload workload // of the current part
	target   string   // base URL of the service that the flow calls; empty: none
}

// redisURL returns the URL of a database of the Redis under test.
func (b *bench) redisURL(db int) string { return fmt.Sprintf("redis://%s/%d", b.redis.addr, db) }

// contender is one implementation to measure.
type contender struct {
	name     string
	call     load.Call
	children []*child // without Redis
	db       int      // database of Redis
	patterns []string // empty: all
	polls    bool     // costs processor time while idle, and is stopped while others are measured
	slow     bool     // its calls take long: only one warm-up call
	close    func()
}

// hold sends a stop or continue signal to the contender's processes.
func (c *contender) hold(signal syscall.Signal) error {
	for _, child := range c.children {
		if err := child.cmd.Process.Signal(signal); err != nil {
			return fmt.Errorf("signal %s: %w", c.name, err)
		}
	}
	return nil
}

func (c *contender) stop() {
	if c.close != nil {
		c.close()
	}
	_ = c.hold(syscall.SIGCONT) // a stopped process would not end
	for _, child := range c.children {
		child.stop()
	}
}

// measures reports whether a contender is selected for a pattern.
func (b *bench) measures(c *contender, pattern string) bool {
	return (b.cfg.Contender == "" || strings.HasPrefix(c.name, b.cfg.Contender)) &&
		(b.cfg.Pattern == "" || b.cfg.Pattern == pattern) &&
		(len(c.patterns) == 0 || slices.Contains(c.patterns, pattern))
}

// pattern is a pattern of calls.
type pattern struct {
	name string
	plan load.Plan
}

func patterns(slice time.Duration) []pattern {
	return []pattern{
		{"hot", load.Plan{Callers: 1, Duration: slice, Warm: 50}},
		{"idle", load.Plan{Callers: 1, Pause: 10 * time.Millisecond, Duration: slice, Warm: 5}},
		{"8", load.Plan{Callers: 8, Duration: slice, Warm: 20}},
		{"64", load.Plan{Callers: 64, Duration: slice, Warm: 10}},
		{"256", load.Plan{Callers: 256, Duration: slice, Warm: 2}},
	}
}

// interleave measures every contender with every pattern in turn, round by round, so that disturbances of the machine
// affect all of them.
func (b *bench) interleave(ctx context.Context, part string, contenders []*contender) error {
	for _, c := range contenders {
		if c.polls {
			if err := c.hold(syscall.SIGSTOP); err != nil {
				return err
			}
		}
	}
	for round := range b.cfg.Rounds {
		for _, p := range patterns(b.cfg.Slice) {
			for i := range contenders {
				c := contenders[(i+round)%len(contenders)]
				if !b.measures(c, p.name) {
					continue
				}
				fmt.Fprintf(os.Stderr, "\r\033[K%s: round %d of %d, pattern %s, %s", part, round+1, b.cfg.Rounds, p.name, c.name)
				m, err := b.measureAlone(ctx, c, p.plan)
				if err != nil {
					return fmt.Errorf("%s under %s: %w", c.name, p.name, err)
				}
				b.report.add(part, c.name, p.name, m)
				if ctx.Err() != nil {
					return ctx.Err()
				}
			}
		}
	}
	fmt.Fprint(os.Stderr, "\r\033[K")
	return nil
}

// measurement is one slice of one contender.
type measurement struct {
	load     *load.Report
	cpu      split // of all processes
	commands int64 // processed by Redis
}

// measureAlone measures a contender; one that polls runs only during its measurement.
func (b *bench) measureAlone(ctx context.Context, c *contender, plan load.Plan) (measurement, error) {
	if c.slow {
		plan.Warm = 1
	}
	if !c.polls {
		return b.measure(ctx, c, plan)
	}
	if err := c.hold(syscall.SIGCONT); err != nil {
		return measurement{}, err
	}
	m, err := b.measure(ctx, c, plan)
	return m, errors.Join(err, c.hold(syscall.SIGSTOP))
}

func (b *bench) measure(ctx context.Context, c *contender, plan load.Plan) (measurement, error) {
	before, err := b.usage(ctx, c)
	if err != nil {
		return measurement{}, err
	}
	r := load.Run(ctx, plan, c.call)
	if r.First != nil {
		return measurement{}, fmt.Errorf("%d of %d calls failed: %w", r.Errors, r.Calls, r.First)
	}
	after, err := b.usage(ctx, c)
	if err != nil {
		return measurement{}, err
	}
	return measurement{load: r, cpu: after.cpu.minus(before.cpu), commands: after.commands - before.commands}, nil
}

// empty removes the data of earlier parts.
func (b *bench) empty(ctx context.Context) error {
	client := redis.NewClient(&redis.Options{Addr: b.redis.addr})
	defer client.Close()
	if err := client.FlushAll(ctx).Err(); err != nil {
		return fmt.Errorf("empty Redis: %w", err)
	}
	return nil
}

type usage struct {
	cpu      split
	commands int64
}

// split is processor time by process.
type split struct{ caller, redis, children time.Duration }

func (s split) minus(o split) split {
	return split{s.caller - o.caller, s.redis - o.redis, s.children - o.children}
}

func (s split) total() time.Duration { return s.caller + s.redis + s.children }

func (b *bench) usage(ctx context.Context, c *contender) (usage, error) {
	var u usage
	add := func(pid int, to *time.Duration) error {
		cpu, err := cpuOf(pid)
		*to += cpu
		return err
	}
	err := errors.Join(add(os.Getpid(), &u.cpu.caller), add(b.redis.cmd.Process.Pid, &u.cpu.redis))
	for _, child := range c.children {
		err = errors.Join(err, add(child.cmd.Process.Pid, &u.cpu.children))
	}
	if err != nil {
		return u, err
	}
	client := redis.NewClient(&redis.Options{Addr: b.redis.addr})
	defer client.Close()
	info, err := client.Info(ctx, "stats").Result()
	if err != nil {
		return u, fmt.Errorf("ask Redis: %w", err)
	}
	for line := range strings.Lines(info) {
		if n, ok := strings.CutPrefix(line, "total_commands_processed:"); ok {
			u.commands, _ = strconv.ParseInt(strings.TrimSpace(n), 10, 64)
		}
	}
	return u, nil
}
