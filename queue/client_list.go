package queue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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

	// Stored selects among the runs that Redis has: a History is not read.
	Stored bool

	// Short reads no more of the runs that Redis has than their specs, states and times.
	Short bool

	// Where tells which runs are wanted. It is a help, not a filter: what lists runs checks those that it gets. With a History, of the
	// ended runs in Redis only those are read that the history does not have yet, or that it returns.
	Where []Condition

	// Unwanted gets the number of runs that were looked at and not passed on because of Where; nil: it is not needed.
	Unwanted *int

	// Search are words that a run must contain, and Labels values that its labels must have. With either only a History
	// is read, if there is one: Redis cannot look them up.
	Search string
	Labels map[string]string
}

// Lookup reports whether only a History finds the runs that are selected, if there is one.
func (l *List) Lookup() bool { return l.Search != "" || l.Labels != nil }

// listedFields are the fields that List reads. Event, output and steps are left
// out because they may be large.
var listedFields = []string{
	"spec", "state", "fence", "stopped", "crashes", "worker", "at", "started", "finished", "error", "resumed_by", "replayed_by", "triage", "failure_run", "until", "events",
}

// shortFields are those of a List that is Short.
var shortFields = []string{"spec", "state", "at", "started", "finished"}

// List calls each for the selected runs in the order of their acceptance. The
// records have no Event, Output and Steps. more reports whether further runs may match,
// and next is the position behind which they are. Errors: ErrUnavailable; ErrHistory when
// only the runs that Redis has were read; ErrNoHistory.
func (c *Client) List(ctx context.Context, l List, each func(*Record)) (next Place, more bool, err error) {
	if l.Most <= 0 || l.Most > maxListed {
		l.Most = maxListed
	}
	var stored, archived listing
	lookup, both := l.Lookup(), c.cfg.History != nil && !l.Stored
	if lookup && c.cfg.History == nil {
		return Place{}, false, ErrNoHistory
	}
	narrow := both && len(l.Where) > 0
	if !lookup { // before the history is read: a run that is copied meanwhile is found
		if stored, err = c.listStored(ctx, &l, narrow); err != nil {
			return Place{}, false, err
		}
	}
	if both {
		var failure error
		if archived, failure = c.listArchived(ctx, l); failure != nil {
			c.cfg.Log.Warn("list runs of the history", "error", failure)
			if narrow && !lookup {
				if stored, err = c.listStored(ctx, &l, false); err != nil {
					return Place{}, false, err
				}
			}
			err = fmt.Errorf("%w: %w", ErrHistory, failure)
		}
	}
	all := merge(&l, stored, archived)
	if err != nil { // there may be others behind the runs that Redis has
		all.more = true
		all.cut(l.Most)
	}
	for batch := range slices.Chunk(all.runs, listBatch) {
		if batch, err := c.wanted(ctx, &l, batch); err != nil {
			return Place{}, false, err
		} else if err := c.readListed(ctx, batch, l.fields(), each); err != nil {
			return Place{}, false, err
		}
	}
	return all.reached, all.more, err
}

// ErrHistory reports that the history does not answer.
var ErrHistory = errors.New("queue: the history does not answer")

// ErrNoHistory reports that only a History can find what is wanted, and there is none.
var ErrNoHistory = errors.New("queue: there is no history of runs")

// WithoutHistory returns nil instead of ErrHistory, for readers to which the runs that Redis has are enough.
func WithoutHistory(err error) error {
	if errors.Is(err, ErrHistory) {
		return nil
	}
	return err
}

// listing are selected runs in order. more: there may be others behind reached.
type listing struct {
	runs    []listed
	more    bool
	reached Place
}

// listStored finds the runs that Redis has. narrow: without the ended runs that the history has.
func (c *Client) listStored(ctx context.Context, l *List, narrow bool) (listing, error) {
	queues, err := c.Queues(ctx)
	if err != nil {
		return listing{}, err
	}
	var found listing
	for _, queue := range queues {
		if l.Queues != nil && !slices.Contains(l.Queues, wholeQueue(queue)) {
			continue
		}
		some, cut, err := c.listIDs(ctx, queue, l, narrow)
		if err != nil {
			return listing{}, err
		}
		found.runs, found.more = append(found.runs, some...), found.more || cut
	}
	slices.SortFunc(found.runs, l.compare)
	found.cut(l.Most)
	return found, nil
}

// maxArchived is how many runs of the history one List reads: they are those that are wanted, not those to choose from.
const maxArchived = 500

// listArchived finds the runs that the history has.
func (c *Client) listArchived(ctx context.Context, l List) (found listing, err error) {
	l.Most = min(l.Most, maxArchived)
	runs, reached, err := c.cfg.History.List(ctx, l)
	if err != nil {
		return listing{}, err
	}
	if reached != nil {
		found.more, found.reached = true, *reached
	}
	for i := range runs {
		record, err := runs[i].Decode()
		if err != nil {
			c.cfg.Log.Warn("list runs of the history", "run_id", runs[i].ID, "error", err)
			continue
		}
		found.runs = append(found.runs, listed{id: record.ID, queue: runs[i].Queue, at: record.ListedAt, archived: &record})
	}
	return found, nil
}

// merge joins two listings, up to the position that both have reached. Of a run in both, the copy of the history is
// used when Redis has removed it meanwhile.
func merge(l *List, stored, archived listing) listing {
	all := listing{runs: stored.runs, more: stored.more || archived.more}
	byID := make(map[string]int, len(stored.runs))
	for i, run := range stored.runs {
		byID[run.id] = i
	}
	for _, run := range archived.runs {
		if i, both := byID[run.id]; both {
			all.runs[i].archived = run.archived
		} else {
			all.runs = append(all.runs, run)
		}
	}
	slices.SortFunc(all.runs, l.compare)
	for _, part := range []listing{stored, archived} {
		if part.more && (all.reached == Place{} || l.before(part.reached, all.reached)) {
			all.reached = part.reached
		}
	}
	if all.more && all.reached != (Place{}) {
		end, _ := slices.BinarySearchFunc(all.runs, all.reached, func(run listed, p Place) int {
			if l.before(p, run.place()) {
				return 1
			}
			return -1
		})
		all.runs = all.runs[:end]
	}
	all.cut(l.Most)
	return all
}

// cut limits a listing to a number of runs.
func (f *listing) cut(most int) {
	if len(f.runs) > most {
		f.runs, f.more, f.reached = f.runs[:most], true, Place{}
	}
	if f.more && f.reached == (Place{}) && len(f.runs) > 0 {
		f.reached = f.runs[len(f.runs)-1].place()
	}
}

func (l *List) fields() []string {
	if l.Short {
		return shortFields
	}
	return listedFields
}

// before reports whether a position is before another one in the order of the list.
func (l *List) before(a, b Place) bool {
	if l.Oldest {
		return a.compare(b) < 0
	}
	return a.compare(b) > 0
}

func (l *List) compare(a, b listed) int {
	if l.Oldest {
		return a.place().compare(b.place())
	}
	return b.place().compare(a.place())
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
		if err := c.readListed(ctx, batch, listedFields, func(r *Record) { all = append(all, *r) }); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// listed is a run with its position.
type listed struct {
	id, queue string
	at        int64   // unix ms
	archived  *Record // as the history has it; nil: it was not found there
}

func (r listed) place() Place { return Place{r.at, r.id} }

func (p Place) compare(o Place) int {
	return cmp.Or(cmp.Compare(p.At, o.At), strings.Compare(p.ID, o.ID))
}

// behind reports whether a position is behind l.After.
func (l *List) behind(p Place) bool { return l.After == Place{} || l.before(l.After, p) }

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
func (c *Client) listIDs(ctx context.Context, queue string, l *List, narrow bool) ([]listed, bool, error) {
	k := keysOf(queue)
	open, cut, err := c.openIDs(ctx, k)
	if err != nil {
		return nil, false, err
	}
	var ended []redis.Z
	if l.onlyOpen() {
		narrow = true
	} else if narrow {
		ended, narrow, err = c.unarchivedIDs(ctx, k, l)
	}
	if !narrow && err == nil {
		ended, err = c.endedIDs(ctx, k, l)
	}
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
		add(listed{id: id, queue: queue, at: int64(z.Score)})
	}
	for _, id := range open {
		if at, ok := createdAt(id); ok && !seen[id] && l.covers(at) {
			seen[id] = true
			add(listed{id: id, queue: queue, at: at.UnixMilli()})
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

// readListed reads fields of a batch of runs in one round trip. Runs that have been removed
// since are left out, unless the history has them.
func (c *Client) readListed(ctx context.Context, batch []listed, names []string, each func(*Record)) error {
	pipe := c.redis.Pipeline()
	answers := make([]*redis.SliceCmd, len(batch))
	for i, run := range batch {
		answers[i] = pipe.HMGet(ctx, keysOf(run.queue).runPrefix()+run.id, names...)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return redisError("list runs", err)
	}
	records := make([]*Record, 0, len(batch))
	for i, answer := range answers {
		fields := map[string]string{}
		for j, v := range answer.Val() {
			if s, ok := v.(string); ok {
				fields[names[j]] = s
			}
		}
		if fields["state"] == "" {
			if archived := batch[i].archived; archived != nil {
				records = append(records, archived)
			}
			continue
		}
		record, err := decodeRecord(batch[i].id, batch[i].queue, fields)
		if err != nil {
			c.cfg.Log.Warn("list runs", "run_id", batch[i].id, "error", err)
			continue
		}
		record.ListedAt = batch[i].at
		if archived := batch[i].archived; archived != nil {
			record.Labels = archived.Labels // Redis does not have them
		}
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
