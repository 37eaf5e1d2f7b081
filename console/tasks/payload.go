package tasks

import (
	"fmt"
	"strings"

	"github.com/penstock/penstock/internal/webhook"
	"github.com/penstock/penstock/queue"
)

// showPayload returns the payload of a task as asynqmon shows it. Tasks of ours have ids and nothing else; what other programs put
// into their tasks on the same Redis no role of ours may read.
func showPayload(kind string, payload []byte) string {
	switch kind {
	case queue.TaskType:
		return "run " + string(payload)
	case webhook.TaskType:
		flow, rest, _ := strings.Cut(string(payload), "/")
		id, round, _ := strings.Cut(rest, "/")
		return "flow " + flow + ", webhook " + id + ", round " + round
	}
	return withheld("payload", payload)
}

// showResult does the same for the result of a task; tasks of ours have none.
func showResult(_ string, result []byte) string {
	if len(result) == 0 {
		return ""
	}
	return withheld("result", result)
}

func withheld(what string, value []byte) string {
	return fmt.Sprintf("%s of %d bytes of a task that is not Penstock's: not shown", what, len(value))
}
