package flows

import (
	"context"
	"time"
)

// Scripts evaluates JavaScript in a place where an endless script can be killed. Safe for concurrent use.
type Scripts interface {
	// Eval returns the result of the script, a JSON array of items. The error is shown to the caller.
	Eval(ctx context.Context, s *Script) ([]byte, error)
}

// Script is one evaluation of a script.
type Script struct {
	Code   string        `json:"code"`   // the body of a function
	Input  []byte        `json:"input"`  // JSON object: the function's arguments by name
	Mark   string        `json:"mark"`   // unguessable prefix of texts that stand for integers beyond 2^53, in the input and in the result
	Time   time.Duration `json:"time"`   // time limit
	Memory int64         `json:"memory"` // memory limit in bytes
}
