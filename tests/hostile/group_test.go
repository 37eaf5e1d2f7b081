//go:build hostile && linux

package hostile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// group is a control group below the one of this process (cgroups(7)).
type group struct {
	dir, limit, peak string
}

// newGroup makes a group that may use so many bytes, or returns nil where this
// user may make none.
func newGroup(t *testing.T, most int64) *group {
	t.Helper()
	own, _ := os.ReadFile("/proc/self/cgroup")
	for line := range strings.Lines(string(own)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		g := &group{limit: "memory.max", peak: "memory.peak"}
		mount := "/sys/fs/cgroup"
		if fields[1] == "memory" {
			mount, g.limit, g.peak = "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.max_usage_in_bytes"
		} else if fields[0] != "0" {
			continue
		}
		g.dir = filepath.Join(mount, fields[2], fmt.Sprintf("penstock-hostile-%d", os.Getpid()))
		err := os.Mkdir(g.dir, 0o755)
		if err == nil {
			t.Cleanup(func() { _ = os.Remove(g.dir) }) // its processes have ended: cleanups run last first
			err = os.WriteFile(filepath.Join(g.dir, g.limit), []byte(strconv.FormatInt(most, 10)), 0)
		}
		if err == nil {
			return g
		}
		t.Logf("no control group: %v", err)
	}
	return nil
}

// command is a shell's command that starts a program inside the group.
func (g *group) command(path string, args ...string) (string, []string) {
	enter := []string{"-c", `echo $$ >"$0" && exec "$@"`, filepath.Join(g.dir, "cgroup.procs"), path}
	return "/bin/sh", append(enter, args...)
}

// most is the most memory that the group has had, bytes, with the pages of
// files that it read.
func (g *group) most() (int64, error) {
	text, err := os.ReadFile(filepath.Join(g.dir, g.peak))
	n, failed := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n, errors.Join(err, failed)
}
