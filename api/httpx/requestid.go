package httpx

import (
	"crypto/rand"

	"github.com/gin-gonic/gin"
)

// Headers of responses.
const (
	HeaderRequestID = "X-Request-Id"
	HeaderRun       = "Penstock-Run-Id" // id of the run that the response belongs to
	maxRequestID    = 128
)

// RequestID sets the id of the request for the response and the log: the caller's header X-Request-Id if it is
// valid, else 128 random bits.
func RequestID(c *gin.Context) {
	id := c.GetHeader(HeaderRequestID)
	if !ValidID(id) {
		id = rand.Text()
	}
	StateOf(c).ID = id
	c.Header(HeaderRequestID, id)
	c.Next()
}

// ValidID reports whether an id sent by a caller may be repeated in headers and logs: 1 to 128 letters, digits and
// some punctuation.
func ValidID(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for i := range len(id) {
		b := id[i]
		if !('a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' ||
			b == '-' || b == '_' || b == '.' || b == ':' || b == '/' || b == '+' || b == '=') {
			return false
		}
	}
	return true
}
