package queue

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/queue/lua"
)

var (
	submitScript          = script("submit")
	submitDelayedScript   = script("submit_delayed")
	submitDebouncedScript = script("submit_debounced")
	submitBatchedScript   = script("submit_batched")
	claimScript           = script("claim")
	redeliverScript       = script("redeliver")
	finishScript          = script("finish")
	settleScript          = script("settle")
	completeScript        = script("complete")
	tidyScript            = script("tidy")
	archivedScript        = script("archived")
	recallScript          = script("recall")
	forgetScript          = script("forget")
	beatScript            = script("beat")
	deregisterScript      = script("deregister")
	requeueScript         = script("requeue")
	stopScript            = script("stop")
	parkScript            = script("park")
	callbackScript        = script("callback")
	journalScript         = script("journal")
	statesScript          = script("states")
	attachScript          = script("attach")
	respondScript         = script("respond")
	acquireScript         = script("acquire")
	releaseScript         = script("release")
	oldestWaitScript      = script("oldest_wait")
	deliveredScript       = script("delivered")
	parkPausedScript      = script("park_paused")
	resumeFlowScript      = script("resume_flow")
	annotateScript        = script("annotate")
)

// library joins the embedded scripts with what they share.
var library = lua.NewLibrary(lua.Text)

// script returns the script of an embedded file.
func script(name string) *redis.Script { return redis.NewScript(library.Source(name)) }

// scriptsByName returns all scripts, by the names of their files.
func scriptsByName() map[string]*redis.Script {
	return map[string]*redis.Script{
		"submit": submitScript, "submit_delayed": submitDelayedScript,
		"submit_debounced": submitDebouncedScript, "submit_batched": submitBatchedScript,
		"claim": claimScript, "redeliver": redeliverScript,
		"finish": finishScript, "settle": settleScript, "complete": completeScript, "tidy": tidyScript, "archived": archivedScript, "recall": recallScript, "forget": forgetScript, "beat": beatScript,
		"deregister": deregisterScript, "requeue": requeueScript, "stop": stopScript, "park": parkScript,
		"callback": callbackScript, "journal": journalScript, "states": statesScript, "attach": attachScript,
		"respond": respondScript, "acquire": acquireScript, "release": releaseScript, "oldest_wait": oldestWaitScript,
		"delivered": deliveredScript, "park_paused": parkPausedScript, "resume_flow": resumeFlowScript,
		"annotate": annotateScript,
	}
}

// ScriptHashes returns the hash with which Redis is told to run each script, by the
// name of its file: for who reads SLOWLOG or MONITOR.
func ScriptHashes() map[string]string {
	hashes := map[string]string{}
	for name, s := range scriptsByName() {
		hashes[name] = s.Hash()
	}
	return hashes
}

// loadScripts loads all scripts, so that the first calls need no EVAL. Redis may drop
// them at any time; every caller falls back to EVAL.
func loadScripts(ctx context.Context, r redis.Scripter) error {
	for _, s := range scriptsByName() {
		if err := s.Load(ctx, r).Err(); err != nil {
			return fmt.Errorf("load queue scripts: %w", err)
		}
	}
	return nil
}
