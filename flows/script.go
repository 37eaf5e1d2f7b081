package flows

import (
	"context"
	"time"
)

// Scripts evaluates JavaScript where a script that does not end can be
// ended. Safe for concurrent use.
type Scripts interface {
	// Eval returns what the script returns, a JSON array of items. The error
	// is shown to the caller.
	Eval(ctx context.Context, s *Script) ([]byte, error)
}

// Script is one evaluation.
type Script struct {
	Code   string        `json:"code"`   // the body of a function
	Input  []byte        `json:"input"`  // JSON object: the function's arguments by name
	Mark   string        `json:"mark"`   // begins texts that stand for integers beyond 2^53, in the input and in what comes back; nobody can guess it
	Time   time.Duration `json:"time"`   // that it may take
	Memory int64         `json:"memory"` // bytes that it may use
}
