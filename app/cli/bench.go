package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/app/cli/storebench"
	"github.com/penstock/penstock/client"
	"github.com/penstock/penstock/internal/load"
)

// benchArgs are the arguments of `bench`.
type benchArgs struct {
	url      string
	flow     string
	event    string
	callers  int
	rate     float64
	duration time.Duration
	calls    int
	json     bool
}

func newBench(e command.Env) *cobra.Command {
	var args benchArgs
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Call a flow of a running server repeatedly, and print the response times",
		Long: "Call a flow of a running server repeatedly through the native API, and print the response\n" +
			"times. Each caller sends its next call after a response (closed loop). With --rate, calls start\n" +
			"at fixed times independent of responses, and are measured from those times.\n\n" + command.RemoteHelp,
		Example: "  penstock bench --flow three-steps --callers 64 --duration 10s\n" +
			"  penstock bench --flow three-steps --rate 500 --event @event.json --json",
		Args: command.UsageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return runBench(cmd, e, args) },
	}
	command.AddURL(cmd, &args.url)
	f := cmd.Flags()
	f.StringVar(&args.flow, "flow", "three-steps", "number or slug of the `flow`")
	f.StringVar(&args.event, "event", "{}", "the event: `JSON`, @file, or - for standard input")
	f.IntVar(&args.callers, "callers", 8, "callers of the closed loop")
	f.Float64Var(&args.rate, "rate", 0, "calls per second, independent of responses; 0: closed loop")
	f.DurationVar(&args.duration, "duration", 10*time.Second, "how long to call")
	f.IntVar(&args.calls, "calls", 0, "stop after this many calls; 0: no limit")
	f.BoolVar(&args.json, "json", false, "print JSON and no progress")
	cmd.AddCommand(newBenchStore(e))
	return cmd
}

func runBench(cmd *cobra.Command, e command.Env, args benchArgs) error {
	if args.callers < 1 || args.rate < 0 || args.duration <= 0 && args.calls <= 0 {
		return command.Invalid(errors.New("bench: --callers must be 1 or more, --rate 0 or more, and --duration or --calls must end it"))
	}
	event, err := command.EventText(cmd.InOrStdin(), args.event)
	if err != nil {
		return err
	}
	server, err := e.Remote(args.url, &http.Transport{MaxIdleConns: 0, MaxIdleConnsPerHost: 4096})
	if err != nil {
		return err
	}
	call := func(ctx context.Context) error {
		_, err := server.Start(ctx, client.Request{Flow: args.flow, Event: event})
		return err
	}
	if err := call(cmd.Context()); err != nil { // reports a mistake once instead of for each call
		return err
	}
	plan := load.Plan{Callers: args.callers, Rate: args.rate, Duration: args.duration, Calls: args.calls}
	if !args.json {
		plan.Progress = progress(cmd.ErrOrStderr())
	}
	report := load.Run(cmd.Context(), plan, call)
	return printBench(cmd.OutOrStdout(), args, report)
}

// progress prints the number of calls on one line.
func progress(w io.Writer) func(int64) {
	start := time.Now()
	return func(calls int64) {
		took := time.Since(start).Seconds()
		fmt.Fprintf(w, "\r%3.0f s  %d calls  %.0f a second ", took, calls, float64(calls)/took)
	}
}

// percentiles are the percentiles printed.
var percentiles = []float64{50, 90, 95, 99, 99.9, 100}

func printBench(w io.Writer, args benchArgs, r *load.Report) error {
	if args.json {
		latency := map[string]int64{}
		for _, p := range percentiles {
			latency[fmt.Sprintf("p%g", p)] = r.Percentile(p).Microseconds()
		}
		return json.NewEncoder(w).Encode(map[string]any{
			"calls": r.Calls, "errors": r.Errors, "seconds": r.Took.Seconds(), "per_second": r.Rate(), "latency_us": latency,
		})
	}
	fmt.Fprintf(w, "\r%d calls in %v, %d failed, %.0f answered a second\n", r.Calls, r.Took.Round(time.Millisecond), r.Errors, r.Rate())
	for _, p := range percentiles {
		fmt.Fprintf(w, "  p%-5g %v\n", p, r.Percentile(p).Round(10*time.Microsecond))
	}
	if r.First != nil {
		return fmt.Errorf("%d of %d calls failed, the first with: %w", r.Errors, r.Calls, r.First)
	}
	return nil
}

func newBenchStore(e command.Env) *cobra.Command {
	var redis string
	var asJSON bool
	b := storebench.Benchmark{}
	cmd := &cobra.Command{
		Use:   "store",
		Short: "Fill an empty Redis with flows and API keys, and measure starts and changes",
		Long: "Fill an empty Redis with flows and API keys, and print the start time of a process, the\n" +
			"duration of a change, the delay until another process has it, and the memory used. A Redis\n" +
			"with data of the product is rejected; the written data stays there.",
		Example: "  penstock bench store --redis redis://127.0.0.1:6390 --flows 10000 --keys 100000",
		Args:    command.UsageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if redis == "" || b.Flows < 1 || b.Keys < 1 {
				return command.Invalid(errors.New("bench store: --redis must name a Redis that is empty, and --flows and --keys be 1 or more"))
			}
			if err := b.Run(cmd.Context(), redis); err != nil {
				return fmt.Errorf("bench store: %w", err)
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(b)
			}
			return b.Print(cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&redis, "redis", "", "`URL` of a Redis without data of the product; there is no default")
	cmd.Flags().IntVar(&b.Flows, "flows", 10_000, "flows to deploy")
	cmd.Flags().IntVar(&b.Keys, "keys", 100_000, "API keys to make")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
