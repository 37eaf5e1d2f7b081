package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/telemetry"
)

// newMetrics returns the command that prints the reference of the metrics.
func newMetrics() *cobra.Command {
	return &cobra.Command{
		Use:   "metrics",
		Short: "Print the reference of metrics, as Markdown",
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			m := telemetry.NewMetrics(app.BuildVersion())
			m.Waiters(func() int { return 0 })
			m.Store(nil)
			_, err := io.WriteString(cmd.OutOrStdout(), metricsReference(m.Described()))
			return err
		},
	}
}

const metricsIntro = `# Metrics

<!-- Written by ` + "`penstock metrics`" + `; go test ./app/cli -update writes it again. -->

A process that is given ` + "`--metrics-listen`" + ` (` + "`PENSTOCK_METRICS_LISTEN`" + `) answers Prometheus at ` + "`/metrics`" + ` on that
address, apart from the front door: nobody is asked for a password there, so keep it inside. It costs about a
microsecond for each request and run, and nothing when it is off.

What is said of queues comes from Redis at each scrape, and every process says the same: take ` + "`max by (queue)`" + ` of it,
not the sum. At most 200 flows have series of their own; later ones share the label ` + "`other`" + `. Prometheus' usual
` + "`go_*` and `process_*`" + ` are there, too.

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
