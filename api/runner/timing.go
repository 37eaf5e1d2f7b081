package runner

import (
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/queue"
)

// setTiming sets the header Server-Timing: auth until the submission, queue until a worker began the run, run, and
// reply until now. The times are from different machines; negative durations are written as zero.
func setTiming(c *gin.Context, start, submitted time.Time, t queue.Times, now time.Time) {
	var stack [96]byte
	line := append(stack[:0], "auth;dur="...)
	line = appendMillis(line, submitted.Sub(start))
	if !t.Started.IsZero() {
		line = append(line, ", queue;dur="...)
		line = appendMillis(line, t.Started.Sub(t.Accepted))
		if !t.Finished.IsZero() {
			line = append(line, ", run;dur="...)
			line = appendMillis(line, t.Finished.Sub(t.Started))
		}
	}
	if !t.Finished.IsZero() {
		line = append(line, ", reply;dur="...)
		line = appendMillis(line, now.Sub(t.Finished))
	}
	c.Header("Server-Timing", string(line))
}

func appendMillis(line []byte, d time.Duration) []byte {
	return strconv.AppendFloat(line, max(0, float64(d)/float64(time.Millisecond)), 'f', 3, 64)
}
