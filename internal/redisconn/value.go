package redisconn

import (
	"strconv"
	"time"
)

// Time returns a time that is stored as the text of unix milliseconds, in UTC. Any other text is the zero time.
func Time(text string) time.Time {
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
