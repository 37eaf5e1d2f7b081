package steps_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
)

// Each file of testdata/<kind> is a flow with one step of the kind; its tests are the cases: input items, and output
// items or an error.
func TestKinds(t *testing.T) {
	t.Parallel()
	for _, k := range steps.Catalogue().Kinds() {
		files, err := filepath.Glob(filepath.Join("testdata", k.Name, "*.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		needsServer := slices.Contains([]string{"http", "sql", "email", "sftp", "s3", "llm"}, k.Name)
		if len(files) == 0 && !needsServer {
			t.Errorf("no cases in testdata/%s", k.Name)
		}
		for _, file := range files {
			t.Run(filepath.Base(filepath.Dir(file))+"/"+filepath.Base(file), func(t *testing.T) {
				t.Parallel()
				cases(t, file)
			})
		}
	}
}

func cases(t *testing.T, file string) {
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	flow, err := flows.Parse(file, source, steps.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	results := flows.RunTests(t.Context(), flow)
	if len(results) == 0 {
		t.Error("no cases")
	}
	for _, r := range results {
		if r.Failure != "" {
			t.Errorf("line %d: %s: %s", r.Line, r.Name, r.Failure)
		}
	}
}
