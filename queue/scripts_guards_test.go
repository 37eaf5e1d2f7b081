//go:build mutation

package queue

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/queue/lua"
)

// withoutGuard is the number of the guard that this process is to do without.
const withoutGuard = "PENSTOCK_WITHOUT_GUARD"

// TestGuards takes each guard out of its script, in a process of its own, and
// wants a test to go red. go test -tags mutation ./queue -run TestGuards -v -timeout 1h
func TestGuards(t *testing.T) {
	for i, g := range guards {
		t.Run(fmt.Sprintf("%d %s", i, g.file), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			run := "^(" + cmp.Or(g.test, "TestEveryScriptInEveryState|TestWh.*|TestABeat.*|TestSettle.*|TestModel") + ")$"
			c := exec.CommandContext(ctx, os.Args[0], "-test.run", run, "-test.failfast", "-rapid.nofailfile", "-rapid.shrinktime=0s")
			c.Env = append(os.Environ(), withoutGuard+"="+strconv.Itoa(i))
			out, err := c.CombinedOutput()
			red := regexp.MustCompile(`--- FAIL: (\w+)`).FindAllStringSubmatch(string(out), -1)
			switch {
			case err == nil:
				t.Errorf("%s stays green without %s", run, g.text)
			case len(red) == 0 && ctx.Err() == nil:
				t.Errorf("no test is red without %s: %s", g.text, out)
			default:
				t.Logf("%v without %s", red, g.text)
			}
		})
	}
}

func TestMain(m *testing.M) {
	if i, err := strconv.Atoi(os.Getenv(withoutGuard)); err == nil {
		remove(guards[i])
	}
	os.Exit(m.Run())
}

// remove makes every script anew, without a guard.
func remove(g guard) {
	scriptText = func(file string) string {
		text := lua.Text(file)
		if file == g.file {
			if strings.Count(text, g.text) != 1 {
				panic(fmt.Sprintf("%s.lua has not exactly one %q", file, g.text))
			}
			text = strings.Replace(text, g.text, g.gone, 1)
		}
		return text
	}
	changed := lua.NewLibrary(scriptText)
	for name, s := range scriptsByName() {
		*s = *redis.NewScript(changed.Source(name))
	}
}
