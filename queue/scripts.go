package queue

import (
	"context"
	"embed"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

// sources contains the scripts, one in each file, and the parts that they share in
// lib. A script documents its ARGV and its reply, and lists in its first line the
// parts of lib that precede it.
//
//go:embed lua
var sources embed.FS

var (
	submitScript        = script("submit")
	submitDelayedScript = script("submit_delayed")
	claimScript         = script("claim")
	redeliverScript     = script("redeliver")
	finishScript        = script("finish")
	settleScript        = script("settle")
	completeScript      = script("complete")
	tidyScript          = script("tidy")
	beatScript          = script("beat")
	deregisterScript    = script("deregister")
	requeueScript       = script("requeue")
	stopScript          = script("stop")
	parkScript          = script("park")
	callbackScript      = script("callback")
	journalScript       = script("journal")
	statesScript        = script("states")
	attachScript        = script("attach")
	respondScript       = script("respond")
	acquireScript       = script("acquire")
	releaseScript       = script("release")
	oldestWaitScript    = script("oldest_wait")
	deliveredScript     = script("delivered")
	parkPausedScript    = script("park_paused")
	resumeFlowScript    = script("resume_flow")
)

// script returns the script of a file. It panics if there is no such file, which is a
// programming error.
func script(name string) *redis.Script {
	return redis.NewScript(scriptSource(name, func(file string) string {
		text, err := sources.ReadFile("lua/" + file + ".lua")
		if err != nil {
			panic(err)
		}
		return string(text)
	}))
}

var (
	usesLine    = regexp.MustCompile(`^-- uses: ([a-z ]+)\n`) // first line of a script: the parts of lib that precede it
	comment     = regexp.MustCompile(`(?m)\s*--.*$`)
	declaration = regexp.MustCompile(`(?m)^local (?:function )?(\w+(?:, \w+)*)`)
	word        = regexp.MustCompile(`\w+`)
)

// scriptSource joins a script with the declarations of lib that it uses. Unused
// declarations and comments are left out: Redis executes the whole text at each
// call, and creating unused functions would take longer than the work of the script.
func scriptSource(name string, read func(file string) string) string {
	body := read(name)
	uses := usesLine.FindStringSubmatch(body)
	if uses == nil {
		panic("queue: " + name + ".lua does not say which parts it uses")
	}
	var lib strings.Builder
	for part := range strings.FieldsSeq(uses[1]) {
		lib.WriteString(comment.ReplaceAllString(read("lib/"+part), ""))
	}
	joined := comment.ReplaceAllString(body, "")
	used := map[string]bool{}
	note := func(text string) {
		for _, w := range word.FindAllString(text, -1) {
			used[w] = true
		}
	}
	note(joined)
	// A declaration can be used only behind itself, so one walk from the end finds all that are used.
	starts := declaration.FindAllStringSubmatchIndex(lib.String(), -1)
	end := lib.Len()
	for _, at := range slices.Backward(starts) {
		text := lib.String()[at[0]:end]
		end = at[0]
		names := strings.Split(lib.String()[at[2]:at[3]], ", ")
		if slices.ContainsFunc(names, func(n string) bool { return used[n] }) {
			note(text)
			joined = text + joined
		}
	}
	return joined
}

// scriptsByName returns all scripts, by the names of their files.
func scriptsByName() map[string]*redis.Script {
	return map[string]*redis.Script{
		"submit": submitScript, "submit_delayed": submitDelayedScript, "claim": claimScript, "redeliver": redeliverScript,
		"finish": finishScript, "settle": settleScript, "complete": completeScript, "tidy": tidyScript, "beat": beatScript,
		"deregister": deregisterScript, "requeue": requeueScript, "stop": stopScript, "park": parkScript,
		"callback": callbackScript, "journal": journalScript, "states": statesScript, "attach": attachScript,
		"respond": respondScript, "acquire": acquireScript, "release": releaseScript, "oldest_wait": oldestWaitScript,
		"delivered": deliveredScript, "park_paused": parkPausedScript, "resume_flow": resumeFlowScript,
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
