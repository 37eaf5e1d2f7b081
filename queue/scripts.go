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

// sources are the scripts, a file each, and in lib what they share. Each
// documents its ARGV and its answer, and names in its first line the files of
// lib that stand before it.
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

// script makes the text of a script ready to be sent. A name that there is not
// is a mistake of ours.
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
	usesLine    = regexp.MustCompile(`^-- uses: ([a-z ]+)\n`) // the first line of a script: the parts of lib before it
	comment     = regexp.MustCompile(`(?m)\s*--.*$`)
	declaration = regexp.MustCompile(`(?m)^local (?:function )?(\w+(?:, \w+)*)`)
	word        = regexp.MustCompile(`\w+`)
)

// scriptSource joins a script with what it uses of lib. A declaration that it
// does not use is left out, and so are comments: Redis executes the whole text
// at each call, and making its functions would take longer than what they do.
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
	// A declaration is used by what stands behind it alone, so one walk from the end is enough.
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

// loadScripts spares the first callers an EVAL; Redis may forget them at any
// time, and every caller falls back to EVAL.
func loadScripts(ctx context.Context, r redis.Scripter) error {
	for _, s := range []*redis.Script{
		submitScript, submitDelayedScript, claimScript, redeliverScript, finishScript, settleScript, completeScript, tidyScript, beatScript,
		deregisterScript, requeueScript, stopScript, parkScript, callbackScript, journalScript, statesScript, attachScript,
		respondScript, acquireScript, releaseScript, oldestWaitScript, deliveredScript, parkPausedScript, resumeFlowScript,
	} {
		if err := s.Load(ctx, r).Err(); err != nil {
			return fmt.Errorf("load queue scripts: %w", err)
		}
	}
	return nil
}
