package httpx

import (
	"strings"

	"github.com/gin-gonic/gin"
)

// NotModified reports whether the caller has the representation with a tag already: whether If-None-Match names it, by
// the weak comparison (RFC 9110, section 13.1.2).
func NotModified(c *gin.Context, etag string) bool {
	want := strings.TrimPrefix(etag, "W/")
	for _, line := range c.Request.Header.Values("If-None-Match") {
		for tag := range strings.SplitSeq(line, ",") {
			if tag = strings.TrimSpace(tag); tag == "*" || strings.TrimPrefix(tag, "W/") == want {
				return true
			}
		}
	}
	return false
}
