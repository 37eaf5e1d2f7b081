//go:build !race

package script

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
)

// An engine that allocates without end because of a bug ends the child, not the worker. The test touches no memory:
// the kernel refuses the mapping.
func TestChildHasABoundOfMemory(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		t.Skip("nothing is restricted on " + runtime.GOOS + "/" + runtime.GOARCH)
	}
	cmd := exec.Command(os.Args[0], "script-hog")
	cmd.Env = []string{}
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "out of memory") && !strings.Contains(string(out), "cannot allocate memory") {
		t.Errorf("2 GiB in a child: %v, %.200s", err, out)
	}
}
