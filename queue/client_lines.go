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

// What one look at the lines of a queue's shard reads at most.
const (
	maxLines    = 100 // flows of each class, those whose turn is next
	maxFairKeys = 20  // fair keys of a flow, of each class
)

// Sharing is how the flows of a queue share its workers' slots, all its shards together.
type Sharing struct {
	Queue        string
	Slots, Spare int    // of the live workers
	Share        int    // of a flow without a share of its own, in percent; zero: no worker
	Turns        int64  // that were given since the queue is there
	Lines        []Line // in the order of their turns
	More         int    // flows that stand in line and are not in Lines
}

// Line is a flow that has runs in line for a slot.
type Line struct {
	Flow             int64
	Now              int           // its runs in flight: pending or executing
	Waited, Unwaited int           // its runs in line, by whether somebody waits for them
	OldestWaited     time.Duration // how long the first of them has waited; zero: there is none
	OldestUnwaited   time.Duration // likewise
	Share            int           // its own, in percent; zero: it has none
	AtLeast          bool          // more runs stand in line: not all of its fair keys were read
}

// Oldest is how long the first of its runs in line has waited.
func (l *Line) Oldest() time.Duration { return max(l.OldestWaited, l.OldestUnwaited) }

// Sharing reads who waits behind whom on every queue. It costs three round trips for each
// shard, and no more than some thousand commands however many runs wait. Errors: ErrUnavailable.
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

// classes are the two orders of turns: of runs that somebody waits for, and of others.
var classes = [...]string{"w", "u"}

// readLines adds what stands in line on one shard.
func (c *Client) readLines(ctx context.Context, k keys, s *Sharing) error {
	pipe := c.redis.Pipeline()
	slots, given := pipe.Get(ctx, k.slots()), pipe.Get(ctx, k.given())
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
	flows := mergeFlows(first[0].Val(), first[1].Val())
	if len(flows) == 0 {
		return nil
	}
	s.More += max(0, int(max(all[0].Val(), all[1].Val()))-len(flows))
	return c.readFlows(ctx, k, s, flows)
}

// lookers are the flows of both orders, each once.
func mergeFlows(waited, unwaited []string) []string {
	out := slices.Clone(waited)
	for _, flow := range unwaited {
		if !slices.Contains(waited, flow) {
			out = append(out, flow)
		}
	}
	return out
}

// flowLook is what is asked of one flow.
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

// line sums up what was read of a flow, now by Redis' clock.
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

// waiting is how many runs of a class stand in line, and how long the first of them has.
func (l *flowRead) waiting(class int, now time.Time) (n int, oldest time.Duration) {
	for i := range l.sizes[class] {
		n += int(l.sizes[class][i].Val())
		if head := l.heads[class][i].Val(); len(head) == 1 {
			oldest = max(oldest, now.Sub(time.UnixMicro(int64(head[0].Score))))
		}
	}
	return n, oldest
}

// add makes a line part of those of the queue: a flow may stand in line on several shards.
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

// lineOf names the asynq group that is a line, as lua/lib/turns.lua does.
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
