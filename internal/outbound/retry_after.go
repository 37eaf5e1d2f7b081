package outbound

import (
	"errors"
	"net/http"
	"strconv"
	"time"
)

// RetryAfter parses the value of a Retry-After header: seconds or a date (RFC 9110, section 10.2.3); 0 for anything else. More
// than 68 years are 68.
func RetryAfter(value string, now time.Time) time.Duration {
	seconds, err := strconv.ParseUint(value, 10, 31)
	if err == nil || errors.Is(err, strconv.ErrRange) { // seconds is the largest number then
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
