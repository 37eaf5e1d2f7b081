package api

import (
	"crypto/rand"

	"github.com/gin-gonic/gin"
)

const (
	headerRequestID = "X-Request-Id"
	maxRequestID    = 128
)

// requestID names the request in the answer and the log: by the caller's own
// X-Request-Id when that is sane, else by 128 random bits.
func requestID(c *gin.Context) {
	id := c.GetHeader(headerRequestID)
	if !saneID(id) {
		id = rand.Text()
	}
	of(c).id = id
	c.Header(headerRequestID, id)
	c.Next()
}

// saneID reports whether a caller's id may be repeated in headers and logs.
func saneID(id string) bool {
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
