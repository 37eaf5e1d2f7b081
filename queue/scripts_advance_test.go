package queue

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// waiting is what stands in the lines of a queue, as the rule of decision 0007
// needs it: a second, simple way to say who moves up.
type waiting struct {
	slots, spare             int
	pending, express, begun  int
	turn                     int
	scores                   map[string]map[string]float64 // by class and flow
	lines                    map[string][]string           // tasks by group
	keys                     map[string][]string           // keys by class and flow, the next one first
	flights, shares          map[string]int                // by flow
	movedPending, movedSpare []string
}

func (s *storedRun) waiting() *waiting {
	ctx := context.Background()
	w := &waiting{
		scores: map[string]map[string]float64{"w": {}, "u": {}}, lines: map[string][]string{}, keys: map[string][]string{},
		flights: map[string]int{}, shares: map[string]int{},
	}
	var share int
	if _, err := fmt.Sscan(s.c.Get(ctx, s.keys.slots()).Val(), &w.slots, &w.spare, &share); err != nil || share != 50 {
		s.t.Fatal(share, err)
	}
	w.pending, w.express = int(s.c.LLen(ctx, s.keys.pending()).Val()), int(s.c.LLen(ctx, s.keys.express()).Val())
	w.begun = int(s.c.ZCard(ctx, s.keys.begun()).Val())
	w.turn, _ = s.c.Get(ctx, s.keys.ours+"turn").Int()
	for class, flows := range w.scores {
		for _, z := range s.c.ZRangeWithScores(ctx, s.keys.turns(class), 0, -1).Val() {
			flow := z.Member.(string)
			flows[flow] = z.Score
			w.keys[class+flow] = s.c.ZRange(ctx, s.keys.fairKeys(class, flow), 0, -1).Val()
			n, _ := strconv.ParseInt(flow, 10, 64)
			w.flights[flow] = int(s.c.SCard(ctx, s.keys.flight(n)).Val())
			w.shares[flow], _ = s.c.HGet(ctx, s.keys.shares(), flow).Int()
		}
	}
	for _, group := range s.c.SMembers(ctx, s.keys.groups()).Val() {
		w.lines[group] = s.c.ZRange(ctx, s.keys.groupPrefix()+group, 0, -1).Val()
	}
	return w
}

func (w *waiting) score(flow string, number int) float64 {
	return math.Floor(float64(w.flights[flow]*50)/float64(cmp.Or(w.shares[flow], 50)))*(1<<32) + float64(number%(1<<32))
}

// left records that runs of a flow are not in flight any more.
func (w *waiting) left(flow string, n int) {
	w.flights[flow] -= n
	for _, flows := range w.scores {
		if was, ok := flows[flow]; ok {
			flows[flow] = w.score(flow, int(math.Mod(was, 1<<32)))
		}
	}
}

// next is the flow of a class whose turn it is, empty when none waits.
func (w *waiting) next(class string) string {
	best := ""
	for flow, score := range w.scores[class] {
		if best == "" || score < w.scores[class][best] {
			best = flow
		}
	}
	return best
}

func (w *waiting) spareFor(class, flow string) bool {
	spare := w.spare
	if class == "u" {
		spare /= 2
	}
	left := spare - max(0, w.begun-w.slots) - w.express
	return left > 0 && w.flights[flow] < max(1, (left+1)/2)
}

// moveUp moves one run up; it returns false when there is no room, or no run waits.
func (w *waiting) moveUp() bool {
	classes := []string{"w", "u"}
	if w.turn%8 == 0 {
		slices.Reverse(classes)
	}
	for _, class := range classes {
		flow := w.next(class)
		if flow == "" {
			continue
		}
		free := w.pending+w.express+w.begun < w.slots+max(8, w.slots/4)
		if !free && !w.spareFor(class, flow) {
			continue
		}
		task := w.take(class, flow)
		w.flights[flow]++
		if free {
			w.pending++
			w.movedPending = append(w.movedPending, task)
		} else {
			w.express++
			w.movedSpare = append(w.movedSpare, task)
		}
		if _, more := w.scores[class][flow]; more {
			w.scores[class][flow] = w.score(flow, w.turn)
		}
		return true
	}
	return false
}

func (w *waiting) take(class, flow string) string {
	w.turn++
	group, keys := "flow-"+flow, w.keys[class+flow]
	if class == "w" {
		group += "-waited"
	}
	keyed := group
	if len(keys) > 0 {
		keyed += "-" + keys[0]
	}
	line := w.lines[keyed]
	w.lines[keyed] = line[1:]
	switch {
	case len(keys) > 0 && len(line) == 1:
		w.keys[class+flow] = keys[1:]
	case len(keys) > 0:
		w.keys[class+flow] = append(slices.Clone(keys[1:]), keys[0])
	}
	if len(w.keys[class+flow]) == 0 && len(w.lines[group]) == 0 {
		delete(w.scores[class], flow)
	}
	return line[0]
}

// The scripts move up the runs that the rule names, in its order, whatever the
// number of flows, keys and runs.
func TestWhoMovesUp(t *testing.T) {
	t.Parallel()
	for round := range 25 {
		seed := rand.Uint64()
		t.Run(fmt.Sprintf("%d seed %d", round, seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			s, ctx := newStoredRun(t), t.Context()
			s.c.FlushDB(ctx)
			s.c.Set(ctx, s.keys.slots(), "4 0 50", 0)
			flows := 1 + random.IntN(30)
			shares := make([]string, flows) // of their own, empty for most
			for i := range shares {
				shares[i] = []string{"", "", "", "/25", "/100"}[random.IntN(5)]
			}
			for range 1 + random.IntN(200) {
				i := random.IntN(1 + random.IntN(flows))
				turn := fmt.Sprint([]string{"w", "u"}[random.IntN(2)], i+1, shares[i], []string{"", "", ":a", ":b", ":c"}[random.IntN(1+min(i, 4))])
				s.run(submitScript, "", "", -1, -1, NewRunID("default"), "m", "s", "", 60000, "", turn, "", "", "", "", "")
			}
			for range 6 {
				s.c.Set(ctx, s.keys.slots(), fmt.Sprintf("%d %d 50", 4+random.IntN(60), random.IntN(12)), 0)
				args := []any{"2026-01-01", 4102444800}
				left := map[string]int{}
				for range random.IntN(10) { // runs that are over without having begun
					task := s.c.RPop(ctx, s.keys.pending()).Val()
					if task == "" {
						break
					}
					id := task[:36]
					flow := strings.FieldsFunc(s.c.HGet(ctx, s.keys.runPrefix()+id, "turn").Val()[1:], func(r rune) bool { return r == '/' || r == ':' })[0]
					left[flow]++
					s.c.HSet(ctx, s.keys.runPrefix()+id, "state", "succeeded", "fence", 1, "finished", 1)
					args = append(args, id, "")
				}
				if len(args) == 2 {
					args = append(args, NewRunID("default"), "") // its record is gone
				}
				want := s.waiting()
				for flow, n := range left {
					want.left(flow, n)
				}
				for want.express > 0 && want.pending+want.begun < want.slots {
					want.express--
					want.pending++
				}
				moved := want.express // what is in express stays there
				before := s.c.LLen(ctx, s.keys.pending()).Val()
				for want.moveUp() {
				}
				s.run(settleScript, args...)
				got := s.waiting()
				pending := s.c.LRange(ctx, s.keys.pending(), 0, -1).Val()
				express := s.c.LRange(ctx, s.keys.express(), 0, -1).Val()
				slices.Reverse(pending)
				slices.Reverse(express)
				gotPending, gotSpare := pending[len(pending)-len(want.movedPending):], express[min(moved, len(express)):]
				if diff := gocmp.Diff(append([]string{}, want.movedPending...), append([]string{}, gotPending...)); diff != "" || len(pending) < int(before) {
					t.Fatalf("to pending (-want +got)\n%s", diff)
				}
				if diff := gocmp.Diff(append([]string{}, want.movedSpare...), append([]string{}, gotSpare...)); diff != "" {
					t.Fatalf("to spare slots (-want +got)\n%s", diff)
				}
				for _, class := range []string{"w", "u"} {
					if diff := gocmp.Diff(slices.Sorted(maps.Keys(want.scores[class])), slices.Sorted(maps.Keys(got.scores[class]))); diff != "" {
						t.Fatalf("flows in line (-want +got)\n%s", diff)
					}
				}
				if got.turn != want.turn || got.pending != want.pending || got.express != want.express {
					t.Fatalf("turn %d, pending %d, express %d; want %d, %d, %d", got.turn, got.pending, got.express, want.turn, want.pending, want.express)
				}
			}
		})
	}
}
