package outbound

import (
	"net/http"
	"strconv"
	"time"
)

// RetryAfter parses the value of a Retry-After header: seconds or a date (RFC 9110, section 10.2.3); 0 for anything else.
func RetryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
