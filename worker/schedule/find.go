package schedule

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/flows"
)

// findTTL is how long the last find of a poll is known: longer than an alert may wait for one.
const findTTL = flows.MaxPollFor + 24*time.Hour

// RecordFind records that a run of a poll has found something.
func RecordFind(ctx context.Context, c redis.UniversalClient, flow int64, at time.Time) error {
	if err := c.Set(ctx, keyFind(flow), at.Unix(), findTTL).Err(); err != nil {
		return fmt.Errorf("record find of flow %d: %w", flow, err)
	}
	return nil
}

// LastFinds returns by flow when polls have found something last. Polls that have not for longer than 90 days are missing.
func LastFinds(ctx context.Context, c redis.UniversalClient, polls []int64) (map[int64]time.Time, error) {
	if len(polls) == 0 {
		return nil, nil
	}
	keys := make([]string, len(polls))
	for i, flow := range polls {
		keys[i] = keyFind(flow)
	}
	texts, err := c.MGet(ctx, keys...).Result()
	if err != nil {
		return nil, fmt.Errorf("read last finds: %w", err)
	}
	all := make(map[int64]time.Time, len(polls))
	for i, text := range texts {
		if seconds, err := strconv.ParseInt(fmt.Sprint(text), 10, 64); err == nil { // else there is none
			all[polls[i]] = time.Unix(seconds, 0).UTC()
		}
	}
	return all, nil
}
