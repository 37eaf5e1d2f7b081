package httpx

import (
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
)

func TestIfNoneMatch(t *testing.T) {
	t.Parallel()
	c := &gin.Context{Request: httptest.NewRequest("GET", "/", nil)}
	if NotModified(c, `"a"`) {
		t.Error("no header matches")
	}
	for line, want := range map[string]bool{`"a"`: true, `W/"a"`: true, `"b", "a"`: true, "*": true, `"b"`: false, "a": false, "": false, `"a`: false} {
		c.Request.Header["If-None-Match"] = []string{line}
		if NotModified(c, `"a"`) != want {
			t.Errorf("%s: %v", line, !want)
		}
	}
}
