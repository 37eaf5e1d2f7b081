package queue

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/queue/lua"
)

// longWaits are the short waits of the scripts, which take seconds, and what they are in a history of the model: five minutes, so that
// nothing becomes due because the machine is slow. They are over when the model's time passes, which is at least a tick.
var longWaits = map[string][2]string{
	"lib/run": {"LOOK_AFTER = 15000", "LOOK_AFTER = 300000"},
	"beat":    {"TAKEN = 3000", "TAKEN = 300000"},
	"acquire": {"RETRY = 2000", "RETRY = 300000"},
}

// scriptText returns the files of the scripts. The mutation test takes a guard out of one.
var scriptText = lua.Text

// waitLonger is a hook that has Redis run every script with long waits. It contains the texts of these scripts by the texts of ours,
// and their hashes by the hashes of ours.
type waitLonger map[string]string

func newWaitLonger(t testing.TB) waitLonger {
	t.Helper()
	short := lua.NewLibrary(scriptText)
	long := lua.NewLibrary(func(file string) string {
		text := scriptText(file)
		if wait, ok := longWaits[file]; ok {
			if strings.Count(text, wait[0]) != 1 {
				t.Fatalf("%s.lua has not exactly one %q", file, wait[0])
			}
			text = strings.Replace(text, wait[0], wait[1], 1)
		}
		return text
	})
	h := waitLonger{}
	for name, s := range scriptsByName() {
		text := long.Source(name)
		h[short.Source(name)], h[s.Hash()] = text, redis.NewScript(text).Hash()
	}
	return h
}

// replace changes the script that a command names. When Redis does not know its hash yet, the client sends its text, which is
// replaced, too.
func (h waitLonger) replace(cmd redis.Cmder) {
	if args := cmd.Args(); len(args) > 1 && (cmd.Name() == "evalsha" || cmd.Name() == "eval") {
		if long, ours := h[fmt.Sprint(args[1])]; ours {
			args[1] = long
		}
	}
}

func (h waitLonger) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h waitLonger) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error { h.replace(cmd); return next(ctx, cmd) }
}

func (h waitLonger) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		for _, cmd := range cmds {
			h.replace(cmd)
		}
		return next(ctx, cmds)
	}
}
