//go:build asynq && asynqcli

package asynq_test

import (
	"strings"
	"testing"
)

func TestAsynqsCommandLineWorksOnOurQueues(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	asynq := func(args ...string) string {
		return said(t, program(t, "asynq"), append(args, "--uri", s.redis.Addr)...)
	}
	if text := asynq("queue", "ls"); !strings.Contains(text, "default") {
		t.Errorf("queue ls: %s", text)
	}
	if text := asynq("queue", "inspect", "default"); !strings.Contains(text, "3") {
		t.Errorf("queue inspect: %s", text)
	}
	text := asynq("task", "ls", "--queue", "default", "--state", "pending")
	for _, id := range s.runs {
		if !strings.Contains(text, id) {
			t.Errorf("task ls does not have %s: %s", id, text)
		}
	}
	if text := asynq("server", "ls"); !strings.Contains(text, "default") {
		t.Errorf("server ls: %s", text)
	}
	asynq("queue", "unpause", "default")
	s.ended(t)
}
