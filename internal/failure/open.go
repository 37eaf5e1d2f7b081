package failure

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// maxLooked is the maximum number of runs at which one reading of failures looks.
const maxLooked = 1000

// OpenRuns tells which runs are open: they failed, nobody resolved or ignored them, and no other run is in their place.
// The result has each run that is still stored. It is called with at most 1,000 ids.
type OpenRuns func(ctx context.Context, ids []string) (map[string]bool, error)

// Counting returns the Store with open runs counted in what it lists.
func (s *Store) Counting(runs OpenRuns) *Store {
	return &Store{redis: s.redis, now: s.now, runs: runs}
}

// countOpen counts the open runs of failures in their order, as long as there are not too many runs to look at. A failure is
// resolved when all its runs are known, and none of them is open.
func (s *Store) countOpen(ctx context.Context, all []Group) error {
	if s.runs == nil || len(all) == 0 {
		return nil
	}
	looked, left := []int{}, int64(maxLooked)
	for i := range all {
		if n := min(all[i].Count, MaxKnown); n <= left {
			looked, left = append(looked, i), left-n
		}
	}
	known := make([]*redis.StringSliceCmd, len(looked))
	_, err := s.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, at := range looked {
			known[i] = p.LRange(ctx, keysOf(all[at].Flow).runsPrefix()+all[at].ID, 0, MaxKnown-1)
		}
		return nil
	})
	if err != nil {
		return err
	}
	var ids []string
	for _, some := range known {
		ids = append(ids, some.Val()...)
	}
	open, err := s.runs(ctx, ids)
	if err != nil {
		return err
	}
	for i, at := range looked {
		all[at].count(known[i].Val(), open)
	}
	return nil
}

// count takes into account which of the known runs are open. Of runs that are not stored any more nothing is known.
func (g *Group) count(known []string, open map[string]bool) {
	stored, n := 0, int64(0)
	for _, id := range known {
		isOpen, ok := open[id]
		if ok {
			stored++
		}
		if isOpen {
			n++
		}
	}
	if stored == 0 {
		return
	}
	g.OpenRuns = &n
	if n == 0 && g.State == Open && g.Count == int64(len(known)) {
		g.State, g.ByRuns = Resolved, true
	}
}

// Open returns the number of open runs as far as it is known; of a failure whose runs were not looked at, all are.
func (g *Group) Open() int64 {
	if g.OpenRuns == nil {
		return g.Count
	}
	return *g.OpenRuns
}
