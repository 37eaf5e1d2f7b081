package flows_test

import (
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
)

func TestExpressionTime(t *testing.T) {
	t.Parallel()
	const program = "\nsteps: [{transform: '[range(300000)] | length'}]\n"
	for limit, want := range map[string]string{"1ms": "takes longer than 1ms", "5s": ""} {
		flow, err := flows.Parse("test.yaml", []byte("flow: 1\nrun: {expression_time: "+limit+"}"+program), catalogue())
		if err != nil {
			t.Fatal(err)
		}
		items, err := flow.Execute(t.Context(), flows.Run{ID: "r", Attempt: 1}, flows.Env{})
		if want == "" && (err != nil || string(flows.EncodeJSON(items)) != "[300000]") || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, %v, want %q", limit, items, err, want)
		}
	}
	for _, limit := range []string{"0s", "6s"} {
		if _, err := flows.Parse("test.yaml", []byte("flow: 1\nrun: {expression_time: "+limit+"}"+program), catalogue()); err == nil || !strings.Contains(err.Error(), "expression_time: expected 1ms to 5s") {
			t.Errorf("%s: %v", limit, err)
		}
	}
}

// Dates with a fraction of a second are read, as `now` and databases give them.
func TestFromDate(t *testing.T) {
	t.Parallel()
	for program, want := range map[string]string{
		`"2026-11-21T18:00:00Z" | fromdate`:                 `1795284000`,
		`"2026-11-21T18:00:00.5Z" | fromdate`:               `1795284000.5`,
		`"2026-11-21T20:00:00.250+02:00" | fromdate`:        `1795284000.25`,
		`"2026-11-21T18:00:00.000Z" | fromdate`:             `1795284000`,
		`"2026-11-21T18:00:00.123456789Z" | fromdate`:       `1795284000.123456789`,
		`"1969-12-31T23:59:59.5Z" | fromdate`:               `-0.5`,
		`"2026-11-21T18:00:00.5Z" | fromdate | todate`:      `"2026-11-21T18:00:00Z"`,
		`"2026-11-21T18:00:00.Z" | try fromdate catch "no"`: `"no"`,
		`"2026.5" | try fromdate catch "no"`:                `"no"`,
		`5 | try fromdate catch "no"`:                       `"no"`,
	} {
		if got, err := transformed(t, program); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", program, got, err, want)
		}
	}
}
