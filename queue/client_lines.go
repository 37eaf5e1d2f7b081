package queue

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Bounds of what Sharing reads of one shard.
const (
	maxLines    = 100 // flows of each class, those whose turn is next
	maxFairKeys = 20  // fair keys of a flow, of each class
)

// Sharing describes how the flows of a queue share the slots of its workers, the sum of its shards.
type Sharing struct {
	Queue        string
	Slots, Spare int    // of the live workers
	Share        int    // of a flow without a share of its own, in percent; zero: no worker
	Turns        int64  // number of turns that were given since the queue exists
	Collecting   int64  // number of runs that wait for further events, see Submission.Collect; they are in no line
	Lines        []Line // in the order of their turns
	More         int    // number of further flows in line that are not in Lines
}

// Line describes the runs of one flow that wait for a slot.
type Line struct {
	Flow             int64
	Now              int           // runs in flight: pending or executing
	Waited, Unwaited int           // runs in line with and without a waiting caller
	OldestWaited     time.Duration // waiting time of the first run with a waiting caller; zero: none
	OldestUnwaited   time.Duration // waiting time of the first run without one; zero: none
	Share            int           // the share of the flow itself in percent; zero: it has none
	AtLeast          bool          // the counts are lower bounds: not all of its fair keys were read
}

// Oldest returns the waiting time of the first run in line.
func (l *Line) Oldest() time.Duration { return max(l.OldestWaited, l.OldestUnwaited) }

// Sharing reads the lines of every queue. It costs three round trips for each shard and at most a few
// thousand commands, however many runs wait. Errors: ErrUnavailable.
func (c *Client) Sharing(ctx context.Context) ([]Sharing, error) {
	names, err := c.Queues(ctx)
	if err != nil {
		return nil, err
	}
	byQueue := map[string]*Sharing{}
	for _, name := range names {
		whole := wholeQueue(name)
		if byQueue[whole] == nil {
			byQueue[whole] = &Sharing{Queue: whole}
		}
		if err := c.readLines(ctx, keysOf(name), byQueue[whole]); err != nil {
			return nil, err
		}
	}
	var out []Sharing
	for _, s := range byQueue {
		out = append(out, *s)
	}
	slices.SortFunc(out, func(a, b Sharing) int { return strings.Compare(a.Queue, b.Queue) })
	return out, nil
}

// classes are the two orders of turns: runs with a waiting caller, and others.
var classes = [...]string{"w", "u"}

// readLines adds the lines of one shard.
func (c *Client) readLines(ctx context.Context, k keys, s *Sharing) error {
	pipe := c.redis.Pipeline()
	slots, given, collecting := pipe.Get(ctx, k.slots()), pipe.Get(ctx, k.given()), pipe.SCard(ctx, k.collecting())
	var first [len(classes)]*redis.StringSliceCmd
	var all [len(classes)]*redis.IntCmd
	for i, class := range classes {
		first[i], all[i] = pipe.ZRange(ctx, k.turns(class), 0, maxLines-1), pipe.ZCard(ctx, k.turns(class))
	}
	if _, err := pipe.Exec(ctx); err != nil && !isNil(err) {
		return redisError("read turns", err)
	}
	var n, spare, share int
	if _, err := fmt.Sscan(slots.Val(), &n, &spare, &share); err == nil { // else no worker
		s.Slots, s.Spare, s.Share = s.Slots+n, s.Spare+spare, max(s.Share, share)
	}
	turns, _ := strconv.ParseInt(given.Val(), 10, 64) // absent: none yet
	s.Turns += turns
	s.Collecting += collecting.Val()
	flows := mergeFlows(first[0].Val(), first[1].Val())
	if len(flows) == 0 {
		return nil
	}
	s.More += max(0, int(max(all[0].Val(), all[1].Val()))-len(flows))
	return c.readFlows(ctx, k, s, flows)
}

// mergeFlows returns the flows of both orders, each once.
func mergeFlows(waited, unwaited []string) []string {
	out := slices.Clone(waited)
	for _, flow := range unwaited {
		if !slices.Contains(waited, flow) {
			out = append(out, flow)
		}
	}
	return out
}

// flowRead are the pending replies of the commands that read one flow.
type flowRead struct {
	now   *redis.IntCmd
	share *redis.StringCmd
	keys  [len(classes)]*redis.StringSliceCmd
	count [len(classes)]*redis.IntCmd // of its keys
	sizes [len(classes)][]*redis.IntCmd
	heads [len(classes)][]*redis.ZSliceCmd
}

func (c *Client) readFlows(ctx context.Context, k keys, s *Sharing, flows []string) error {
	pipe, looks := c.redis.Pipeline(), make([]flowRead, len(flows))
	for i, flow := range flows {
		l := &looks[i]
		l.now, l.share = pipe.SCard(ctx, k.ours+"flight:"+flow), pipe.HGet(ctx, k.shares(), flow)
		for j, class := range classes {
			l.keys[j] = pipe.ZRange(ctx, k.fairKeys(class, flow), 0, maxFairKeys-1)
			l.count[j] = pipe.ZCard(ctx, k.fairKeys(class, flow))
		}
	}
	if _, err := pipe.Exec(ctx); err != nil && !isNil(err) {
		return redisError("read flows in line", err)
	}
	for i, flow := range flows {
		l := &looks[i]
		for j, class := range classes {
			for _, key := range append(l.keys[j].Val(), "") { // runs without a key have a line of their own
				line := k.groupPrefix() + lineOf(class, flow, key)
				l.sizes[j] = append(l.sizes[j], pipe.ZCard(ctx, line))
				l.heads[j] = append(l.heads[j], pipe.ZRangeWithScores(ctx, line, 0, 0))
			}
		}
	}
	now := pipe.Time(ctx)
	if _, err := pipe.Exec(ctx); err != nil && !isNil(err) {
		return redisError("read lines", err)
	}
	for i, flow := range flows {
		s.add(looks[i].line(flow, now.Val()))
	}
	return nil
}

// line sums up the replies for a flow; now is the time of Redis.
func (l *flowRead) line(flow string, now time.Time) Line {
	out := Line{Now: int(l.now.Val())}
	out.Flow, _ = strconv.ParseInt(flow, 10, 64) // written by us
	out.Share, _ = strconv.Atoi(l.share.Val())   // absent: it has none
	out.Waited, out.OldestWaited = l.waiting(0, now)
	out.Unwaited, out.OldestUnwaited = l.waiting(1, now)
	for _, n := range l.count {
		out.AtLeast = out.AtLeast || n.Val() > maxFairKeys
	}
	return out
}

// waiting returns the number of runs of a class in line and the waiting time of the first.
func (l *flowRead) waiting(class int, now time.Time) (n int, oldest time.Duration) {
	for i := range l.sizes[class] {
		n += int(l.sizes[class][i].Val())
		if head := l.heads[class][i].Val(); len(head) == 1 {
			oldest = max(oldest, now.Sub(time.UnixMicro(int64(head[0].Score))))
		}
	}
	return n, oldest
}

// add adds a line; the lines of a flow on several shards become one.
func (s *Sharing) add(line Line) {
	for i := range s.Lines {
		if l := &s.Lines[i]; l.Flow == line.Flow {
			l.Now, l.Waited, l.Unwaited = l.Now+line.Now, l.Waited+line.Waited, l.Unwaited+line.Unwaited
			l.OldestWaited, l.OldestUnwaited = max(l.OldestWaited, line.OldestWaited), max(l.OldestUnwaited, line.OldestUnwaited)
			l.AtLeast = l.AtLeast || line.AtLeast
			return
		}
	}
	s.Lines = append(s.Lines, line)
}

// lineOf returns the name of the asynq group of a line, as lua/lib/turns.lua does.
func lineOf(class, flow, key string) string {
	name := "flow-" + flow
	if class == "w" {
		name += "-waited"
	}
	if key != "" {
		name += "-" + key
	}
	return name
}
