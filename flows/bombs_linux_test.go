// These tests judge processor time and allocations, which the race detector multiplies.

//go:build !race

package flows_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/penstock/penstock/third_party/gojq"

	"github.com/penstock/penstock/flows"
)

// maxWork is the processor time of one evaluation: its bound, and 100 ms in which it ends. The load of the machine
// does not count.
const maxWork = 350 * time.Millisecond

// forEver is the time after which a test reports that something does not end.
const forEver = 60 * time.Second

// worked returns the processor time of f on this thread.
func worked(f func()) time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	used := func() time.Duration {
		var u syscall.Rusage
		const thread = 1 // RUSAGE_THREAD
		if err := syscall.Getrusage(thread, &u); err != nil {
			panic(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	f()
	return used() - before
}

// leastWorked returns the least processor time of f, which is called again, up to four times, while the time is above the
// bound: other programs in the caches of the processor and the collector of garbage add time to some calls, and a function
// that does not end in time does so in each.
func leastWorked(bound time.Duration, f func()) time.Duration {
	least := worked(f)
	for range 4 {
		if least <= bound {
			break
		}
		least = min(least, worked(f))
	}
	return least
}

// usualPace is the processor time of the sort in pace on the machine for which the bounds were written.
const usualPace = 100 * time.Millisecond

// pace returns how many times slower this machine is than that one, with the race detector; at least 1. Bounds of
// processor time are multiplied by it.
var pace = sync.OnceValue(func() time.Duration {
	least := time.Duration(math.MaxInt64)
	for range 3 {
		least = min(least, worked(func() {
			list := make([]any, 100_000)
			for i := range list {
				list[i] = map[string]any{"n": (i * 7919) % len(list)}
			}
			slices.SortFunc(list, func(a, b any) int {
				return a.(map[string]any)["n"].(int) - b.(map[string]any)["n"].(int)
			})
		}))
	}
	return max(1, (least+usualPace-1)/usualPace)
})

// Each file of testdata/hostile is a flow that would compute without end. Its first lines hold the reason, the
// program that makes its event, and its end: an error code, none, or a problem of Parse.
func TestHostileFlows(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/hostile/*.yaml")
	if err != nil || len(files) < 15 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			event, want := resultChecked(t, directive(t, source, "event")), directive(t, source, "want")
			var got string
			bound := 4 * maxWork * pace() // includes parsing and rendering
			took := leastWorked(bound, func() { got = ended(t, source, event) })
			if got != want {
				t.Errorf("ends with %s, want %s", got, want)
			}
			if took > bound {
				t.Errorf("takes %v on a machine that is %d times slower than usual", took, pace())
			}
			t.Log(took)
		})
	}
}

func directive(t *testing.T, source []byte, name string) string {
	t.Helper()
	_, rest, ok := strings.Cut(string(source), "# "+name+": ")
	line, _, _ := strings.Cut(rest, "\n")
	if !ok {
		t.Fatal("no " + name)
	}
	return line
}

// resultChecked is the result of a program without bounds.
func resultChecked(t *testing.T, program string) any {
	t.Helper()
	query, err := gojq.Parse(program)
	if err != nil {
		t.Fatal(err)
	}
	v, _ := query.Run(nil).Next()
	if err, failed := v.(error); failed {
		t.Fatal(err)
	}
	return v
}

// ended executes a flow and returns its outcome.
func ended(t *testing.T, source []byte, event any) string {
	t.Helper()
	flow, err := flows.Parse("bomb.yaml", source, catalogue())
	if err != nil {
		t.Log(err)
		return "problem"
	}
	ctx, cancel := context.WithTimeout(t.Context(), forEver)
	defer cancel()
	_, err = flow.Execute(ctx, flows.Run{ID: "r", Event: event}, flows.Env{})
	var failure *flows.Error
	switch {
	case err == nil:
		return "none"
	case !errors.As(err, &failure):
		return err.Error()
	}
	t.Logf("%.300s", failure.Message)
	return string(failure.Code)
}

// Every function of jq that a flow may call, with every hostile value as its
// input and all its arguments, ends within 100 ms of the end of its run.
func TestEveryFunctionEndsInTime(t *testing.T) {
	t.Parallel()
	values := []string{
		"reduce range(40) as $i (1; [., .])",
		"reduce range(40) as $i (1; {a: ., b: .})",
		"$e.list", "$e.digits", "$e.text", "$e.object",
	}
	event := resultChecked(t, `{list: [range(60000)], digits: [range(1000) | tostring + "9" * 990 | tonumber],
		text: ("ab" * 200000), object: ([range(30000) | {key: tostring, value: .}] | from_entries)}`)
	ran, slowest := 0, time.Duration(0)
	bound := 120 * time.Millisecond * pace()
	for _, function := range resultChecked(t, "builtins").([]any) {
		name, arity, _ := strings.Cut(function.(string), "/")
		for _, v := range values {
			program := fmt.Sprintf(". as $e | (%s) as $x | $x | [limit(10; %s)] | length", v, applied(name, arity))
			source := fmt.Appendf(nil, "flow: 1\nsteps:\n- transform: %s\n", flows.EncodeJSON(program))
			flow, err := flows.Parse("f.yaml", source, catalogue())
			if err != nil {
				continue // the flow language does not have it
			}
			ran++
			took := leastWorked(bound, func() {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
				defer cancel()
				_, err = flow.Execute(ctx, flows.Run{ID: "r", Event: event}, flows.Env{})
			})
			slowest = max(slowest, took)
			if took > bound {
				t.Errorf("%s: %v, %v, on a machine that is %d times slower than usual", program, took, err, pace())
			}
		}
	}
	t.Logf("%d programs, the slowest takes %v", ran, slowest)
	if ran < 1000 {
		t.Errorf("only %d programs ran", ran)
	}
}

// applied is a call whose arguments are all $x, or a regular expression where only a literal is allowed.
func applied(name, arity string) string {
	args := strings.Split(strings.Repeat("$x;", int(arity[0]-'0')), ";")
	args = args[:len(args)-1]
	switch name {
	case "test", "match", "capture", "scan", "splits", "sub", "gsub":
		args[0] = `"(a|b)*c|a"`
		if len(args) > 1 && !strings.HasSuffix(name, "sub") || len(args) > 2 {
			args[len(args)-1] = `"g"`
		}
	}
	if len(args) == 0 {
		return name
	}
	return name + "(" + strings.Join(args, "; ") + ")"
}

func TestPace(t *testing.T) {
	t.Parallel()
	t.Logf("%d", pace())
}
