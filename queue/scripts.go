package queue

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// Each script documents its KEYS, ARGV and answer in its file.
var (
	//go:embed lua/submit.lua
	submitLua string
	//go:embed lua/claim.lua
	claimLua string
	//go:embed lua/finish.lua
	finishLua string
	//go:embed lua/settle.lua
	settleLua string
	//go:embed lua/tidy.lua
	tidyLua string
	//go:embed lua/beat.lua
	beatLua string
	//go:embed lua/requeue.lua
	requeueLua string
	//go:embed lua/stop.lua
	stopLua string
	//go:embed lua/park.lua
	parkLua string
	//go:embed lua/callback.lua
	callbackLua string
	//go:embed lua/later.lua
	laterLua string
	//go:embed lua/journal.lua
	journalLua string
	//go:embed lua/states.lua
	statesLua string
	//go:embed lua/attach.lua
	attachLua string
	//go:embed lua/respond.lua
	respondLua string
	//go:embed lua/enter.lua
	enterLua string
	//go:embed lua/vacate.lua
	vacateLua string
	//go:embed lua/age.lua
	ageLua string
	//go:embed lua/replied.lua
	repliedLua string
	//go:embed lua/hold.lua
	holdLua string
	//go:embed lua/release.lua
	releaseLua string

	submitScript   = redis.NewScript(submitLua)
	claimScript    = redis.NewScript(claimLua)
	finishScript   = redis.NewScript(finishLua)
	settleScript   = redis.NewScript(settleLua)
	tidyScript     = redis.NewScript(tidyLua)
	beatScript     = redis.NewScript(beatLua)
	requeueScript  = redis.NewScript(requeueLua)
	stopScript     = redis.NewScript(stopLua)
	parkScript     = redis.NewScript(parkLua)
	callbackScript = redis.NewScript(callbackLua)
	laterScript    = redis.NewScript(laterLua)
	journalScript  = redis.NewScript(journalLua)
	statesScript   = redis.NewScript(statesLua)
	attachScript   = redis.NewScript(attachLua)
	respondScript  = redis.NewScript(respondLua)
	enterScript    = redis.NewScript(enterLua)
	vacateScript   = redis.NewScript(vacateLua)
	ageScript      = redis.NewScript(ageLua)
	repliedScript  = redis.NewScript(repliedLua)
	holdScript     = redis.NewScript(holdLua)
	releaseScript  = redis.NewScript(releaseLua)
)

// loadScripts spares the first callers an EVAL; Redis may forget them at any
// time, and every caller falls back to EVAL.
func loadScripts(ctx context.Context, r redis.Scripter) error {
	for _, s := range []*redis.Script{
		submitScript, claimScript, finishScript, settleScript, tidyScript, beatScript, requeueScript,
		stopScript, parkScript, callbackScript, laterScript, journalScript, statesScript, attachScript, respondScript,
		enterScript, vacateScript, ageScript, repliedScript, holdScript, releaseScript,
	} {
		if err := s.Load(ctx, r).Err(); err != nil {
			return fmt.Errorf("load queue scripts: %w", err)
		}
	}
	return nil
}
