package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/telemetry"
)

// newMetrics returns the command that prints the reference of the metrics.
func newMetrics() *cobra.Command {
	return &cobra.Command{
		Use:   "metrics",
		Short: "Print the reference of metrics, as Markdown",
		Args:  command.UsageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			m := telemetry.NewMetrics(app.BuildVersion())
			m.Waiters(func() int { return 0 })
			m.Store(nil)
			m.SecretStores(nil)
			m.Audit(nil)
			_, err := io.WriteString(cmd.OutOrStdout(), metricsReference(m.Described()))
			return err
		},
	}
}

const metricsIntro = `# Metrics

<!-- Written by ` + "`penstock metrics`" + `; go test ./app/cli -update writes it again. -->

With ` + "`--metrics-listen`" + ` (` + "`PENSTOCK_METRICS_LISTEN`" + `) a process serves ` + "`/metrics`" + ` for Prometheus on that address, separate
from the front door. The address has no authentication: do not expose it. The metrics cost about a microsecond for each
request and run.

The metrics of queues are read from Redis at each scrape, and every process exports the same values: use ` + "`max by (queue)`" + `,
not the sum. At most 200 flows have their own series; further ones share the label ` + "`other`" + `. The standard metrics
` + "`go_*` and `process_*`" + ` are exported, too.

These metrics are counts of each process since its start, for alerts and for the process itself. [Statistics](statistics.md) are counts of
the runs themselves, from the history: they tell apart principals and error codes, outlive restarts, count each run once whatever
became of its attempts, and need no Prometheus.

| metric | type | labels | |
|---|---|---|---|
`

func metricsReference(all []telemetry.Metric) string {
	var b strings.Builder
	b.WriteString(metricsIntro)
	for _, m := range all {
		labels := ""
		if len(m.Labels) > 0 {
			labels = "`" + strings.Join(m.Labels, "`, `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.Name, m.Type, labels, m.Help)
	}
	return b.String()
}
