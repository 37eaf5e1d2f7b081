package embedded

import (
	"time"

	"github.com/alicebob/miniredis/v2"
)

// clockTick is the maximum delay of an expiry, in a store so small that visiting all keys costs nothing.
const clockTick = 50 * time.Millisecond

// clock expires keys. miniredis can follow the wall clock by itself (ClockTTL), but then sorts and visits every key
// on every access: 3 ms for each command at 10,000 keys. Advancing its time in ticks costs the same once for each
// tick, and TIME inside of scripts stays exact.
type clock struct {
	last time.Time // time up to which keys have expired
}

// wallClock returns the time without its monotonic part, so that the sleep of a suspended laptop counts, in whole
// milliseconds, so that expiry times are equal in every snapshot.
func wallClock() time.Time { return time.Now().Round(0).Truncate(time.Millisecond) }

// advance expires keys up to now and returns the time until the next call: a tick, or longer to keep the cost under
// half a percent.
func (c *clock) advance(store *miniredis.Miniredis) time.Duration {
	start, now := time.Now(), wallClock()
	if now.After(c.last) {
		store.FastForward(now.Sub(c.last))
	} // else the wall clock was set back: keys keep their remaining time
	c.last = now
	return max(clockTick, 200*time.Since(start))
}
