// This test judges processor time and allocations, which the race detector multiplies.

//go:build !race

package steps_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime/metrics"
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/internal/bombs"
	"github.com/penstock/penstock/internal/budget"
)

// Each bomb fails its run with a limit before the process has allocated much more than a run may hold, including the
// bomb's own creation. The bombs run one after the other, because they are measured by the heap of the process.
func TestMemoryBombs(t *testing.T) {
	files, err := filepath.Glob("../testdata/hostile/memory/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	w := newWorld(t)
	w.connect("files", "sqlite", map[string]string{"file": "bombs.db"})
	server := httptest.NewServer(bombs.Handler())
	t.Cleanup(server.Close)
	const most = 32 << 20 // bytes of a run
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			flow, err := flows.Parse(file, source, steps.Catalogue())
			if err != nil {
				t.Fatal(err)
			}
			env := w.env
			env.Vars = map[string]any{"bombs": server.URL}
			env.Memory = (*budget.Process)(nil).Open(most, nil)
			defer env.Memory.Close()
			before := allocated()
			_, err = flow.Execute(context.Background(), flows.Run{ID: "r"}, env)
			var failure *flows.Error
			if !errors.As(err, &failure) || failure.Code != flows.CodeLimit {
				t.Errorf("got %v, want a limit", err)
			}
			if made := allocated() - before; made > 12*most {
				t.Errorf("%d MiB were made for it", made>>20)
			}
			if left := env.Memory.Used(); left > 1<<20 {
				t.Errorf("%d bytes stay charged", left)
			}
		})
	}
}

// allocated returns the bytes that the process has allocated since its start, garbage included.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
