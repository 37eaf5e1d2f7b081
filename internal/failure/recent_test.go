package failure_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/failure"
)

func TestRecent(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	s.record(s.run("long ago"))
	s.at = s.at.Add(48 * time.Hour)
	s.record(s.run("lately"), s.run("lately"))
	other := s.run("elsewhere")
	other.Flow, other.Code = 8, "uncertain"
	s.record(other)
	all, err := s.Recent(t.Context(), 24*time.Hour)
	if err != nil || len(all) != 2 {
		t.Fatalf("%+v, %v", all, err)
	}
	counts := map[int64]int64{}
	for _, g := range all {
		counts[g.Flow] = g.LastHour
		if g.State != failure.Open {
			t.Errorf("%s is %s", g.ID, g.State)
		}
	}
	if counts[7] != 2 || counts[8] != 1 {
		t.Errorf("by flow: %v", counts)
	}
	if all, err = s.Recent(t.Context(), 72*time.Hour); err != nil || len(all) != 3 {
		t.Errorf("of three days: %+v, %v", all, err)
	}
}

// What is read is bounded, however many flows fail in however many ways.
func TestRecentIsBounded(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	words := []string{"red", "blue", "green", "brown", "pink", "white", "grey", "teal", "gold", "lime", "navy", "plum"}
	for flow := range int64(210) {
		runs := make([]failure.Run, len(words))
		for i, word := range words {
			runs[i] = s.run(word + " does not work")
			runs[i].ID, runs[i].Flow = fmt.Sprint(flow, "-", i), flow+1
		}
		s.record(runs...)
	}
	all, err := s.Recent(t.Context(), time.Hour)
	if err != nil || len(all) != 2000 {
		t.Errorf("%d failures, %v", len(all), err)
	}
}
