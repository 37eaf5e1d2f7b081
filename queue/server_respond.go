package queue

import (
	"context"
	"encoding/json"
	"fmt"
)

// Answer is what a flow answers its caller while the run goes on.
type Answer struct {
	Status  int               `json:"status,omitempty"` // HTTP, 200 to 599; 0: as the door answers with a run's output
	Headers map[string]string `json:"headers,omitempty"`
	Body    []byte            `json:"body,omitempty"`  // as it is written, whatever its type
	Items   []byte            `json:"items,omitempty"` // JSON array, in the place of Body: the door answers with it as with a run's output
}

// Respond stores the answer of a flow for its caller and tells who waits. The
// first answer of a run stands; another one changes nothing. Errors: ErrLost
// when the run is not this attempt's any more, ErrFull, ErrUnavailable.
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
