package cli

import (
	"github.com/penstock/penstock/app/cli/command"
	"strings"
	"testing"
)

func TestStatsAreATable(t *testing.T) {
	t.Parallel()
	stats, err := command.DecodeObject([]byte(`{
		"points": [
			{"at": "2026-11-27T12:00:00Z", "runs": 2, "counts": {"client:a.b": 2}, "took": {"p50_ms": 1.5, "p95_ms": 2, "p99_ms": 3}, "wait": {"p95_ms": 0.4}},
			{"at": "2026-11-27T12:01:00Z", "runs": 0, "counts": {}, "took": {}, "wait": {}}],
		"total": {"at": "2026-11-27T12:00:00Z", "runs": 2, "counts": {"client:a.b": 2}, "took": {"p50_ms": 1.5, "p95_ms": 2, "p99_ms": 3}, "wait": {"p95_ms": 0.4}},
		"steps": [{"step": "fetch", "count": 2, "p50_ms": 1, "p95_ms": 1.1, "p99_ms": 1.2}]}`))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := printStats(&out, stats, "", false); err != nil {
		t.Fatal(err)
	}
	want := `FROM                 RUNS  CLIENT:A.B  WAIT P95 MS  P50 MS  P95 MS  P99 MS
2026-11-27 12:00:00  2     2           0.4          1.5     2       3
total                2     2           0.4          1.5     2       3

STEP   TIMES  P50 MS  P95 MS  P99 MS
fetch  2      1       1.1     1.2
`
	if out.String() != want {
		t.Errorf("printed\n%swant\n%s", out.String(), want)
	}
}
