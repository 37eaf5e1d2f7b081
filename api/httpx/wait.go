package httpx

import (
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
)

// writeGrace is how long the answer may take to write once it is there.
const writeGrace = 10 * time.Second

// KeepOpen moves the connection's deadlines past a wait. The read deadline
// too: net/http reads ahead while a handler works, and a read that times out
// would cancel the request.
func KeepOpen(c *gin.Context, wait time.Duration) {
	rc, until := http.NewResponseController(c.Writer), time.Now().Add(wait+writeGrace)
	_ = rc.SetReadDeadline(until)  // not supported: there is no deadline to move
	_ = rc.SetWriteDeadline(until) // likewise
}

// ParseSeconds reads a small number of whole seconds.
func ParseSeconds(s string) (time.Duration, bool) {
	n, err := strconv.ParseUint(s, 10, 16)
	return time.Duration(n) * time.Second, err == nil
}
