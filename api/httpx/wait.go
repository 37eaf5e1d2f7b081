package httpx

import (
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
)

// writeGrace is the time for writing the response after a wait.
const writeGrace = 10 * time.Second

// KeepOpen moves the deadlines of the connection past a wait. The read deadline is moved as well, because net/http
// reads ahead while a handler runs, and a timeout of that read would cancel the request.
func KeepOpen(c *gin.Context, wait time.Duration) {
	rc, until := http.NewResponseController(c.Writer), time.Now().Add(wait+writeGrace)
	_ = rc.SetReadDeadline(until)  // an error means that there is no deadline
	_ = rc.SetWriteDeadline(until) // likewise
}

// ParseSeconds parses a whole number of seconds from 0 to 65535.
func ParseSeconds(s string) (time.Duration, bool) {
	n, err := strconv.ParseUint(s, 10, 16)
	return time.Duration(n) * time.Second, err == nil
}
