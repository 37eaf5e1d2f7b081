package oauth

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
)

// WriteFault writes a fault as in RFC 6749 section 5.2.
func WriteFault(c *gin.Context, f *httpx.Fault) {
	code := f.Code
	switch {
	case f.Status == http.StatusServiceUnavailable:
		code = "temporarily_unavailable"
	case f.Status >= http.StatusInternalServerError:
		code = "server_error"
	case f.Status == http.StatusTooManyRequests:
		code = "slow_down"
	case !isCode(auth.Code(f.Code)):
		code = string(auth.CodeInvalidRequest)
	}
	write(c, f.Status, map[string]string{"error": code, "error_description": escapeDescription(f.Message)})
}

func isCode(code auth.Code) bool {
	return slices.Contains([]auth.Code{
		auth.CodeInvalidRequest, auth.CodeInvalidClient, auth.CodeInvalidGrant, auth.CodeInvalidScope, auth.CodeInvalidTarget,
		auth.CodeUnsupportedGrant, auth.CodeUnauthorizedUse,
	}, code)
}

// escapeDescription replaces the characters that error_description must not contain.
func escapeDescription(message string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' {
			return '\''
		}
		return r
	}, message)
}
