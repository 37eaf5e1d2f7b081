package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/internal/load"
)

func TestBenchSaysWhoMustCall(t *testing.T) {
	t.Parallel()
	cmd := newRoot(command.Env{}, steps.Catalogue())
	cmd.SetArgs([]string{"bench", "--url", "http://127.0.0.1:1"})
	if err := cmd.Execute(); err == nil || !strings.Contains(err.Error(), app.EnvToken) {
		t.Errorf("error %v", err)
	}
}

func TestBenchReportsAsJSON(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := printBench(&out, benchArgs{json: true}, &load.Report{Calls: 3, Errors: 1}); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Calls, Errors int
		Latency       map[string]int64 `json:"latency_us"`
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || got.Calls != 3 || got.Errors != 1 || len(got.Latency) != len(percentiles) {
		t.Errorf("%s %v", out.String(), err)
	}
}
