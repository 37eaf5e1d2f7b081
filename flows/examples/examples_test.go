package examples_test

import (
	"io/fs"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/examples"
	"github.com/penstock/penstock/flows/steps"
)

func TestExamples(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(examples.FS, "*.yaml")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	numbers := map[int64]string{}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			source, err := examples.FS.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			flow, err := flows.Parse(file, source, steps.Catalogue())
			if err != nil {
				t.Fatal(err)
			}
			if other := numbers[flow.Number]; other != "" {
				t.Errorf("flow %d is in %s too", flow.Number, other)
			}
			numbers[flow.Number] = file
			results := flows.RunTests(t.Context(), flow)
			if len(results) == 0 {
				t.Error("no tests")
			}
			for _, r := range results {
				if r.Failure != "" {
					t.Errorf("%s:%d: %s: %s", file, r.Line, r.Name, r.Failure)
				}
			}
		})
	}
}
