package api

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/internal/callback"
	"github.com/penstock/penstock/internal/framing"
)

// pathHooks is the prefix of the paths of webhooks.
const pathHooks = "/hooks/"

// wellFormed rejects requests that a proxy may have parsed differently: ambiguous in the length of the body or in
// the path.
func (a *API) wellFormed(c *gin.Context) {
	if refusal := framing.Refused(c.Request); refusal != nil {
		httpx.Fail(c, &httpx.Fault{Status: http.StatusBadRequest, Code: "bad_framing", Message: refusal.Reason, Close: true})
		return
	}
	if !canonicalPath(c.Request.URL.RawPath, c.Request.URL.Path) {
		a.noRoute(c)
		return
	}
	c.Next()
}

// trimSlash returns a request to a webhook or callback without the slash at the end of its path, which some senders add.
// Other paths have one spelling, because signatures cover them.
func trimSlash(r *http.Request) *http.Request {
	path := r.URL.Path
	if !strings.HasSuffix(path, "/") || !strings.HasPrefix(path, pathHooks) && !strings.HasPrefix(path, callback.Path) {
		return r
	}
	if path = path[:len(path)-1]; path+"/" == pathHooks || path+"/" == callback.Path || strings.HasSuffix(path, "/") {
		return r
	}
	trimmed, u := *r, *r.URL
	u.Path, u.RawPath = path, strings.TrimSuffix(u.RawPath, "/")
	trimmed.URL = &u
	return &trimmed
}

// canonicalPath reports whether a path is the only spelling of itself (RFC
// 3986, section 6.2.2). Unreserved characters are not encoded, and there are
// no encoded slashes, backslashes or control characters, no dot segments and
// no empty segments. raw is empty when path has no other than its default
// encoding, as in http.Request.
func canonicalPath(raw, path string) bool {
	if strings.Contains(path, "/.") && hasDotSegment(path) || strings.Contains(path, "//") || strings.IndexByte(path, '\\') >= 0 {
		return false
	}
	for i := range len(path) {
		if path[i] < ' ' || path[i] == 0x7f {
			return false
		}
	}
	for {
		at := strings.IndexByte(raw, '%')
		if at < 0 || at+2 >= len(raw) {
			return true
		}
		if b := unhex(raw[at+1])<<4 | unhex(raw[at+2]); b == '/' || isUnreserved(b) {
			return false
		}
		raw = raw[at+3:]
	}
}

func hasDotSegment(path string) bool {
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}

// isUnreserved is RFC 3986, section 2.3.
func isUnreserved(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || b == '-' || b == '.' || b == '_' || b == '~'
}

// unhex is the value of a hexadecimal digit, which net/url has checked.
func unhex(digit byte) byte {
	switch {
	case digit >= 'a':
		return digit - 'a' + 10
	case digit >= 'A':
		return digit - 'A' + 10
	}
	return digit - '0'
}
