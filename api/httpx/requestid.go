package httpx

import (
	"crypto/rand"

	"github.com/gin-gonic/gin"
)

// Headers of answers.
const (
	HeaderRequestID = "X-Request-Id"
	HeaderRun       = "Penstock-Run-Id" // of an answer: the run it belongs to
	maxRequestID    = 128
)

// RequestID names the request in the answer and the log: by the caller's own
// X-Request-Id when that is sane, else by 128 random bits.
func RequestID(c *gin.Context) {
	id := c.GetHeader(HeaderRequestID)
	if !ValidID(id) {
		id = rand.Text()
	}
	StateOf(c).ID = id
	c.Header(HeaderRequestID, id)
	c.Next()
}

// ValidID reports whether a caller's id may be repeated in headers and logs.
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
