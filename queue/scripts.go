package queue

import (
	"context"
	"embed"
	"fmt"
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
	submitScript     = script("submit")
	laterScript      = script("later")
	claimScript      = script("claim")
	resumeScript     = script("resume")
	finishScript     = script("finish")
	settleScript     = script("settle")
	concludeScript   = script("conclude")
	tidyScript       = script("tidy")
	beatScript       = script("beat")
	deregisterScript = script("deregister")
	requeueScript    = script("requeue")
	stopScript       = script("stop")
	parkScript       = script("park")
	callbackScript   = script("callback")
	journalScript    = script("journal")
	statesScript     = script("states")
	attachScript     = script("attach")
	respondScript    = script("respond")
	enterScript      = script("enter")
	vacateScript     = script("vacate")
	ageScript        = script("age")
	repliedScript    = script("replied")
	holdScript       = script("hold")
	releaseScript    = script("release")
)

// script joins a script with the parts of lib that it uses. A name that there
// is not is a mistake of ours.
func script(name string) *redis.Script {
	return redis.NewScript(scriptSource(name, func(file string) string {
		text, err := sources.ReadFile("lua/" + file + ".lua")
		if err != nil {
			panic(err)
		}
		return string(text)
	}))
}

// usesMark begins the first line of a script, before the parts of lib that it uses.
const usesMark = "-- uses: "

func scriptSource(name string, read func(file string) string) string {
	body := read(name)
	first, _, _ := strings.Cut(body, "\n")
	parts, ok := strings.CutPrefix(first, usesMark)
	if !ok {
		panic("queue: " + name + ".lua does not say which parts it uses")
	}
	var joined strings.Builder
	for part := range strings.FieldsSeq(parts) {
		joined.WriteString(read("lib/" + part))
	}
	joined.WriteString(body)
	return joined.String()
}

// loadScripts spares the first callers an EVAL; Redis may forget them at any
// time, and every caller falls back to EVAL.
func loadScripts(ctx context.Context, r redis.Scripter) error {
	for _, s := range []*redis.Script{
		submitScript, laterScript, claimScript, resumeScript, finishScript, settleScript, concludeScript, tidyScript, beatScript,
		deregisterScript, requeueScript, stopScript, parkScript, callbackScript, journalScript, statesScript, attachScript,
		respondScript, enterScript, vacateScript, ageScript, repliedScript, holdScript, releaseScript,
	} {
		if err := s.Load(ctx, r).Err(); err != nil {
			return fmt.Errorf("load queue scripts: %w", err)
		}
	}
	return nil
}
