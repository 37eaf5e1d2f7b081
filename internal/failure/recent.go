package failure

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// The limits of Recent.
const (
	recentFlows   = 200 // flows, the last ones to fail
	recentPerFlow = 10  // failures of a flow, the last seen
)

// Recent returns the failures that were seen within a time, of the 200 flows that failed last and of each the last ten, in three
// round trips whatever their number, and those in which their open runs are counted. The last seen are first.
func (s *Store) Recent(ctx context.Context, within time.Duration) ([]Group, error) {
	since := strconv.FormatInt(s.now().Add(-within).UnixMilli(), 10)
	flows, err := s.redis.ZRevRangeByScore(ctx, keyFlows, &redis.ZRangeBy{Min: since, Max: "+inf", Count: recentFlows}).Result()
	if err != nil || len(flows) == 0 {
		return nil, wrapRecent(err)
	}
	type read struct {
		id   string
		flow int64
		f    *redis.MapStringStringCmd
	}
	pipe := s.redis.Pipeline()
	indexes := map[int64]*redis.StringSliceCmd{}
	for _, text := range flows {
		if flow, err := strconv.ParseInt(text, 10, 64); err == nil {
			indexes[flow] = pipe.ZRevRangeByScore(ctx, keysOf(flow).index(), &redis.ZRangeBy{Min: since, Max: "+inf", Count: recentPerFlow})
		}
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, wrapRecent(err)
	}
	var reads []read
	pipe = s.redis.Pipeline()
	for flow, index := range indexes {
		for _, id := range index.Val() {
			reads = append(reads, read{id, flow, pipe.HGetAll(ctx, keysOf(flow).failurePrefix()+id)})
		}
	}
	if len(reads) == 0 {
		return nil, nil
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, wrapRecent(err)
	}
	var all []Group
	for _, r := range reads {
		if f := r.f.Val(); f["new"] != "" {
			all = append(all, decode(r.id, r.flow, f, s.now()))
		}
	}
	slices.SortFunc(all, lastFirst)
	return all, wrapRecent(s.countOpen(ctx, all))
}

func wrapRecent(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("read recent failures: %w", err)
}
