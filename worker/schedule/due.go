package schedule

import (
	"time"

	"github.com/penstock/penstock/flows"
)

const (
	// remember is how long the guard of a run is kept, at least.
	remember = 24 * time.Hour
	// margin is how much less than its guard a time may be old: a worker may
	// have been stopped for as long between looking at the clock and submitting.
	margin = time.Hour
	// longest is how far back times are looked for.
	longest = 366 * 24 * time.Hour
)

// due lists the times after what is decided for which runs are to be started
// now, oldest first, and the last time that is decided with them; zero when
// none has passed.
func due(s *flows.Schedule, decided, now time.Time) (start []time.Time, upTo time.Time) {
	if earliest := now.Add(-longest); decided.Before(earliest) {
		decided = earliest
	}
	most := 1
	if s.CatchUp == "all" {
		most = s.CatchUpLimit
	}
	for at := s.Next(decided); !at.IsZero() && !at.After(now); at = s.Next(at) {
		upTo = at
		if !wanted(s, at, now) {
			continue
		}
		if start = append(start, at); len(start) > most {
			start = start[1:]
		}
	}
	return start, upTo
}

// passed counts the times after what is decided, up to the last that is
// decided now, and no more than are looked for.
func passed(s *flows.Schedule, decided, upTo time.Time) (n int) {
	if earliest := upTo.Add(-longest); decided.Before(earliest) {
		decided = earliest
	}
	for at := s.Next(decided); !at.IsZero() && !at.After(upTo); at = s.Next(at) {
		n++
	}
	return n
}

// wanted reports whether a time that has passed still becomes a run. One
// whose guard may be forgotten does not: it might be the second.
func wanted(s *flows.Schedule, at, now time.Time) bool {
	late := now.Sub(at)
	return late <= onTime || s.CatchUp != "none" && late < window(s, at)-margin
}

// window is how long the guard of a run is kept: over the next time at least,
// so that the last one can be made up for until then.
func window(s *flows.Schedule, at time.Time) time.Duration {
	next := s.Next(at)
	if next.IsZero() {
		return longest
	}
	return max(remember, 2*next.Sub(at))
}
