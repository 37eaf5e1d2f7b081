package flow

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// What is no file is skipped in a directory of flows, and that is said: opening a pipe would wait for a writer.
func TestPipeAmongFlows(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "flow.yaml"), []byte("flow: 1\nsteps:\n  - set: {a: 1}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.yaml"), 0o600); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	all, err := sourcesBelow(&said, dir)
	if err != nil || len(all) != 1 || !strings.Contains(said.String(), "pipe.yaml is skipped: it is no file") {
		t.Errorf("%v, %v, %s", all, err, said.String())
	}
}
