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
	maxListed = 10_000  // runs that one List reads
	listBatch = 500     // runs read in one round trip
	maxOpen   = 200_000 // ids of open runs of one queue that a List reads: due is not in the order of acceptance
)

// Place is the position of a run in a list, ordered by the time of acceptance and
// then by id. The zero Place is before the first run.
type Place struct {
	At int64 // unix ms
	ID string
}

// List selects runs. The zero List selects the newest runs of all queues.
type List struct {
	Queues   []string  // each with all its shards; nil: all queues
	From, To time.Time // bounds of the time of acceptance, both inclusive; zero: no bound
	Oldest   bool      // in ascending order of acceptance; false: descending
	After    Place     // start behind this position; zero: at the first run
	Most     int       // maximum number of runs; zero means 10,000, which is also the maximum
}

// listedFields are the fields that List reads. Event, output and steps are left
// out because they may be large.
var listedFields = []string{
	"spec", "state", "fence", "stopped", "crashes", "worker", "at", "started", "finished", "error", "resumed_by", "replayed_by", "triage", "failure_run",
}

// List calls each for the selected runs in the order of their acceptance. The
// records have no Event, Output and Steps. more reports whether further runs match.
// Errors: ErrUnavailable.
func (c *Client) List(ctx context.Context, l List, each func(*Record)) (more bool, err error) {
	if l.Most <= 0 || l.Most > maxListed {
		l.Most = maxListed
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
		return b.place().compare(a.place())
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

// Brief reads runs by their ids. The records have no Event, Output and Steps, and are in no
// particular order; those of runs that are not stored are missing. Errors: ErrUnavailable.
func (c *Client) Brief(ctx context.Context, ids []string) (all []Record, err error) {
	var runs []listed
	for _, id := range ids {
		queues, err := c.queuesOf(ctx, id)
		if err != nil {
			return nil, err
		}
		for _, queue := range queues {
			runs = append(runs, listed{id: id, queue: queue})
		}
	}
	for batch := range slices.Chunk(runs, listBatch) {
		if err := c.readListed(ctx, batch, func(r *Record) { all = append(all, *r) }); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// listed is a run with its position.
type listed struct {
	id, queue string
	at        int64 // unix ms
}

func (r listed) place() Place { return Place{r.at, r.id} }

func (p Place) compare(o Place) int {
	return cmp.Or(cmp.Compare(p.At, o.At), strings.Compare(p.ID, o.ID))
}

// behind reports whether a position is behind l.After.
func (l *List) behind(p Place) bool {
	switch {
	case l.After == Place{}:
		return true
	case l.Oldest:
		return p.compare(l.After) > 0
	}
	return p.compare(l.After) < 0
}

// scores are the bounds of the settled runs for ZRANGEBYSCORE. Runs of the same
// millisecond as l.After are read separately, see endedIDs.
func (l *List) scores() (from, to string) {
	from, to = scoreOf(l.From, "-inf"), scoreOf(l.To, "+inf")
	at := "(" + strconv.FormatInt(l.After.At, 10)
	switch {
	case l.After == Place{}:
	case l.Oldest:
		from = at
	default:
		to = at
	}
	return from, to
}

// listIDs finds the runs of one queue. It reads the open runs first and the settled
// ones after them, so that a run that is settled meanwhile is not missed.
func (c *Client) listIDs(ctx context.Context, queue string, l *List) ([]listed, bool, error) {
	k := keysOf(queue)
	open, cut, err := c.openIDs(ctx, k)
	if err != nil {
		return nil, false, err
	}
	ended, err := c.endedIDs(ctx, k, l)
	if err != nil {
		return nil, false, err
	}
	out := make([]listed, 0, len(ended)+len(open))
	seen := make(map[string]bool, len(ended))
	add := func(run listed) {
		if l.behind(run.place()) {
			out = append(out, run)
		}
	}
	for _, z := range ended {
		id, _ := z.Member.(string)
		seen[id] = true
		add(listed{id, queue, int64(z.Score)})
	}
	for _, id := range open {
		if at, ok := createdAt(id); ok && !seen[id] && l.covers(at) {
			seen[id] = true
			add(listed{id, queue, at.UnixMilli()})
		}
	}
	return out, cut || len(out) > l.Most, nil
}

// endedIDs reads the settled runs of a list, up to l.Most and one more, which tells
// that further runs exist.
func (c *Client) endedIDs(ctx context.Context, k keys, l *List) ([]redis.Z, error) {
	from, to := l.scores()
	pipe := c.redis.Pipeline()
	settled := pipe.ZRevRangeByScoreWithScores
	if l.Oldest {
		settled = pipe.ZRangeByScoreWithScores
	}
	at := strconv.FormatInt(l.After.At, 10)
	beside := pipe.ZRangeByScoreWithScores(ctx, k.index(), &redis.ZRangeBy{Min: at, Max: at, Count: maxListed})
	behind := settled(ctx, k.index(), &redis.ZRangeBy{Min: from, Max: to, Count: int64(l.Most) + 1})
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, redisError("list runs", err)
	}
	return append(beside.Val(), behind.Val()...), nil
}

// openIDs reads the ids of runs that have not been settled, in no particular order;
// cut: there are more. A run whose score changes meanwhile may be read twice or
// not at all.
func (c *Client) openIDs(ctx context.Context, k keys) (ids []string, cut bool, err error) {
	for len(ids) < maxOpen {
		some, err := c.redis.ZRange(ctx, k.due(), int64(len(ids)), int64(len(ids))+maxListed-1).Result()
		if err != nil {
			return nil, false, redisError("list runs", err)
		}
		ids = append(ids, some...)
		if len(some) < maxListed {
			return ids, false, nil
		}
	}
	return ids, true, nil
}

// covers reports whether a run whose id was made at a time may have been accepted
// within the bounds. The id has the clock of an API process, the acceptance that of
// Redis: a minute of difference is allowed.
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

// readListed reads a batch of runs in one round trip. Runs that have been removed
// since are left out.
func (c *Client) readListed(ctx context.Context, batch []listed, each func(*Record)) error {
	pipe := c.redis.Pipeline()
	answers := make([]*redis.SliceCmd, len(batch))
	for i, run := range batch {
		answers[i] = pipe.HMGet(ctx, keysOf(run.queue).runPrefix()+run.id, listedFields...)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return redisError("list runs", err)
	}
	records := make([]*Record, 0, len(batch))
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
		record.ListedAt = batch[i].at
		records = append(records, &record)
	}
	if err := c.resolve(ctx, records); err != nil {
		return err
	}
	for _, record := range records {
		each(record)
	}
	return nil
}
