//go:build faults || soak

package faults

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// usage is what a process takes of the machine.
type usage struct {
	rss, peak int64 // bytes
	threads   int64
	files     int64 // open descriptors, connections among them
}

// memory reads a process' usage from /proc.
func memory(t testing.TB, pid int) usage {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	var u usage
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		n := number(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
		switch name {
		case "VmRSS":
			u.rss = n << 10
		case "VmHWM":
			u.peak = n << 10
		case "Threads":
			u.threads = n
		}
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	u.files = int64(len(files))
	return u
}

// number reads a whole number, 0 for what is none.
func number(text string) int64 {
	n, _ := strconv.ParseInt(text, 10, 64)
	return n
}
