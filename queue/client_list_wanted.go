package queue

import (
	"context"
	"slices"
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

// check is a condition that one short field of a record decides.
type check struct {
	field string
	holds func(value string) bool
}

// checks returns what can be known of the runs of a list without reading their records as a whole. What a check cannot decide holds.
func (l *List) checks() (all []check) {
	for _, c := range l.Where {
		switch at := slices.Index(specStart, c.Field); {
		case c.Values == nil: // it is about a range
		case c.Field == "state":
			all = append(all, check{"state", func(state string) bool { return slices.Contains(c.Values, state) }})
		case at > 0:
			all = append(all, check{"spec", func(spec string) bool {
				fields := strings.SplitN(spec, specSeparator, len(specStart)+1)
				return len(fields) <= len(specStart) || slices.Contains(c.Values, fields[at])
			}})
		case c.Field == "code" && !slices.ContainsFunc(c.Values, func(code string) bool { return !isWord(code) }):
			all = append(all, check{"error", func(text string) bool {
				return slices.ContainsFunc(c.Values, func(code string) bool { return strings.Contains(text, code) })
			}})
		}
	}
	return all
}

// specStart are the fields at the beginning of a stored spec.
var specStart = []string{"format", "flow", "version", "principal"} // read only

// isWord reports whether a text is written in JSON as it is.
func isWord(text string) bool {
	return text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz_") == ""
}

// wanted leaves out the runs of a batch that do not pass the checks of a list: short fields are read for that, not the records. Runs that
// the history has returned stay, since it has looked already.
func (c *Client) wanted(ctx context.Context, l *List, batch []listed) ([]listed, error) {
	checks := l.checks()
	if len(checks) == 0 || !slices.ContainsFunc(batch, func(r listed) bool { return r.archived == nil }) {
		return batch, nil
	}
	fields := make([]string, len(checks))
	for i := range checks {
		fields[i] = checks[i].field
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
		if run.archived != nil || !slices.ContainsFunc(checks, func(c check) bool {
			value, _ := answers[i].Val()[slices.Index(fields, c.field)].(string)
			return !c.holds(value)
		}) {
			kept = append(kept, run)
		}
	}
	if l.Unwanted != nil {
		*l.Unwanted += len(batch) - len(kept)
	}
	return kept, nil
}

// onlyOpen reports whether the states that are wanted are those of runs that have not ended, and so are not settled.
func (l *List) onlyOpen() bool {
	return slices.ContainsFunc(l.Where, func(c Condition) bool {
		return c.Field == "state" && c.Values != nil && !slices.ContainsFunc(c.Values, func(s string) bool { return State(s).Terminal() })
	})
}
