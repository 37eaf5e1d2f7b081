package queue

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	listMost  = 10_000 // runs that one list looks at
	listBatch = 500    // runs read in one round trip
)

// List says which runs to look at. The zero List is the newest of all.
type List struct {
	Queues   []string  // with all their shards; nil: all
	From, To time.Time // of acceptance, both included; zero: no bound
	Oldest   bool      // begin with the oldest, not with the newest
	Most     int       // runs to look at; default and at most 10,000
}

// listedFields are read of each run: neither event nor output nor steps,
// which may be large.
var listedFields = []string{"spec", "state", "fence", "stopped", "crashes", "worker", "at", "started", "finished", "error"}

// List calls each for runs in the order of their acceptance, without Event,
// Output and Steps. more says that there are runs which it did not look at.
// Errors: ErrUnavailable.
func (c *Client) List(ctx context.Context, l List, each func(*Record)) (more bool, err error) {
	if l.Most <= 0 || l.Most > listMost {
		l.Most = listMost
	}
	queues, err := c.redis.SMembers(ctx, asynqQueues).Result()
	if err != nil {
		return false, redisError("list queues", err)
	}
	var all []listed
	for _, queue := range queues {
		if l.Queues != nil && !slices.Contains(l.Queues, wholeQueue(queue)) {
			continue
		}
		some, cut, err := c.listIDs(ctx, queue, &l)
		if err != nil {
			return false, err
		}
		all, more = append(all, some...), more || cut
	}
	slices.SortFunc(all, func(a, b listed) int {
		if l.Oldest {
			a, b = b, a
		}
		return cmp.Or(cmp.Compare(b.at, a.at), strings.Compare(b.id, a.id))
	})
	if len(all) > l.Most {
		all, more = all[:l.Most], true
	}
	for batch := range slices.Chunk(all, listBatch) {
		if err := c.readListed(ctx, batch, each); err != nil {
			return false, err
		}
	}
	return more, nil
}

// listed is a run by the moment of its acceptance.
type listed struct {
	id, queue string
	at        int64 // unix ms
}

// listIDs finds the runs of one queue: those that have not been settled and,
// read after them so that none is missed on its way, those that have.
func (c *Client) listIDs(ctx context.Context, queue string, l *List) ([]listed, bool, error) {
	k, most := keysOf(queue), int64(l.Most)
	pipe := c.redis.Pipeline()
	open := pipe.ZRange(ctx, k.due(), 0, most) // one more than most: there are more
	between := &redis.ZRangeBy{Min: scoreOf(l.From, "-inf"), Max: scoreOf(l.To, "+inf"), Count: most + 1}
	settled := pipe.ZRevRangeByScoreWithScores
	if l.Oldest {
		settled = pipe.ZRangeByScoreWithScores
	}
	ended := settled(ctx, k.index(), between)
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, false, redisError("list runs", err)
	}
	out := make([]listed, 0, len(ended.Val())+len(open.Val()))
	seen := make(map[string]bool, len(open.Val()))
	for _, z := range ended.Val() {
		id, _ := z.Member.(string)
		seen[id] = true
		out = append(out, listed{id, queue, int64(z.Score)})
	}
	for _, id := range open.Val() {
		if at, ok := bornAt(id); ok && !seen[id] && l.covers(at) {
			out = append(out, listed{id, queue, at.UnixMilli()})
		}
	}
	cut := int64(len(open.Val())) > most || int64(len(ended.Val())) > most
	return out, cut, nil
}

// covers reports whether a run that was named at a moment may have been
// accepted between the bounds: its name is given by the door's clock, its
// acceptance by that of Redis.
func (l *List) covers(at time.Time) bool {
	const apart = time.Minute
	return (l.From.IsZero() || !at.Before(l.From.Add(-apart))) && (l.To.IsZero() || !at.After(l.To.Add(apart)))
}

func scoreOf(t time.Time, none string) string {
	if t.IsZero() {
		return none
	}
	return strconv.FormatInt(t.UnixMilli(), 10)
}

// readListed reads a batch of runs in one round trip. Those whose retention is
// over are left out.
func (c *Client) readListed(ctx context.Context, batch []listed, each func(*Record)) error {
	pipe := c.redis.Pipeline()
	answers := make([]*redis.SliceCmd, len(batch))
	for i, run := range batch {
		answers[i] = pipe.HMGet(ctx, keysOf(run.queue).runPrefix()+run.id, listedFields...)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return redisError("list runs", err)
	}
	for i, answer := range answers {
		fields := map[string]string{}
		for j, v := range answer.Val() {
			if s, ok := v.(string); ok {
				fields[listedFields[j]] = s
			}
		}
		if fields["state"] == "" {
			continue
		}
		record, err := decodeRecord(batch[i].id, batch[i].queue, fields)
		if err != nil {
			c.cfg.Log.Warn("list runs", "run_id", batch[i].id, "error", err)
			continue
		}
		each(&record)
	}
	return nil
}
