package queue

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/penstock/penstock/flows"
)

// Respond stores the early response of the flow and publishes it to the waiting API
// processes. Only the first one of a run is stored; further calls have no effect.
// Errors: ErrLost when the attempt is stale, ErrFull, ErrUnavailable.
func (a *Attempt) Respond(ctx context.Context, answer flows.Response) error {
	text, err := json.Marshal(answer)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	s := a.server
	stored := any(text)
	if len(text) > maxReplyOutput {
		// The key is another one for each call, because only the first response counts.
		stored, err = a.storePieces(ctx, "early."+rand.Text(), text)
		switch {
		case errors.Is(err, ErrLost):
			return ErrLost
		case err != nil:
			return redisError("respond", err)
		}
	}
	n, err := respondScript.Run(ctx, s.redis, s.keys.slot(), a.ID, a.Number, stored, publishCommand(s.cfg.Redis.Cluster()), s.cfg.ID).Int64()
	if err != nil {
		return redisError("respond", err)
	}
	if n == 0 {
		return ErrLost
	}
	return nil
}

func decodeAnswer(text string) (*flows.Response, error) {
	if text == "" {
		return nil, nil
	}
	answer := &flows.Response{}
	if err := json.Unmarshal([]byte(text), answer); err != nil {
		return nil, fmt.Errorf("decode answer: %w", err)
	}
	return answer, nil
}
