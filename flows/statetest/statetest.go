// Package statetest is the conformance test of flows.State and flows.Pacer.
package statetest

import (
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/flows"
)

// Store is the implementation under test.
type Store interface {
	flows.State
	flows.Pacer
}

// Run tests stores created by open, each empty.
func Run(t *testing.T, open func(t *testing.T) Store) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Store){
		"a value is there until it is removed":      values,
		"a change is made when its condition holds": conditions,
		"a change that comes again":                 changedOnce,
		"values expire":                             expiry,
		"an addition that comes again":              addedOnce,
		"additions at once":                         additions,
		"only whole numbers are added to":           noNumber,
		"one of many takes what is absent":          oneOfMany,
		"a rate is kept within any stretch":         rates,
		"a reservation beyond the longest wait":     longestWait,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func swap(t *testing.T, s Store, c flows.Change) flows.Swapped {
	t.Helper()
	done, err := s.Swap(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func holds(t *testing.T, s Store, key, want string) {
	t.Helper()
	value, err := s.Load(t.Context(), key)
	if err != nil || string(value) != want {
		t.Errorf("%s holds %q, want %q (%v)", key, value, want, err)
	}
}

func values(t *testing.T, s Store) {
	holds(t, s, "k {}", "")
	swap(t, s, flows.Change{Key: "k {}", Value: []byte(`"é\u0000"`)})
	swap(t, s, flows.Change{Key: "other", Value: []byte("1")})
	holds(t, s, "k {}", `"é\u0000"`)
	swap(t, s, flows.Change{Key: "k {}"})
	holds(t, s, "k {}", "")
	holds(t, s, "other", "1")
}

func conditions(t *testing.T, s Store) {
	a, b := []byte("a"), []byte("b")
	steps := []struct {
		change flows.Change
		done   bool
		value  string
	}{
		{flows.Change{Value: a, If: flows.Equal, Old: b}, false, ""},
		{flows.Change{Value: a, If: flows.Equal}, true, "a"},
		{flows.Change{Value: b, If: flows.Equal}, false, "a"},
		{flows.Change{Value: b, If: flows.Absent}, false, "a"},
		{flows.Change{Value: b, If: flows.Free, Old: b}, false, "a"},
		{flows.Change{Value: a, If: flows.Free, Old: a}, true, "a"},
		{flows.Change{Value: b, If: flows.Equal, Old: a}, true, "b"},
		{flows.Change{If: flows.Equal, Old: a}, false, "b"},
		{flows.Change{If: flows.Equal, Old: b}, true, ""},
		{flows.Change{Value: a, If: flows.Free, Old: b}, true, "a"},
		{flows.Change{Value: b}, true, "b"},
		{flows.Change{}, true, ""},
		{flows.Change{Value: a, If: flows.Absent}, true, "a"},
	}
	for i, step := range steps {
		step.change.Key = "k"
		got := swap(t, s, step.change)
		if got.Done != step.done || string(got.Value) != step.value {
			t.Errorf("change %d: done %v, holds %q; want %v, %q", i, got.Done, got.Value, step.done, step.value)
		}
		holds(t, s, "k", step.value)
	}
}

func changedOnce(t *testing.T, s Store) {
	first := flows.Change{Key: "mark", Value: []byte("1"), If: flows.Absent, ID: "run.a"}
	other := flows.Change{Key: "mark", Value: []byte("1"), If: flows.Absent, ID: "run.b"}
	done, again := swap(t, s, first).Done, swap(t, s, first).Done
	if !done || !again || swap(t, s, other).Done {
		t.Error("an operation that comes again finds its own mark, another one does not")
	}
	set := flows.Change{Key: "n", Value: []byte("1"), If: flows.Equal, ID: "run.c"}
	swap(t, s, set)
	swap(t, s, flows.Change{Key: "n", Value: []byte("2"), If: flows.Equal, Old: []byte("1"), ID: "run.d"})
	if got := swap(t, s, set); !got.Done || string(got.Value) != "2" {
		t.Errorf("an operation that comes again changed %v, the value is %s", got.Done, got.Value)
	}
	if swap(t, s, flows.Change{Key: "n", Value: []byte("1"), If: flows.Equal, ID: "run.e"}).Done {
		t.Error("another operation is taken for one that comes again")
	}
}

func expiry(t *testing.T, s Store) {
	swap(t, s, flows.Change{Key: "short", Value: []byte("1"), For: 50 * time.Millisecond})
	swap(t, s, flows.Change{Key: "long", Value: []byte("1"), For: time.Hour})
	if _, err := s.Add(t.Context(), flows.Addition{Key: "sum", By: 1, For: 50 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		short, err := s.Load(t.Context(), "short")
		sum, _ := s.Load(t.Context(), "sum")
		if err != nil || short == nil && sum == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("values do not expire")
		}
		<-time.After(5 * time.Millisecond)
	}
	holds(t, s, "long", "1")
	swap(t, s, flows.Change{Key: "long", Value: []byte("2")})
	if got := swap(t, s, flows.Change{Key: "short", Value: []byte("2"), If: flows.Absent}); !got.Done {
		t.Error("what has expired is in the way")
	}
}

func addedOnce(t *testing.T, s Store) {
	for i, step := range []struct {
		a    flows.Addition
		want int64
	}{
		{flows.Addition{By: 5, ID: "r.1"}, 5},
		{flows.Addition{By: -7, ID: "r.2"}, -2},
		{flows.Addition{By: 5, ID: "r.1"}, 5},
		{flows.Addition{By: 1}, -1},
		{flows.Addition{By: 1}, 0},
		{flows.Addition{By: 9007199254740993, ID: "r.3"}, 9007199254740993},
	} {
		step.a.Key = "n"
		if got, err := s.Add(t.Context(), step.a); err != nil || got != step.want {
			t.Errorf("addition %d: %d, want %d (%v)", i, got, step.want, err)
		}
	}
	holds(t, s, "n", "9007199254740993")
}

func additions(t *testing.T, s Store) {
	var all sync.WaitGroup
	for i := range 20 {
		for range 2 {
			all.Go(func() {
				if _, err := s.Add(t.Context(), flows.Addition{Key: "n", By: 1, ID: strconv.Itoa(i)}); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	holds(t, s, "n", "20")
}

func noNumber(t *testing.T, s Store) {
	for _, value := range []string{`"text"`, "1.5"} {
		swap(t, s, flows.Change{Key: "k", Value: []byte(value)})
		if sum, err := s.Add(t.Context(), flows.Addition{Key: "k", By: 1}); err == nil {
			t.Errorf("1 is added to %s: %d", value, sum)
		}
		holds(t, s, "k", value)
	}
}

func oneOfMany(t *testing.T, s Store) {
	var won atomic.Int64
	var all sync.WaitGroup
	for i := range 30 {
		all.Go(func() {
			if swap(t, s, flows.Change{Key: "lock", Value: []byte(strconv.Itoa(i)), If: flows.Absent, For: time.Minute}).Done {
				won.Add(1)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d took the lock", won.Load())
	}
}

func rates(t *testing.T, s Store) {
	const per = time.Minute
	begun := time.Now()
	for i := range 7 {
		wait, ok, err := s.Take(t.Context(), "k", flows.Rate{Count: 3, Per: per}, time.Hour)
		want := time.Duration(i/3) * per
		if err != nil || !ok || wait > want || wait < want-time.Since(begun)-time.Second {
			t.Errorf("reservation %d is %v away, want %v (%v, %v)", i, wait, want, ok, err)
		}
	}
	if wait, ok, _ := s.Take(t.Context(), "other", flows.Rate{Count: 3, Per: per}, 0); !ok || wait != 0 {
		t.Error("another key has a rate of its own")
	}
}

func longestWait(t *testing.T, s Store) {
	rate := flows.Rate{Count: 1, Per: time.Hour}
	if _, ok, err := s.Take(t.Context(), "k", rate, 0); !ok || err != nil {
		t.Fatal(ok, err)
	}
	for range 2 { // a rejected reservation is not stored
		wait, ok, err := s.Take(t.Context(), "k", rate, time.Minute)
		if ok || err != nil || wait > time.Hour || wait < 50*time.Minute {
			t.Errorf("%v, %v, %v", wait, ok, err)
		}
	}
	if wait, ok, _ := s.Take(t.Context(), "k", rate, 2*time.Hour); !ok || wait > time.Hour {
		t.Errorf("%v, %v", wait, ok)
	}
}
