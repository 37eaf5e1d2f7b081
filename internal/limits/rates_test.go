package limits_test

import (
	"strings"
	"testing"

	"github.com/penstock/penstock/internal/limits"
)

func TestUnmatchedRates(t *testing.T) {
	t.Parallel()
	var r limits.Rates
	if err := r.Set("default=1/s,runs=1/s,runs:7=1/s,hooks:70=1/s,GET /people/{id}=1/s,HEAD /people/{any}=1/s,GET /people=1/s,PUT /people/{id}=1/s,GET /v1/runs/{run}=1/s"); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(r.Unmatched([]int64{7}, []string{"GET /people/{number}", "GET /v1/runs/:run", "POST /people"}), ", ")
	if want := "GET /people, PUT /people/{id}, hooks:70"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
