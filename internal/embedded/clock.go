package embedded

import (
	"time"

	"github.com/alicebob/miniredis/v2"
)

// clockTick is how late a TTL may end, in a store small enough that looking
// at all of its keys costs nothing.
const clockTick = 50 * time.Millisecond

// clock makes TTLs pass. miniredis can follow the wall clock by itself
// (ClockTTL), but then sorts and visits every key on every access: 3 ms for
// each command at 10,000 keys. Moving the time in ticks costs the same once
// a tick, and TIME inside scripts stays exact.
type clock struct {
	last time.Time // up to when TTLs have passed
}

// wallClock is the time without its monotonic part, so that a suspended
// laptop's sleep counts, in whole milliseconds, so that the moment at which a
// key expires reads the same in every snapshot.
func wallClock() time.Time { return time.Now().Round(0).Truncate(time.Millisecond) }

// advance lets the time since the last call pass and returns when to come
// again: a tick, or as much longer as keeps the cost under half a percent.
func (c *clock) advance(store *miniredis.Miniredis) time.Duration {
	start, now := time.Now(), wallClock()
	if now.After(c.last) {
		store.FastForward(now.Sub(c.last))
	} // else the wall clock was set back: TTLs keep what they have left
	c.last = now
	return max(clockTick, 200*time.Since(start))
}
