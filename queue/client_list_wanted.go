package queue

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// maxUnarchived is the number of ended runs of a queue that List reads because the history does not have them yet.
const maxUnarchived = 5000

// unarchivedIDs reads the ended runs that the history does not have, or not as they are now, by their acceptance. They are those within the
// bounds of a list, in no particular order. few: there are no more than maxUnarchived; otherwise none is returned.
func (c *Client) unarchivedIDs(ctx context.Context, k keys, l *List) (ended []redis.Z, few bool, err error) {
	ids, err := c.redis.LRange(ctx, k.ended(), 0, maxUnarchived).Result()
	if err != nil {
		return nil, false, redisError("list runs", err)
	}
	if len(ids) > maxUnarchived {
		return nil, false, nil
	}
	slices.Sort(ids)
	for batch := range slices.Chunk(slices.Compact(ids), listBatch) { // one that has changed twice is there twice
		scores, err := c.redis.ZMScore(ctx, k.index(), batch...).Result()
		if err != nil {
			return nil, false, redisError("list runs", err)
		}
		for i, at := range scores {
			if at != 0 && l.accepts(int64(at)) { // 0: it has been removed
				ended = append(ended, redis.Z{Score: at, Member: batch[i]})
			}
		}
	}
	return ended, true, nil
}

// accepts reports whether a time of acceptance, unix ms, is within the bounds of the list.
func (l *List) accepts(at int64) bool {
	return (l.From.IsZero() || at >= l.From.UnixMilli()) && (l.To.IsZero() || at <= l.To.UnixMilli())
}

// wanted leaves out the runs of a batch whose state or flow is another one than is wanted: one short field is read for that, not the
// record. Runs that only the history has stay, since it has looked already.
func (c *Client) wanted(ctx context.Context, l *List, batch []listed) ([]listed, error) {
	states, flows := l.values("state"), l.values("flow")
	var fields []string
	if states != nil {
		fields = append(fields, "state")
	}
	if flows != nil {
		fields = append(fields, "spec")
	}
	if fields == nil || !slices.ContainsFunc(batch, func(r listed) bool { return r.archived == nil }) {
		return batch, nil
	}
	pipe := c.redis.Pipeline()
	answers := make([]*redis.SliceCmd, len(batch))
	for i, run := range batch {
		if run.archived == nil {
			answers[i] = pipe.HMGet(ctx, keysOf(run.queue).runPrefix()+run.id, fields...)
		}
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, redisError("list runs", err)
	}
	kept := make([]listed, 0, len(batch))
	for i, run := range batch {
		if run.archived == nil && !fits(answers[i].Val(), states, flows) {
			continue
		}
		kept = append(kept, run)
	}
	if l.Unwanted != nil {
		*l.Unwanted += len(batch) - len(kept)
	}
	return kept, nil
}

// values returns the values of a condition that names some; nil: there is none.
func (l *List) values(field string) []string {
	for _, c := range l.Where {
		if c.Field == field && c.Values != nil {
			return c.Values
		}
	}
	return nil
}

// fits reports whether the state and the spec of a run, those of the two that are asked for, are of the wanted states and flows.
func fits(values []any, states, flows []string) bool {
	if states != nil {
		if state, _ := values[0].(string); !slices.Contains(states, state) {
			return false
		}
		values = values[1:]
	}
	if flows == nil {
		return true
	}
	spec, _ := values[0].(string)
	flow, err := flowOf(spec)
	return err != nil || slices.Contains(flows, strconv.FormatInt(flow, 10)) // reading the whole record tells what is wrong
}

// flowOf returns the flow of a spec as it is stored.
func flowOf(spec string) (int64, error) {
	_, rest, _ := strings.Cut(spec, specSeparator)
	number, _, _ := strings.Cut(rest, specSeparator)
	return strconv.ParseInt(number, 10, 64)
}
