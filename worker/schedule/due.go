package schedule

import (
	"time"

	"github.com/penstock/penstock/flows"
)

const (
	// remember is the minimum time for which the idempotency key of a run is kept.
	remember = 24 * time.Hour
	// margin is subtracted from that time: a worker may have been stopped for so long between reading the clock and
	// submitting.
	margin = time.Hour
	// longest is how far back due times are searched.
	longest = 366 * 24 * time.Hour
)

// due returns the due times after decided for which runs must be started now, oldest first, the number of the others,
// and the last time covered by the decision; zero when no time has passed.
func due(s *flows.Schedule, decided, now time.Time) (start []time.Time, missed int, upTo time.Time) {
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
			missed++
			continue
		}
		if start = append(start, at); len(start) > most {
			start = start[1:]
			missed++
		}
	}
	return start, missed, upTo
}

// wanted reports whether a missed time still becomes a run. It does not when its idempotency key may have expired,
// because the run might be the second one.
func wanted(s *flows.Schedule, at, now time.Time) bool {
	late := now.Sub(at)
	return late <= onTime || s.CatchUp != "none" && late < window(s, at)-margin
}

// window returns how long the idempotency key of a run is kept: beyond the next time, so that this one can be made up
// for until then.
func window(s *flows.Schedule, at time.Time) time.Duration {
	next := s.Next(at)
	if next.IsZero() {
		return longest
	}
	return max(remember, 2*next.Sub(at))
}
