package cli

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/flows"
)

func newStats(e command.Env) *cobra.Command {
	var from, to, width, by, step string
	var empty bool
	cmd := &cobra.Command{
		Use: "stats [FLOW]", Short: "Count runs over time, with percentiles of their times", Args: command.UsageArgs(cobra.MaximumNArgs(1)),
		Long: "Count the runs of all flows, or of one, by the time of their end, with percentiles of the time that they\n" +
			"took, of the time that they waited in the queue, and of the times of the flow's steps. The server needs a\nhistory of runs. FLOW is the number or slug of the flow.\n\n" + command.RemoteHelp,
		Example: "  penstock stats\n  penstock stats order-paid --from 7d --by code\n  penstock stats order-paid --from 2026-11-27T09:00:00Z --to 2026-11-27T10:00:00Z --step reserve",
	}
	c := newCall(e, cmd)
	f := cmd.Flags()
	f.StringVar(&from, "from", "24h", "begin at this `time`: 2026-11-28T09:00:00Z, or a span before now: 90m, 24h, 7d")
	f.StringVar(&to, "to", "", "end at this `time`; default now")
	f.StringVar(&width, "width", "", "let each line cover this `time`: 1m, 5m, 15m, 1h, 3h, 6h or 1d; default fits")
	f.StringVar(&by, "by", "state", "count runs by this `property`: state, code, principal or trigger")
	f.StringVar(&step, "step", "", "show the times of this `step` of the flow instead of those of the runs")
	f.BoolVar(&empty, "empty", false, "show lines without runs, too")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		path, query := "/v1/stats", url.Values{}
		if len(args) > 0 {
			path = "/v1/flows/" + url.PathEscape(args[0]) + "/stats"
		}
		for name, value := range map[string]string{"from": from, "to": to, "width": width, "by": by, "step": step} {
			if value != "" {
				query.Set(name, value)
			}
		}
		server, err := c.client()
		if err != nil {
			return err
		}
		text, err := server.Raw(cmd.Context(), http.MethodGet, path+"?"+query.Encode(), nil)
		if err != nil {
			return err
		}
		stats, err := command.DecodeObject(text)
		if err != nil {
			return err
		}
		if c.asJSON {
			return command.PrintIndented(cmd.OutOrStdout(), flows.EncodeJSON(stats))
		}
		if waiting := command.Cell(stats["not_counted"]); waiting != "0" {
			fmt.Fprintf(cmd.ErrOrStderr(), "%s ended runs (of all flows) are not in the history yet, and so are not counted\n", waiting)
		}
		return printStats(cmd.OutOrStdout(), stats, step, empty)
	}
	return cmd
}

// printStats prints the points as a table with a line for the total, and the steps as another one. step is the step whose
// times are shown; empty: those of the runs.
func printStats(w io.Writer, stats command.Object, step string, empty bool) error {
	total, _ := stats["total"].(command.Object)
	counts, _ := total["counts"].(command.Object)
	columns := []command.Column{{"from", "at"}, {"runs", "runs"}}
	values := slices.Sorted(maps.Keys(counts))
	for i, value := range values {
		columns = append(columns, command.Column{value, fmt.Sprint("count ", i)})
	}
	times := "took"
	if step != "" {
		times = "step"
	} else {
		columns = append(columns, command.Column{"wait p95 ms", "wait.p95_ms"})
	}
	for _, p := range []string{"p50", "p95", "p99"} {
		columns = append(columns, command.Column{p + " ms", times + "." + p + "_ms"})
	}
	points, _ := stats["points"].([]any)
	total["at"] = "total"
	var lines []any
	for _, point := range append(points, any(total)) {
		point, _ := point.(command.Object)
		if runs := command.Cell(point["runs"]); runs == "0" && !empty && point["at"] != "total" {
			continue
		}
		counts, _ := point["counts"].(command.Object)
		for i, value := range values {
			point[fmt.Sprint("count ", i)] = counts[value]
		}
		lines = append(lines, point)
	}
	if err := command.PrintTable(w, columns, lines); err != nil {
		return err
	}
	steps, _ := stats["steps"].([]any)
	if len(steps) == 0 || step != "" {
		return nil
	}
	fmt.Fprintln(w)
	return command.PrintTable(w, []command.Column{{"step", "step"}, {"times", "count"}, {"p50 ms", "p50_ms"}, {"p95 ms", "p95_ms"}, {"p99 ms", "p99_ms"}}, steps)
}
