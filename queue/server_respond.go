package queue

import (
	"context"
	"encoding/json"
	"fmt"
)

// Answer is an early response: a flow sends it to its caller while the run continues.
type Answer struct {
	Status  int               `json:"status,omitempty"` // HTTP status, 200 to 599; 0: the status with which an output is returned
	Headers map[string]string `json:"headers,omitempty"`
	Body    []byte            `json:"body,omitempty"`  // response body as it is sent
	Items   []byte            `json:"items,omitempty"` // JSON array, instead of Body; it is returned like the output of a run
}

// Respond stores the early response of the flow and publishes it to the waiting API
// processes. Only the first one of a run is stored; further calls have no effect.
// Errors: ErrLost when the attempt is stale, ErrFull, ErrUnavailable.
func (a *Attempt) Respond(ctx context.Context, answer Answer) error {
	text, err := json.Marshal(answer)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	s := a.server
	n, err := respondScript.Run(ctx, s.redis, s.keys.slot(), a.ID, a.Number, text, publishCommand(s.cfg.Redis.Cluster())).Int64()
	if err != nil {
		return redisError("respond", err)
	}
	if n == 0 {
		return ErrLost
	}
	return nil
}

func decodeAnswer(text string) (*Answer, error) {
	if text == "" {
		return nil, nil
	}
	answer := &Answer{}
	if err := json.Unmarshal([]byte(text), answer); err != nil {
		return nil, fmt.Errorf("decode answer: %w", err)
	}
	return answer, nil
}
