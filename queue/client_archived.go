package queue

import (
	"context"
	"fmt"
)

// ListArchived is List for the runs that the history has: it does not read Redis, and so answers while Redis does not. What has
// happened to a run after it was stored in the history, such as its triage, is missing. Errors: ErrHistory, ErrNoHistory.
func (c *Client) ListArchived(ctx context.Context, l List, each func(*Record)) (next Place, more bool, err error) {
	if c.cfg.History == nil {
		return Place{}, false, ErrNoHistory
	}
	if l.Most <= 0 || l.Most > maxListed {
		l.Most = maxListed
	}
	found, err := c.listArchived(ctx, l)
	if err != nil {
		return Place{}, false, fmt.Errorf("%w: %w", ErrHistory, err)
	}
	found.cut(l.Most)
	for _, run := range found.runs {
		each(run.archived)
	}
	return found.reached, found.more, nil
}

// RecordArchived is Record for a run that the history has: it does not read Redis. Errors: ErrNotFound, those of the history.
func (c *Client) RecordArchived(ctx context.Context, id string) (Record, error) {
	return c.fromHistory(ctx, id)
}
