package cookbook_test

import (
	"io/fs"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/cookbook"
	"github.com/penstock/penstock/flows/steps"
)

func parse(t testing.TB, file string) *flows.Flow {
	t.Helper()
	source, err := cookbook.FS.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	flow, err := flows.Parse(file, source, steps.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	return flow
}

func TestCookbook(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(cookbook.FS, "*.yaml")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	numbers := map[int64]string{}
	for _, file := range files {
		flow := parse(t, file)
		if other := numbers[flow.Number]; other != "" {
			t.Errorf("flow %d is in %s and in %s", flow.Number, file, other)
		}
		numbers[flow.Number] = file
		if flow.Slug+".yaml" != file {
			t.Errorf("the slug of %s is %s", file, flow.Slug)
		}
		results := flows.RunTests(t.Context(), flow)
		if len(results) < 2 {
			t.Errorf("%s has %d tests", file, len(results))
		}
		for _, r := range results {
			if r.Failure != "" {
				t.Errorf("%s:%d: %s: %s", file, r.Line, r.Name, r.Failure)
			}
		}
	}
}
